"""Bundles with receipts of a known kind, and trust files that say who vouches: both verifiers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from builders.anchor_vectors import vector
from builders.consortium import consortium_genesis
from builders.events import case_sub
from builders.judicial_service import SERVICE_KEY
from builders.ledger import LedgerBench
from builders.second_opinion import both_of
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from node.core.anchors.point import AnchorPoint
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidInput
from node.core.verify import FAILED, NOT_CHECKED, PASSED, Report
from node.evidence.bundle import bundle_dossier

CASE = case_sub()
ENTRY = vector("rest-ecdsa").trust["anchors"][0]


@pytest.fixture(scope="module")
def bench() -> LedgerBench:
    bench = LedgerBench(genesis=consortium_genesis(parameters={"anchor_every_records": 1}))
    bench.record("signing.initiated", CASE)
    bench.record("signing.identity_verified", CASE)
    return bench


def answered(point: AnchorPoint) -> dict[str, Any]:
    """What the tests' judicial service signs for a point."""
    text = (
        f"state=RECORDED&serial=SF1&requestId={'0' * 32}&hash={point.digest().hex()}"
        "&time=1800000000000&height=4711"
    )
    signature = SERVICE_KEY.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    receipt = {
        "service": ENTRY["name"],
        "signature": base64.b64encode(signature).decode(),
        "signed": text,
    }
    return {"kind": "rest", "point": point.to_json(), "receipt": receipt}


def verified(bench: LedgerBench, *entries: dict[str, Any], of: int = -1, at: int = -1) -> Report:
    """Both verifiers on a bundle with the receipt of one point, shown for another."""
    with bench.reader() as reader:
        points = list(reader.anchor_points())
        item = {**answered(points[of]), "point": points[at].to_json()}
        made = bundle_dossier(reader, CASE, anchors=lambda indexes, size: [item])
    trust = decode_json_object(bench.trust(), place="trust", max_bytes=1 << 20)
    return both_of(made, canonical_json({**trust, "anchors": list(entries)}))


def test_a_receipt_passes_in_a_bundle(bench: LedgerBench) -> None:
    report = verified(bench, ENTRY)
    [step] = [step for step in report.steps if step.id == "anchors.1"]
    assert (step.status, step.title) == (PASSED, ENTRY["operator"])
    assert report.accepted


def test_a_receipt_of_another_point_of_the_same_log_fails(bench: LedgerBench) -> None:
    report = verified(bench, ENTRY, of=-2)
    assert [step.status for step in report.steps if step.number == 16] == [FAILED, FAILED]
    assert not report.accepted


def test_a_receipt_of_nobody_who_is_trusted_is_not_checked(bench: LedgerBench) -> None:
    report = verified(bench, {"kind": "moon", "anything": 1})
    assert [step.status for step in report.steps if step.number == 16] == [NOT_CHECKED] * 2
    assert report.accepted


@pytest.mark.parametrize(
    "name", ["evm-anvil-state", "fabric-raft", "rekor-ecdsa", "rest-ecdsa", "rest-sm2"]
)
def test_a_malformed_entry_refuses_the_trust_file(bench: LedgerBench, name: str) -> None:
    """Though the receipt in the bundle needs it not."""
    entry = vector(name).trust["anchors"][0]
    assert verified(bench, ENTRY, {**entry, "name": "another"}).accepted
    for wrong in ({**entry, "more": 1}, {**entry, "operator": ""}):
        with pytest.raises(InvalidInput, match=r"trust\.anchors\[1\]"):
            verified(bench, ENTRY, wrong)
