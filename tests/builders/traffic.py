"""Random but plausible traffic of a consortium: seals, cases and records side by side, with faults.

What comes out follows from the seed alone. A fault is a step that somebody else takes, that is
malformed, or that comes at a wrong moment; how it ends is not said here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from builders.consortium import MEMBERS, member_key
from builders.deciding import admission
from builders.events import data_of, digest, identity_number, reference, uscc
from builders.world import personal

__all__ = ["Step", "traffic"]


@dataclass(frozen=True)
class Step:
    """One event to be recorded. ``about`` is the dossier whose code ``data`` is to name."""

    event_type: str
    sub: str
    data: dict[str, Any]
    by: str
    about: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)


def _seal(number: int, rng: random.Random) -> Iterator[Step]:
    maker = rng.choice(["maker-a", "maker-b"])
    person = rng.random() < 0.3
    es_id, sub = f"370102{number:08d}", f"seal:{maker}:{number:04d}"
    if rng.random() < 0.2:
        imported = data_of("seal.imported", es_id=es_id, seal_code=es_id, filing_no=f"I-{number}")
        yield Step("seal.imported", sub, personal(imported) if person else imported, maker)
    else:
        applied = data_of("seal.applied", owner_uscc=uscc(number), maker=maker)
        if rng.random() < 0.5:
            sub = f"seal:platform-a:{number:04d}"
        opener = sub.split(":")[1]
        yield Step("seal.applied", sub, personal(applied) if person else applied, opener)
        created = data_of("seal.created", es_id=es_id, seal_code=es_id)
        if person:
            del created["seal_name"]
        yield Step("seal.created", sub, created, maker)
        yield Step(
            "seal.filed", sub, data_of("seal.filed", filing_no=f"BA-{number}"), "police-lixia"
        )
    for to in rng.choice([(), ("suspended", "active"), ("lost", "cancelled"), ("revoked",)]):
        by = rng.choice(["police-jinan", "authority-jinan"])
        yield Step("seal.status_changed", sub, data_of("seal.status_changed", to=to), by)
    if rng.random() < 0.3:
        yield Step(
            "seal.certificate_renewed", sub, data_of("seal.certificate_renewed"), "ca-shandong"
        )


def _case(number: int, rng: random.Random) -> Iterator[Step]:
    platform = rng.choice(["platform-a", "platform-b"])
    sub = f"case:{platform}:{number:04d}"
    parties = [reference(number, party) for party in range(rng.randint(1, 3))]
    current = [digest("document", number, item) for item in range(rng.randint(1, 2))]

    def step(event_type: str, **changes: Any) -> Step:
        return Step(event_type, sub, data_of(event_type, **changes), platform)

    def files() -> list[dict[str, Any]]:
        return [{"media_type": "application/pdf", "sha256": item, "size": 9} for item in current]

    yield step(
        "signing.initiated",
        documents=files(),
        parties=[{"kind": "person", "party_ref": party} for party in parties],
        sign_no=f"QY{number:018d}-1",
        aliases=[f"HT-{number}", f"合同 {number}"] if rng.random() < 0.5 else None,
        participants=["identity-a"] if rng.random() < 0.5 else None,
    )
    for party in parties:
        yield step("signing.identity_verified", party_ref=party)
        for place, before in enumerate(current):
            if rng.random() < 0.5:
                yield step("signing.intent_confirmed", party_ref=party, document_hash=before)
            kind, es_id = rng.choice(
                [
                    ("handwritten", None),
                    ("certificate", None),
                    ("organisation_seal", f"370102{rng.randint(1, 6):08d}"),
                ]
            )
            how = {"party_ref": party, "signature_kind": kind, "es_id": es_id}
            yield step("signing.started", document_hash=before, **how)
            after = digest("sealed", number, party, place)
            yield step("signing.sealed", before_hash=before, after_hash=after, **how)
            if kind != "organisation_seal":  # which may have been refused
                current[place] = after
    if rng.random() < 0.7:
        yield step("signing.completed", documents=files())
    else:
        yield step(rng.choice(["signing.rejected", "signing.voided"]))
    if rng.random() < 0.5:
        kind = rng.choice(["disclosure.released", "disclosure.erased", "certificate.issued"])
        record = f"record:operator-a:{number:04d}"
        yield Step(kind, record, data_of(kind), "operator-a", about=sub)


def _record(number: int, rng: random.Random) -> Iterator[Step]:
    by = rng.choice(["platform-a", "operator-a"])
    data = data_of(
        "record.imported",
        aliases=[f"CZ{number:013d}-1"],
        document_hashes=[digest("old", number, item) for item in range(rng.randint(0, 2))],
    )
    yield Step("record.imported", f"record:{by}:i{number:04d}", data, by)


def _proposal(number: int, rng: random.Random) -> Iterator[Step]:
    """Proposed, and voted on by as many as may be enough."""
    change = rng.choice(
        [
            admission(f"newcomer-{number}"),
            {"kind": "member.change", "member": "auditor-a", "name": f"审计 {number}"},
            {"kind": "member.suspend", "member": "court-a"},
            {"kind": "member.readmit", "member": "court-a"},
            {"kind": "parameter.set", "name": "late_after_ms", "value": number * 1000},
            {"kind": "parameter.set", "name": "max_block_bytes", "value": (1 << 20) + number},
            {"kind": "key.revoke", "kid": member_key("auditor-a").kid, "member": "auditor-a"},
        ]
    )
    voters = rng.sample(sorted(MEMBERS), 19)
    sub = f"consortium:{voters[0]}:{number:04d}"
    data = data_of("governance.proposed", change=change)
    yield Step("governance.proposed", sub, data, voters[0])
    for voter in voters[1:]:
        word = "approve" if rng.random() < 0.9 else "reject"
        yield Step("governance.voted", sub, {"vote": word}, voter)


def _spoil(step: Step, rng: random.Random) -> Step:
    """The step with a fault."""
    data, by, changes = dict(step.data), step.by, dict(step.changes)
    event_type, sub = step.event_type, step.sub
    fault = rng.randrange(8)
    if fault == 0:
        by = rng.choice(sorted(MEMBERS))
    elif fault == 1:
        data.pop(rng.choice(sorted(data)))
    elif fault == 2:
        data["remark"] = "x"
    elif fault == 3:
        data["ip"] = "10.0.0.1"
    elif fault == 4:
        changes["source"] = {"method": "api", "system": f"系统 {identity_number()}"}
    elif fault == 5:
        changes["occurred_at"] = 2**42
    elif fault == 6:
        event_type = "signing.forgotten"
    else:
        sub = rng.choice(["case", "seal", "record"]) + sub[sub.index(":") :]
    return Step(event_type, sub, data, by, step.about, changes)


def traffic(
    seed: int, *, seals: int = 8, cases: int = 8, records: int = 4, proposals: int = 0
) -> Iterator[Step]:
    """The steps of so many seals, cases, records and proposals, interleaved, a fifth of them with a
    fault."""
    rng = random.Random(seed)
    makers: list[Callable[[int, random.Random], Iterator[Step]]]
    makers = [_seal] * seals + [_case] * cases + [_record] * records + [_proposal] * proposals
    counts = (seals, cases, records, proposals)
    numbers = [number for count in counts for number in range(1, count + 1)]
    running = [make(number, rng) for make, number in zip(makers, numbers)]
    while running:
        # The first few go ahead, so that most cases find the seals that they want.
        script = running[min(rng.randrange(len(running)), rng.randrange(len(running)))]
        step = next(script, None)
        if step is None:
            running.remove(script)
            continue
        if rng.random() < 0.2:
            yield _spoil(step, rng)
        yield step
