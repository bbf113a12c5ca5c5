"""The receipts of tests/vectors/anchors, and what both verifiers say of such."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from builders.fabric import RecordedPoint
from builders.mutations import GONE, changed
from builders.second_opinion import second

from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import check_trusted, read_anchor_receipt, verify_receipt
from node.core.anchors.vouching import VerifyReceipt, Vouched
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.signatures import Backend, load_backend
from node.core.trust import Trust, decode_trust
from node.core.verify_case import NotChecked

__all__ = [
    "FOLDER",
    "Vector",
    "both_say",
    "forgeries",
    "forgery",
    "names",
    "ours",
    "theirs",
    "vector",
    "with_second_opinion",
]

FOLDER = Path(__file__).parents[1] / "vectors" / "anchors"
NOT_RECEIPTS = ("forgeries.json",)


@dataclass(frozen=True)
class Vector:
    """A receipt of ``kind`` for ``point``, and the trust file. ``attested`` is what stands in the
    receipt in the place of the point's digest, where it was made for none."""

    kind: str
    point: dict[str, Any]
    receipt: Any
    trust: dict[str, Any]
    attested: str = ""

    def item(self) -> dict[str, Any]:
        """The item of a bundle's ``anchors``."""
        return {"kind": self.kind, "point": self.point, "receipt": self.receipt}


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json") if path.name not in NOT_RECEIPTS)


@functools.cache
def vector(name: str) -> Vector:
    made = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    del made["what"]
    return Vector(**made)


@functools.cache
def forgeries() -> tuple[dict[str, Any], ...]:
    """What forgeries.json has."""
    return tuple(json.loads((FOLDER / "forgeries.json").read_text("utf-8")))


def forgery(made: dict[str, Any]) -> Vector:
    """The receipt, point and trust file of a forgery."""
    of = vector(made["of"])
    parts = {
        "receipt": of.receipt,
        "point": vector(made.get("point_of", made["of"])).point,
        "trust": vector(made.get("trust_of", made["of"])).trust,
    }
    for change in made["changes"]:
        steps = change["at"].split("/")[1:]
        place = tuple(int(step) if step.isdigit() else step for step in steps)
        parts = changed(parts, place, change.get("to", GONE))
    return replace(of, **parts)


@functools.lru_cache(maxsize=64)
def _trust(text: bytes) -> Trust:
    trust = decode_trust(text)
    check_trusted(trust)
    return trust


def ours(vector: Vector, backend: Backend | None = None) -> tuple[str, str]:
    """passed, not checked, failed, or trust refused; and why. Raises nothing else."""
    try:
        trust = _trust(canonical_json(vector.trust))
    except InvalidInput as error:
        return "trust refused", str(error)
    try:
        item = read_anchor_receipt(vector.item(), "anchors[0]")
        if vector.attested:
            item = type(item)(item.kind, _recorded(item.point, vector.attested), item.content)
        vouched = verify_receipt(item, trust, backend or load_backend(), "anchors[0]")
    except NotChecked as reason:
        return "not checked", reason.told.text
    except InvalidInput as error:
        return "failed", str(error)
    return "passed", vouched.by


def _recorded(point: AnchorPoint, attested: str) -> AnchorPoint:
    return RecordedPoint(
        point.chain_id,
        point.height,
        point.size,
        point.root,
        point.state_root,
        point.header,
        attested,
    )


def theirs(vector: Vector) -> tuple[str, str]:
    """The same, by the second verifier."""
    try:
        trust = second.read_trust(canonical_json(vector.trust))
    except second.Refused as error:
        return "trust refused", str(error)
    receipts, forms = second.receipts, second.receipts.forms
    digest = forms.digest_of
    if vector.attested:
        forms.digest_of = lambda point: bytes.fromhex(vector.attested)
    try:
        second.conform(vector.item(), "anchor")
        receipts.KINDS[vector.kind](vector.receipt, vector.point, trust)
    except receipts.NothingTrusted as reason:
        return "not checked", str(reason)
    except (receipts.Bad, second.Refused) as error:
        return "failed", str(error)
    finally:
        forms.digest_of = digest
    return "passed", ""


def with_second_opinion(kind: str, verify: VerifyReceipt, most: int = 50) -> VerifyReceipt:
    """A verifier that does what ``verify`` does, where the second one comes to the same verdict.

    It is asked the first ``most`` times: some tests change each byte.
    """
    calls = itertools.count()

    def verified(
        receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
    ) -> Vouched:
        if next(calls) >= most:
            return verify(receipt, point, trust, backend, place)
        attested = getattr(point, "attested", "")
        said = theirs(Vector(kind, point.to_json(), receipt, trust.to_json(), attested))
        if said[0] == "trust refused":
            with pytest.raises(InvalidInput):
                check_trusted(trust)
            return verify(receipt, point, trust, backend, place)
        raised: Exception | None = None
        try:
            vouched = verify(receipt, point, trust, backend, place)
        except (NotChecked, InvalidInput) as error:
            raised = error
        verdict = "not checked" if isinstance(raised, NotChecked) else "failed"
        assert said[0] == ("passed" if raised is None else verdict), (said, repr(raised))
        if raised is not None:
            raise raised
        return vouched

    return verified


def both_say(vector: Vector) -> str:
    """The verdict to which both come."""
    one, other = ours(vector), theirs(vector)
    assert one[0] == other[0], (one, other)
    return one[0]
