"""Whatever the ledger records can be bundled and is accepted by the offline verifier."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from builders.events import case_sub, data_of, digest
from builders.ledger import LedgerBench
from builders.reports import with_status
from builders.signing import digests_of, private_fields
from builders.traffic import traffic
from builders.world import SEAL

from node.core.bundle import decode_bundle
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.statemap import StateProof, verify_state_proof
from node.core.transaction import decode_transaction
from node.core.verify import NOT_CHECKED, STEPS, Report, verify_bundle
from node.evidence.bundle import bundle_dossier, bundle_record, encode_bundle

CASE = case_sub()
RECORD, ANCHOR = "record:operator-a:0001", "anchor:operator-a:0001"
PRIVATE = private_fields({"document_names": ["待盖章文件"], "initiator": "南某"})
# What a solo chain without anchors, and a reader without disclosures or checkpoint, cannot show.
ALWAYS_OPEN = ["disclosures", "log.checkpoint", "anchors", "operators"]


@pytest.fixture(scope="module")
def story() -> LedgerBench:
    """A dossier of every kind, their records in blocks of their own and together."""
    bench = LedgerBench()
    bench.record("seal.applied", SEAL)
    bench.block([bench.jwt("seal.created", SEAL)], [bench.jwt("seal.filed", SEAL)])
    bench.record("signing.initiated", CASE, **digests_of(PRIVATE))
    bench.record("signing.identity_verified", CASE)
    bench.record("signing.started", CASE)
    bench.block()
    bench.record("signing.sealed", CASE)
    bench.record("seal.status_changed", SEAL)
    bench.record("signing.completed", CASE)
    bench.record("record.imported", "record:platform-a:0001")
    for event_type in ("certificate.issued", "disclosure.released", "disclosure.erased"):
        bench.record(event_type, RECORD, data_of(event_type, code=bench.code(CASE)))
    with bench.reader() as reader:
        size = reader.meta.size - 3
        root = reader.root(size).hex()
    bench.record("anchor.confirmed", ANCHOR, data_of("anchor.confirmed", size=size, root=root))
    bench.record("seal.imported", "seal:maker-b:0001", data_of(
        "seal.imported", es_id="imported", filing_no="other"), by="maker-b")  # fmt: skip
    return bench


DOSSIERS = {
    SEAL: 4,
    CASE: 5,
    "record:platform-a:0001": 1,
    RECORD: 3,
    ANCHOR: 1,
    "seal:maker-b:0001": 1,
}


def verified(bench: LedgerBench, bundle: dict[str, Any], **trust: Any) -> Report:
    return verify_bundle(encode_bundle(bundle), bench.trust(), load_backend(**trust))


@pytest.mark.parametrize("backend", ["cryptography", "ecdsa"])
@pytest.mark.parametrize("sub", sorted(DOSSIERS))
def test_a_dossier_of_every_kind_is_verified_whole(
    story: LedgerBench, sub: str, backend: str
) -> None:
    with story.reader() as reader:
        bundle = bundle_dossier(reader, sub)
    report = verified(story, bundle, name=backend)
    assert report.accepted
    assert with_status(report, NOT_CHECKED) == ALWAYS_OPEN
    assert len(decode_bundle(encode_bundle(bundle)).entries) == DOSSIERS[sub]
    assert encode_bundle(bundle) == canonical_json(bundle) + b"\n"


@pytest.mark.parametrize("sub", sorted(DOSSIERS))
def test_each_record_is_verified_by_itself(story: LedgerBench, sub: str) -> None:
    with story.reader() as reader:
        for index in reader.dossier_indexes(sub):
            report = verified(story, bundle_record(reader, index))
            assert report.accepted
            open_steps = with_status(report, NOT_CHECKED)
            assert set(ALWAYS_OPEN) < set(open_steps)
            assert set(open_steps) - set(ALWAYS_OPEN) == {"dossier.chain", "dossier.head"}


def test_every_dossier_of_random_traffic_is_verified(busy: LedgerBench) -> None:
    with busy.reader() as reader:
        subs = {item.transaction.sub for item in reader.entries(range(1, reader.meta.size))}
        assert {sub.split(":")[0] for sub in subs} == {"case", "record", "seal"}
        for sub in sorted(subs):
            assert verified(busy, bundle_dossier(reader, sub)).accepted


def test_a_recorded_transaction_is_read_as_it_is_decoded(busy: LedgerBench) -> None:
    with busy.reader() as reader:
        for entry in reader.entries(range(1, reader.meta.size)):
            assert entry.transaction == decode_transaction(entry.entry.tx.encode("ascii"))


def test_bundles_made_earlier_go_on_verifying(story: LedgerBench) -> None:
    bench = LedgerBench()
    bench.record("signing.initiated", CASE)
    with bench.reader() as reader:
        early = bundle_dossier(reader, CASE)
    bench.play(traffic(1, seals=1, cases=2, records=0))
    assert verified(bench, early).accepted


def test_disclosures_are_shown_as_far_as_they_are_given(story: LedgerBench) -> None:
    with story.reader() as reader:
        (first,) = reader.entries(reader.dossier_indexes(CASE)[:1])
        shown = [(first.transaction.id, disclosure.encoded) for disclosure in PRIVATE]
        bundle = bundle_dossier(reader, CASE, [*shown, *shown])
        assert [len(entry["disclosures"]) for entry in bundle["entries"]] == [2, 0, 0, 0, 0]
        report = verified(story, bundle)
        assert report.accepted
        assert "disclosures" not in with_status(report, NOT_CHECKED)
        assert verified(story, bundle_dossier(reader, CASE, shown[:1])).accepted
        stranger = private_fields({"initiator": "他人"})[0]
        with pytest.raises(InvalidInput, match=f"no record names .* {stranger.digest}"):
            bundle_dossier(reader, CASE, [(first.transaction.id, stranger.encoded)])


def test_a_disclosure_stands_beside_the_record_that_it_was_handed_in_with() -> None:
    """A second record has the digest copied, and a field of the same name of its own."""
    own, other = private_fields({"ip": "192.0.2.1"}), private_fields({"ip": "192.0.2.2"})
    bench = LedgerBench()
    bench.record("seal.applied", SEAL)
    bench.block([bench.jwt("seal.created", SEAL)], [bench.jwt("seal.filed", SEAL)])
    bench.record("signing.initiated", CASE)
    bench.record("signing.identity_verified", CASE)
    bench.record("signing.started", CASE, **digests_of(own))
    bench.record("signing.sealed", CASE, **digests_of([*own, *other]))
    with bench.reader() as reader:
        ids = [e.transaction.id for e in reader.entries(reader.dossier_indexes(CASE))]
        texts = own[0].encoded, other[0].encoded
        for first in (ids[2], bytes(32)):  # handed in with a record that was refused: the first
            bundle = bundle_dossier(reader, CASE, [(first, texts[0]), (ids[3], texts[1])])
            shown = [entry["disclosures"] for entry in bundle["entries"]]
            assert shown[2:] == [[texts[0]], [texts[1]]]
            assert verified(bench, bundle).accepted
        bundle = bundle_dossier(reader, CASE, [(ids[3], texts[0])])
        assert bundle["entries"][3]["disclosures"] == [texts[0]]


def test_a_bundle_leads_on_from_a_size_that_its_reader_knows(story: LedgerBench) -> None:
    with story.reader() as reader:
        size = reader.need_block(reader.meta.height - 1).size
        for known in (1, 5, size - 1):
            (step,) = bundle_dossier(reader, CASE, from_size=known)["consistency"]
            assert (step["first"], step["second"]) == (known, size)
            assert step["first_root"] == reader.root(known).hex()
            assert step["second_root"] == reader.root(size).hex()
        assert bundle_dossier(reader, CASE, from_size=size)["consistency"] == []
        for wrong in (0, -1, size + 1):
            with pytest.raises(InvalidInput, match="from_size"):
                bundle_dossier(reader, CASE, from_size=wrong)


def test_what_does_not_exist_is_not_bundled(story: LedgerBench) -> None:
    with story.reader() as reader:
        with pytest.raises(InvalidInput, match="case:platform-a:9999 does not exist"):
            bundle_dossier(reader, case_sub(9999))
        with pytest.raises(InvalidInput, match="index"):
            bundle_record(reader, reader.meta.size)


@pytest.mark.parametrize(
    ("limit", "value", "rule"),
    [
        ("MAX_BUNDLE_RECORDS", 2, "records are too much"),
        ("MAX_BUNDLE_BYTES", 1_500, "the first 2 of"),
        ("MAX_BUNDLE_BYTES", 15_000, "bytes are too much"),
    ],
)
def test_what_no_verifier_would_take_is_not_bundled(
    story: LedgerBench, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, rule: str
) -> None:
    with story.reader() as reader:
        whole = encode_bundle(bundle_dossier(reader, CASE))
        assert len(whole) > 15_000
        monkeypatch.setattr(f"node.evidence.bundle.{limit}", value)
        with pytest.raises(InvalidInput, match=rule) as refused:
            encode_bundle(bundle_dossier(reader, CASE))
        assert refused.value.place == "dossier"
        assert "one by one" in refused.value.rule


def test_the_seal_of_a_signature_is_shown_as_it_stands(story: LedgerBench) -> None:
    with story.reader() as reader:
        bundle = bundle_dossier(reader, CASE)
    keys = {item["key"] for item in bundle["state"]}
    assert {"seal/37010200000001", f"dossier/{CASE}", "member/platform-a"} <= keys
    report = verified(story, bundle)
    (step,) = [step for step in report.steps if step.id == "state.proofs"]
    (line,) = [line for line in step.details if line.startswith("seal/37010200000001: ")]
    assert line.startswith("seal/37010200000001: suspended (version 4), valid to ")


def test_state_is_proven_present_and_absent(story: LedgerBench) -> None:
    with story.reader() as reader:
        root = reader.meta.state_root
        for key, present in (
            (f"dossier/{CASE}", True),
            ("seal/37010200000001", True),
            ("seal/imported", True),
            ("seal/unknown", False),
            (f"code/{story.code(CASE)[2:]}", True),
            ("code/0000000000000", False),
            ("filing/370102000000|other", True),
        ):
            proof = reader.prove(key)
            assert (proof.value is not None) == present
            again = StateProof.from_json(proof.to_json(), place="proof")
            assert again == proof
            verify_state_proof(again, root)
            forged = StateProof(key, None if present else b"{}", proof.path, None)
            with pytest.raises(InvalidInput):
                verify_state_proof(forged, root)


CHANGES = {
    "an entry is left out": lambda bundle: bundle["entries"].pop(1),
    "the last entry is left out": lambda bundle: bundle["entries"].pop(),
    "entries are exchanged": lambda bundle: bundle["entries"].reverse(),
    "a fact is altered": lambda bundle: bundle["entries"][2].update(
        entry=bundle["entries"][2]["entry"].replace("active", "revoked")
    ),
    "a document is altered": lambda bundle: bundle["entries"][0].update(
        entry=bundle["entries"][0]["entry"].replace('"height":', '"height":1')
    ),
    "a state value is altered": lambda bundle: next(
        item for item in bundle["state"] if item["key"].startswith("seal/")
    ).update(value='{"status":"active"}'),
    "another root": lambda bundle: bundle["chain"]["roots"][0].update(root=digest("x")),
    "a header is left out": lambda bundle: bundle["chain"]["headers"].pop(0),
    "a commit is left out": lambda bundle: bundle["chain"]["commits"].pop(),
    "another genesis": lambda bundle: bundle["chain"].update(
        genesis=bundle["chain"]["genesis"].replace("court-a", "court-b")
    ),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_bundle_that_was_altered_is_not_accepted(story: LedgerBench, change: str) -> None:
    with story.reader() as reader:
        bundle = bundle_dossier(reader, CASE)
    assert verified(story, bundle).accepted
    changed = copy.deepcopy(bundle)
    CHANGES[change](changed)
    assert canonical_json(changed) != canonical_json(bundle)
    assert not verified(story, changed).accepted


def test_the_steps_are_those_that_the_tests_know() -> None:
    assert set(ALWAYS_OPEN) < {step.id for step in STEPS}
