"""The corpus of good and forged bundles that every verifier of this project must judge alike.

    python tests/builders/corpus.py        # writes tests/vectors/bundles anew

Each case is two files, a bundle and a trust file, and in ``index.json`` what it is and how each
step must end. Keys follow from names, signatures are deterministic but for the anchors'.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[number]) for number in (1, 2)]

from builders.bundling import bundle_of, trust_of
from builders.cases import OTHER, SUB, changed_validators, grown
from builders.chain import Chain
from builders.forgeries import FORGERIES, genuine
from builders.rest_receipts import entry_of, rest_receipt, signed_text
from builders.signing import MemberKey

from node.core.anchors.point import AnchorPoint
from node.core.bundle import commit_json
from node.core.encoding import canonical_json
from node.core.verify import verify_bundle

__all__ = ["FOLDER", "Held", "cases", "held"]

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "bundles"
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "spec" / "examples"


@dataclass(frozen=True)
class Held:
    """A case of the corpus. ``steps`` are the statuses by label, ``16`` and ``16.1``."""

    name: str
    what: str
    bundle: bytes
    trust: bytes
    steps: dict[str, str]

    @property
    def accepted(self) -> bool:
        return "failed" not in self.steps.values()


Made = tuple[str, str, Any, bytes]
"""Name, what it is, bundle, trust file."""


def held() -> list[Held]:
    """The corpus as it lies in the tree."""
    index = json.loads((FOLDER / "index.json").read_text("utf-8"))
    return [
        Held(
            one["name"],
            one["what"],
            (FOLDER / f"{one['name']}.json").read_bytes(),
            (FOLDER / one["trust"]).read_bytes(),
            one["steps"],
        )
        for one in index
    ]


def cases() -> Iterator[Made]:
    """Every case, made anew."""
    yield from _good()
    yield from _forged()
    yield from _signed_lies()
    yield from _anchored()
    yield from _other_texts()


# -- good ones ------------------------------------------------------------------------------------


def _good() -> Iterator[Made]:
    chain = grown()
    yield (
        "good-case",
        "a whole case of four operators, disclosures shown, checkpoint known",
        (genuine(chain)),
        trust_of(chain, 4),
    )
    yield (
        "good-without-disclosures",
        "the same case, nothing disclosed, no checkpoint",
        (bundle_of(chain, SUB)),
        trust_of(chain),
    )
    solo = grown(Chain(validators=1))
    yield (
        "good-one-operator",
        "a case of a chain that one operator runs",
        (bundle_of(solo, SUB)),
        trust_of(solo),
    )
    changed = changed_validators()
    yield (
        "good-changed-validators",
        "all validators were replaced, two by two",
        (bundle_of(changed, SUB)),
        trust_of(changed),
    )
    for name in ("dossier", "record", "continued"):
        trust = "trust-continued" if name == "continued" else "trust-file"
        believed = json.loads((EXAMPLES / f"{trust}.json").read_bytes())
        if name == "record":
            del believed["checkpoint"]  # it leads to none
        yield (
            f"good-example-{name}",
            f"the specification's example, {name}",
            ((EXAMPLES / f"bundle-{name}.json").read_bytes()),
            canonical_json(believed),
        )


# -- what somebody changes in a genuine bundle ----------------------------------------------------


def _forged() -> Iterator[Made]:
    chain = grown()
    for name, (forge, _, _) in FORGERIES.items():
        bundle = genuine(chain)
        trust = forge(chain, bundle)
        what = name.replace("_", " ")
        if forge.__doc__:
            what += ": " + " ".join(forge.__doc__.split())
        yield name.replace("_", "-"), what, bundle, (trust_of(chain, 4) if trust is None else trust)
    changed = changed_validators()
    cut = bundle_of(changed, SUB)
    for part in ("commits", "headers"):
        cut["chain"][part] = [item for item in cut["chain"][part] if item["height"] != 2]
    yield (
        "change-of-validators-left-out",
        "the first change of validators is not shown",
        cut,
        (trust_of(changed)),
    )
    old = bundle_of(changed, SUB)
    header = changed.headers[changed.height]
    commit = changed.sign_commit(header, changed.commits[changed.height].block_id, changed.sets[1])
    old["chain"]["commits"][-1] = commit_json(commit)
    yield (
        "retired-validators-sign",
        "the newest header is signed by validators that have left",
        (old),
        trust_of(changed),
    )


# -- what insiders sign ---------------------------------------------------------------------------


def _key(chain: Chain, **changes: Any) -> tuple[str, dict[str, Any]]:
    key = chain.keys["platform-a"]
    return f"key/{key.kid}", {
        "from": 1, "jwk": key.jwk.to_json(), "member": "platform-a", **changes,
    }  # fmt: skip


def _signed_lies() -> Iterator[Made]:
    for name, changes in (
        ("key-before-its-heights", {"from": 3}),
        ("key-after-its-heights", {"to": 5}),
        ("key-of-another-member", {"member": "court-a"}),
        ("key-reported-compromised", {"suspect_from": 1}),
        ("recovery-key-signs-records", {"use": "recovery"}),
    ):
        chain = Chain(validators=4)
        chain.put(*_key(chain, **changes))
        bundle = bundle_of(grown(chain), SUB)
        yield name, f"validators agreed on a key with {changes}", bundle, trust_of(chain)
    chain = Chain(validators=4)
    chain.put(*_key(chain, jwk=MemberKey("thief").jwk.to_json()))
    yield (
        "another-key-under-this-keys-name",
        "the state map gives a kid another key",
        (bundle_of(grown(chain), SUB)),
        trust_of(chain),
    )
    yield from _forks()


def _forks() -> Iterator[Made]:
    honest = grown(Chain(validators=1))
    imitation = Chain(validators=1)
    imitation.commit_block(imitation.jwt(jti="made-up-later", sub=OTHER))
    grown(imitation)
    yield (
        "another-history-of-one-operator",
        ("one operator wrote its log anew; whoever knows a checkpoint of the true one sees it"),
        bundle_of(imitation, SUB, as_of=7),
        trust_of(honest, known_at=4),
    )
    stale = bundle_of(honest, SUB, as_of=4)
    yield (
        "older-bundle-under-a-newer-checkpoint",
        ("a bundle of before the last record, shown to somebody who knows a newer checkpoint"),
        stale,
        trust_of(honest, known_at=6),
    )


# -- anchors --------------------------------------------------------------------------------------


def _point(chain: Chain, height: int, **changes: Any) -> AnchorPoint:
    shown = chain.points[height]
    point = {
        "chain_id": chain.chain_id,
        "format": "evidence-anchor/1",
        "header": chain.headers[height + 1].hash().hex(),
        "height": height,
        "root": shown.root.hex(),
        "size": shown.size,
        "state_root": shown.state_root.hex(),
        **changes,
    }
    return AnchorPoint.from_json(point)


def _anchor(point: AnchorPoint, said: AnchorPoint | None = None) -> dict[str, Any]:
    text = signed_text(hash=(said or point).digest().hex())
    return {"kind": "rest", "point": point.to_json(), "receipt": rest_receipt(text)}


def _anchored() -> Iterator[Made]:
    chain = grown()
    trust = trust_of(chain, anchors=[entry_of()])
    good = bundle_of(chain, SUB, consistency_from=[chain.points[4].size])
    good["anchors"] = [_anchor(_point(chain, 4))]
    yield (
        "good-anchored",
        "a service whose key the trust file names vouches for two records",
        (good),
        trust,
    )
    yield (
        "anchor-of-nobody-trusted",
        "the same, and the trust file names nobody",
        good,
        (trust_of(chain)),
    )
    for name, what, made in (
        ("anchor-of-another-root", "a true receipt, of a point with another root", {
            "root": "05" * 32}),
        ("anchor-of-another-state", "a true receipt of the right log and of another state map, of "
         "which the step says nothing: it vouches for the log alone", {"state_root": "05" * 32}),
        ("anchor-of-another-header", "a true receipt, of a point with another header", {
            "header": "05" * 32}),
        ("anchor-of-another-chain", "a true receipt, of a point of another chain", {
            "chain_id": "another"}),
        ("anchor-of-a-size-that-is-not-shown", "a true receipt, of a size nothing leads to", {
            "size": 2}),
    ):  # fmt: skip
        bundle = copy.deepcopy(good)
        bundle["anchors"] = [_anchor(_point(chain, 4, **made))]
        yield name, what, bundle, trust
    moved = copy.deepcopy(good)
    moved["anchors"] = [_anchor(_point(chain, 4), said=_point(chain, 6))]
    yield "anchor-that-says-another-point", "the receipt was given for another point", moved, trust
    unproven = copy.deepcopy(good)
    unproven["consistency"] = []
    yield (
        "anchor-without-a-consistency-proof",
        ("the validators signed the anchored root and the newest; nothing connects them"),
        unproven,
        trust,
    )
    unknown = copy.deepcopy(good)
    unknown["anchors"][0]["kind"] = "carrier-pigeon"
    yield "anchor-of-an-unknown-kind", "nobody knows how to check it", unknown, trust


# -- texts that are no bundles --------------------------------------------------------------------


def _other_texts() -> Iterator[Made]:
    chain = grown()
    trust = trust_of(chain)
    text = canonical_json(bundle_of(chain, SUB))
    twice = text.replace(b'"scope":"dossier"', b'"scope":"dossier","scope":"record"')
    deep = b'{"anchors":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "member-twice", "one member stands twice: parsers disagree on which counts", twice, trust
    yield "byte-order-mark", "a bundle behind a byte order mark", b"\xef\xbb\xbf" + text, trust
    yield "not-utf-8", "a byte that is no UTF-8", text.replace(b"dossier", b"doss\xffer", 1), trust
    yield "nested-too-deep", "arrays a hundred thousand levels deep", deep, trust
    yield (
        "number-with-a-fraction",
        "1.0 is no integer of this format",
        (text.replace(b'"as_of":6', b'"as_of":6.0')),
        trust,
    )
    yield (
        "prototype-as-a-member",
        "a member called __proto__ is a member like any other",
        (text.replace(b'{"anchors"', b'{"__proto__":{"scope":"record"},"anchors"', 1)),
        trust,
    )
    yield "cut-off", "the second half is missing", text[: len(text) // 2], trust
    yield "empty", "nothing at all", b"", trust


def write() -> None:
    """Write every case and the index; files of cases that are no more go."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    trusts: dict[bytes, str] = {}
    index = []
    for name, what, bundle, trust in cases():
        content = bundle if isinstance(bundle, bytes) else canonical_json(bundle)
        (FOLDER / f"{name}.json").write_bytes(content)
        if trust not in trusts:
            trusts[trust] = f"trust-{len(trusts) + 1}.json"
            (FOLDER / trusts[trust]).write_bytes(trust)
        report = verify_bundle(content, trust)
        steps = {step.label: step.status for step in report.steps}
        index.append({"name": name, "steps": steps, "trust": trusts[trust], "what": what})
    text = json.dumps(index, indent=1, ensure_ascii=False)
    (FOLDER / "index.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    write()
