"""A worker on a fake chain, driven round by round, with a clock that a test turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from builders.fake_chain import (
    CHAIN_ID,
    FakeAdapter,
    FakeChain,
    FragileStore,
    point_of,
    verify_fake,
)

from chaincode_adapters.jobs import Job
from chaincode_adapters.keeping import Keeping
from chaincode_adapters.port import AnchorAdapter
from chaincode_adapters.worker import Worker
from chaincode_adapters.worker_checks import VerifyItem, check_item, trust_of
from node.core.anchors.receipts import AnchorReceipt
from node.core.signatures import load_backend

__all__ = ["WorkerBench"]

_BACKEND = load_backend()


class WorkerBench:
    """What a worker works with. ``fault`` is met at each call of the adapter and each write."""

    def __init__(self, points: int = 1, *, begin: Any = "first", **options: Any) -> None:
        self.seconds = 0.0
        self.points = [point_of(number + 1) for number in range(points)]
        self.chain = FakeChain()
        self.fault: Callable[[str], None] = lambda place: None
        self.store = FragileStore(self._met)
        self.keeping = Keeping.of(self.store, "member-a")
        self.verify: VerifyItem = verify_fake
        self.ended: list[Job] = []
        self.begin = begin
        self.options = options
        self.piece = 1000
        self.restart()

    def restart(self) -> None:
        """Another process, over the same store."""
        self.adapter = FakeAdapter(self.chain, fault=self._met, **self.options)
        self.worker = Worker(
            self.adapter,
            self.keeping,
            lambda after: [point for point in self.points if point.height > after][: self.piece],
            self._check,
            lambda: int(1000 * self.seconds),
            begin=self.begin,
            clock=lambda: self.seconds,
            draw=lambda: 1.0,
            ended=self.ended.append,
        )

    def _met(self, place: str) -> None:
        self.fault(place)

    def _check(self, item: AnchorReceipt, adapter: AnchorAdapter) -> str:
        trust = trust_of(CHAIN_ID, bytes(32), [adapter.trust_entry()])
        return check_item(item, trust, _BACKEND, self.verify)

    def add_points(self, count: int = 1) -> None:
        """More points of the ledger."""
        self.points += [point_of(len(self.points) + number + 1) for number in range(count)]

    def rounds(self, count: int = 1, *, seconds: float = 1.0, blocks: int = 1) -> None:
        """So many rounds, with time and blocks between them."""
        for _ in range(count):
            self.worker.round()
            self.seconds += seconds
            self.chain.mine(blocks)

    def job(self, number: int = 1) -> Job:
        """The job of the ``number``-th point."""
        found = self.keeping.jobs.of_size("fake", 100 * number)
        assert found is not None
        return found

    def states(self) -> dict[str, int]:
        """How many jobs are in which state."""
        return {state: count for state, count in self.keeping.jobs.count("fake").items() if count}
