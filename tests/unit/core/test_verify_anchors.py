"""The verifier's step about anchors, by a kind of receipts of these tests' own; and the second
verifier with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from builders.bundling import bundle_of, roots_json, trust_of
from builders.cases import OTHER, SUB
from builders.chain import Chain
from builders.consortium import consortium_genesis
from builders.events import case_sub
from builders.ledger import LedgerBench
from builders.reports import text_of
from builders.second_opinion import both_of, second

from node.core.anchors import receipts
from node.core.anchors.point import AnchorPoint
from node.core.anchors.vouching import Vouched
from node.core.bundle import commit_json, header_json
from node.core.errors import InvalidInput, InvalidProof
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify import FAILED, NOT_CHECKED, PASSED, Report
from node.core.verify_case import NotChecked
from node.evidence import bundle as making
from node.evidence.bundle import bundle_dossier, bundle_record, encode_bundle

CASE = case_sub()
NAMED = ("notary-a", "notary-b")
Bundle = dict[str, Any]


def verify_stamp(
    receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
) -> Vouched:
    if receipt.get("digest") != point.digest().hex():
        raise InvalidProof(f"{place}.digest", "is of another point")
    if receipt["by"] not in NAMED:
        raise NotChecked("the trust file names no such notary", "信任文件未列该公证处")
    return Vouched(receipt["by"], receipt["time"], "page 7", "stamped", "已盖章")


def second_stamp(receipt: Any, point: Any, trust: Any) -> None:
    decoded = AnchorPoint.from_json(point)
    if receipt.get("digest") != decoded.digest().hex():
        raise second.receipts.Bad("digest")
    if receipt["by"] not in NAMED:
        raise second.receipts.NothingTrusted(receipt["by"])


@pytest.fixture(autouse=True)
def _stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(receipts._VERIFIERS, "stamp", verify_stamp)
    monkeypatch.setitem(second.receipts.KINDS, "stamp", second_stamp)


@pytest.fixture(scope="module")
def bench() -> LedgerBench:
    """Every block with a record is an anchor point, but for the last."""
    bench = LedgerBench(genesis=consortium_genesis(parameters={"anchor_every_records": 1}))
    bench.record("signing.initiated", CASE)
    bench.record("signing.identity_verified", CASE)
    bench.record("record.imported", "record:platform-a:0001")
    bench.record("signing.rejected", CASE)
    return bench


def stamp(point: AnchorPoint, by: str = "notary-a", time: int = 1_800_000_000_000) -> Bundle:
    receipt = {"by": by, "digest": point.digest().hex(), "time": time}
    return {"kind": "stamp", "point": point.to_json(), "receipt": receipt}


def points(bench: LedgerBench) -> list[AnchorPoint]:
    with bench.reader() as reader:
        return list(reader.anchor_points())


def bundle(bench: LedgerBench, *items: Bundle, sub: str = CASE) -> Bundle:
    with bench.reader() as reader:
        return bundle_dossier(reader, sub, anchors=lambda indexes, size: items)


def checked(bench: LedgerBench, made: Bundle) -> dict[str, str]:
    return statuses(both_of(made, bench.trust()))


def statuses(report: Report) -> dict[str, str]:
    return {step.id: step.status for step in report.steps if step.id.startswith("anchors")}


def test_each_receipt_is_a_step_named_by_who_vouches(bench: LedgerBench) -> None:
    found = points(bench)
    made = bundle(
        bench,
        stamp(found[2], "notary-b", 1_800_000_000_123),
        stamp(found[4], time=1_800_000_060_000),
    )
    report = both_of(made, bench.trust())
    assert report.accepted
    parts = [step for step in report.steps if step.number == 16]
    assert [(step.label, step.id, step.status) for step in parts] == [
        ("16", "anchors", PASSED),
        ("16.1", "anchors.1", PASSED),
        ("16.2", "anchors.2", PASSED),
    ]
    assert [step.title for step in parts[1:]] == ["notary-b", "notary-a"]
    assert "2 of 3 record(s)" in parts[1].text
    assert "3 of 3 record(s)" in parts[2].text
    assert parts[1].details[0] == "at page 7"
    assert text_of(report, "anchors").startswith(
        "all 3 record(s) existed no later than 2027-01-15T"
    )
    assert "by notary-a" in text_of(report, "anchors")


def test_what_was_not_anchored_is_said(bench: LedgerBench) -> None:
    report = both_of(bundle(bench, stamp(points(bench)[1])), bench.trust())
    assert text_of(report, "anchors") == (
        "1 of 3 record(s) vouched for by notary-a; the bundle holds no receipt for what came later"
    )


def test_a_time_before_the_records_own_is_said_to_be_impossible(bench: LedgerBench) -> None:
    made = bundle(bench, stamp(points(bench)[4], time=1_000_000_000_000))
    report = both_of(made, bench.trust())
    for step in ("anchors", "anchors.1"):
        assert "one of the two clocks is wrong" in text_of(report, step)
    assert "clock" not in text_of(
        both_of(bundle(bench, stamp(points(bench)[4])), bench.trust()), "anchors"
    )


def test_without_any_receipt_it_is_not_checked(bench: LedgerBench) -> None:
    assert checked(bench, bundle(bench)) == {"anchors": NOT_CHECKED}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["nobody"], [NOT_CHECKED, NOT_CHECKED]),
        (["nobody", "notary-a"], [PASSED, NOT_CHECKED, PASSED]),
    ],
)
def test_who_is_not_named_vouches_for_nothing(
    bench: LedgerBench, items: list[str], expected: list[str]
) -> None:
    made = bundle(bench, *(stamp(points(bench)[2], by) for by in items))
    assert list(checked(bench, made).values()) == expected


def test_an_unknown_kind_is_not_checked(bench: LedgerBench) -> None:
    made = bundle(bench, {**stamp(points(bench)[2]), "kind": "moon"})
    assert checked(bench, made) == {"anchors": NOT_CHECKED, "anchors.1": NOT_CHECKED}


def test_the_genesis_alone_is_a_point_too(bench: LedgerBench) -> None:
    """But no record was there then, so it vouches for none."""
    made = bundle(bench, stamp(points(bench)[0]))
    assert checked(bench, made) == {"anchors": NOT_CHECKED, "anchors.1": PASSED}
    assert "0 of 3" in text_of(both_of(made, bench.trust()), "anchors.1")


def test_one_record_by_itself(bench: LedgerBench) -> None:
    with bench.reader() as reader:
        made = bundle_record(reader, 1, anchors=lambda *_: [stamp(points(bench)[1])])
    assert checked(bench, made) == {"anchors": PASSED, "anchors.1": PASSED}


def other_point(**changes: Any) -> Callable[[Bundle], None]:
    """The receipt of a point with other members, which vouches for it."""

    def change(made: Bundle) -> None:
        item = made["anchors"][0]
        point = AnchorPoint.from_json({**item["point"], **changes})
        made["anchors"][0] = stamp(point)

    return change


def no_proof(made: Bundle) -> None:
    made["consistency"] = []


def false_proof(made: Bundle) -> None:
    made["consistency"][0]["first_root"] = "07" * 32


def more_members(made: Bundle) -> None:
    made["anchors"][0]["note"] = "x"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (other_point(root="05" * 32), "does not show that its log continues"),
        (other_point(size=2), "does not show that its log continues"),
        (other_point(size=99), "does not show that its log continues"),
        (other_point(chain_id="another"), "is not that of the chain of its height"),
        (other_point(header="05" * 32), "is not the hash of the header in the bundle"),
        (other_point(state_root="05" * 32), "has other roots in the bundle"),
        (more_members, "is not a member of this format"),
        (lambda made: made["anchors"][0]["receipt"].update(digest="00" * 32), "another point"),
        (lambda made: made["anchors"][0].update(receipt=[]), "must be an object"),
    ],
)
def test_a_point_or_receipt_that_does_not_fit_fails(
    bench: LedgerBench, change: Callable[[Bundle], None], rule: str
) -> None:
    made = copy.deepcopy(bundle(bench, stamp(points(bench)[2])))
    change(made)
    report = both_of(made, bench.trust())
    assert statuses(report) == {"anchors": FAILED, "anchors.1": FAILED}
    assert rule in text_of(report, "anchors.1")
    assert not report.accepted


def test_a_point_between_the_records_needs_a_proof(bench: LedgerBench) -> None:
    made = copy.deepcopy(bundle(bench, stamp(points(bench)[3])))
    assert checked(bench, made) == {"anchors": PASSED, "anchors.1": PASSED}
    no_proof(made)
    assert checked(bench, made) == {"anchors": FAILED, "anchors.1": FAILED}


def test_a_point_at_a_record_needs_a_proof_too(bench: LedgerBench) -> None:
    """A single operator can sign the anchored log for one header, another log for the newest."""
    made = copy.deepcopy(bundle(bench, stamp(points(bench)[2])))
    assert made["anchors"][0]["point"]["height"] in {
        roots["height"] for roots in made["chain"]["roots"]
    }
    no_proof(made)
    assert checked(bench, made) == {"anchors": FAILED, "anchors.1": FAILED}


def test_records_that_are_not_in_the_log_are_not_vouched_for(bench: LedgerBench) -> None:
    made = copy.deepcopy(bundle(bench, stamp(points(bench)[4])))
    made["entries"][0]["path_as_of"][0] = "07" * 32
    report = both_of(made, bench.trust())
    assert statuses(report) == {"anchors": NOT_CHECKED}
    assert text_of(report, "anchors").startswith("rests on entries.inclusion")


def test_a_single_operator_cannot_date_another_log_by_the_anchor_of_the_true_one() -> None:
    """It signs both. The anchored one is shown at one height, the other before and behind it."""
    true = Chain("solo-chain", validators=1)
    false = copy.deepcopy(true)
    true.commit_block(true.jwt(jti="a", sub=OTHER))
    true.commit_block(true.jwt(jti="b", sub=OTHER))
    false.commit_block(false.jwt(jti="made-up-later"))
    for chain, height in ((true, 6), (false, 6)):
        while chain.height < height:
            chain.commit_block()
    false.commit_block(
        false.jwt(jti="2", type="signing.started"), false.jwt(jti="3", type="signing.completed")
    )
    for _ in range(2):
        false.commit_block()
    made = bundle_of(false, SUB)
    assert both_of(made, trust_of(false)).accepted
    shown = true.points[4]
    part = made["chain"]
    part["headers"].append(header_json(true.headers[5]))
    part["commits"].append(commit_json(true.commits[5]))
    part["roots"].append(roots_json(true, 4))
    for name in ("headers", "commits", "roots"):
        part[name].sort(key=lambda one: one["height"])
    point = AnchorPoint(
        "solo-chain", 4, shown.size, shown.root, shown.state_root, true.headers[5].hash()
    )
    made["anchors"] = [stamp(point)]
    report = both_of(made, trust_of(false))
    failed = [step.id for step in report.steps if step.status == FAILED]
    assert failed == ["anchors", "anchors.1"]
    assert "does not show that its log continues" in text_of(report, "anchors.1")


def test_a_proof_that_does_not_hold_fails_the_whole_step(bench: LedgerBench) -> None:
    made = copy.deepcopy(bundle(bench, stamp(points(bench)[2])))
    false_proof(made)
    assert checked(bench, made) == {"anchors": FAILED}


def test_one_false_receipt_among_true_ones_fails(bench: LedgerBench) -> None:
    made = copy.deepcopy(bundle(bench, stamp(points(bench)[1]), stamp(points(bench)[2])))
    made["anchors"][1]["receipt"]["digest"] = "00" * 32
    assert list(checked(bench, made).values()) == [FAILED, PASSED, FAILED]


def test_points_beyond_the_log_that_is_shown_are_left_out(bench: LedgerBench) -> None:
    """A receipt may come for a point that is newer than the bundle."""
    newer = AnchorPoint.from_json({**points(bench)[2].to_json(), "size": 99})
    made = bundle(bench, stamp(points(bench)[2]), stamp(newer))
    assert [item["point"]["size"] for item in made["anchors"]] == [3]


def test_receipts_for_which_there_is_no_room_take_no_bundle_away(
    bench: LedgerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dossier that had a bundle before it was anchored has one still, with the newest receipt."""
    found = points(bench)
    made = bundle(bench, *(stamp(point) for point in found[1:4]))
    least = len(encode_bundle({**made, "anchors": made["anchors"][-1:]}))
    monkeypatch.setattr(making, "MAX_BUNDLE_BYTES", least)
    kept = json.loads(encode_bundle(made))["anchors"]
    assert kept == made["anchors"][-1:]
    monkeypatch.setattr(making, "MAX_BUNDLE_BYTES", 100)
    with pytest.raises(InvalidInput, match="too much for one bundle"):
        encode_bundle(made)


def test_an_anchor_of_the_chain_before(bench: LedgerBench) -> None:
    bench = LedgerBench(genesis=consortium_genesis(parameters={"anchor_every_records": 1}))
    bench.record("signing.initiated", CASE)
    old = points(bench)[-1]
    bench.move_on()
    bench.record("signing.identity_verified", CASE)
    new = points(bench)
    assert [point.chain_id for point in new] == ["consortium-test"] * 2 + ["consortium-next"]
    report = both_of(bundle(bench, stamp(old), stamp(new[-1], "notary-b")), bench.trust())
    assert statuses(report) == {"anchors": PASSED, "anchors.1": PASSED, "anchors.2": PASSED}
    assert "1 of 2" in text_of(report, "anchors.1")
