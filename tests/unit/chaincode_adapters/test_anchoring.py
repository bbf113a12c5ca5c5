"""A node's anchoring as a whole: what others' receipts are held against, starting, stopping."""

from __future__ import annotations

import threading

import pytest
from builders.anchored import settled
from builders.fake_chain import CHAIN_ID, KIND, FakeAdapter, FakeChain, point_of, verify_fake
from structlog.testing import capture_logs

from chaincode_adapters.anchoring import Anchoring, Configured, Ledger
from chaincode_adapters.jobs import Course
from chaincode_adapters.keeping import Keeping
from chaincode_adapters.standing import Described
from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import AnchorReceipt
from node.core.errors import InvalidProof
from node.core.signatures import load_backend
from node.storage.memory import MemoryStore


def points(after: int) -> list[AnchorPoint]:
    return [point_of(number) for number in (1, 2) if 10 * number > after]


class Case:
    def __init__(self, *names: str) -> None:
        self.chains = {name: FakeChain(name=f"fake:{name}", depth=0) for name in names}
        self.adapters = {
            name: FakeAdapter(chain, name, poll_ms=10) for name, chain in self.chains.items()
        }
        self.keeping = Keeping.of(MemoryStore(), "member-a")
        self.anchoring = Anchoring(
            [
                Configured(adapter, Described(name, "fake", "法院"), "first")
                for name, adapter in self.adapters.items()
            ],
            self.keeping,
            Ledger(points, CHAIN_ID, bytes(32), load_backend(), verify_fake),
            lambda: 0,
        )


def receipt_on(chain: str, number: int = 1) -> AnchorReceipt:
    digest = point_of(number).digest().hex()
    content = {"block": "b", "chain": chain, "digest": digest, "tx": "t"}
    return AnchorReceipt(KIND, point_of(1), content)


def test_receipts_of_others_are_held_against_what_is_believed_here() -> None:
    case = Case("court")
    assert case.anchoring.check_others(receipt_on("fake:court")).startswith("not proven offline")
    case.anchoring.workers["court"].round()
    assert (
        case.anchoring.check_others(receipt_on("fake:court")) == "the fake chain: it has the point"
    )
    assert case.anchoring.check_others(receipt_on("fake:x")).startswith("not proven offline")
    with pytest.raises(InvalidProof):
        case.anchoring.check_others(receipt_on("fake:court", 2))


def test_a_call_that_hangs_delays_neither_another_adapter_nor_the_end() -> None:
    case = Case("hanging", "alive")
    released = threading.Event()
    case.adapters["hanging"].fault = lambda place: released.wait(60) and None
    case.anchoring.start()
    try:
        alive = case.anchoring.workers["alive"]

        def final() -> bool:
            case.chains["alive"].mine()
            return alive.course.finals == 2

        settled(final)
        assert case.anchoring.workers["hanging"].course.finals == 0
    finally:
        case.anchoring.stop()
        released.set()
        case.anchoring.workers["hanging"].join(30)
    assert [one["state"] for one in case.anchoring.standing()] == ["working", "up to date"]


def test_an_alarm_that_stands_is_told_at_every_start() -> None:
    case = Case("court")
    course = Course(20, "fake:court", stopped="conflict at size 7", stopped_at=5, conflict=True)
    case.keeping.jobs.put_course("court", course)
    with capture_logs() as logs:
        case.anchoring.start()
        case.anchoring.stop()
    [alarm] = [log for log in logs if log["log_level"] == "critical"]
    assert (alarm["adapter"], alarm["text"]) == ("court", "conflict at size 7")
