"""Whatever happens on the way, each point ends up on the outside chain once, and its job final."""

from __future__ import annotations

import msgspec
from builders.fake_chain import (
    FakeAdapter,
    FakeChain,
    FragileStore,
    Killed,
    PowerLost,
    point_of,
    verify_fake,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.jobs import FINAL
from chaincode_adapters.keeping import Keeping
from chaincode_adapters.worker import Worker
from chaincode_adapters.worker_checks import check_item, trust_of
from node.core.signatures import load_backend

_BACKEND = load_backend()


class Anchoring(RuleBasedStateMachine):
    """A ledger that has points, a chain that misbehaves, a process that dies."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.points = [point_of(1)]
        self.chain = FakeChain()
        self.store = FragileStore(self.meet)
        self.down = False
        self.losing = False
        self.countdown = 0
        self.death: type[Killed] = Killed
        self.begin()

    def meet(self, place: str) -> None:
        """Each place at which something can go wrong."""
        if self.countdown:
            self.countdown -= 1
            if not self.countdown:
                raise self.death
        if place.startswith("write"):
            return
        if self.down and place.endswith("before"):
            raise Unreachable("down")
        if self.losing and place.endswith("after"):
            self.losing = False
            raise Unreachable("the answer is lost")

    def begin(self) -> None:
        """The process starts."""
        self.adapter = FakeAdapter(self.chain, fault=self.meet)
        keeping = Keeping.of(self.store, "member-a")
        self.worker = Worker(
            self.adapter,
            keeping,
            lambda after: [point for point in self.points if point.height > after],
            lambda item, adapter: check_item(
                item, trust_of("c", bytes(32), [adapter.trust_entry()]), _BACKEND, verify_fake
            ),
            lambda: int(1000 * self.seconds),
            begin="first",
            clock=lambda: self.seconds,
            draw=lambda: 0.5,
        )
        self.keeping = keeping

    def work(self) -> None:
        """One round, and if it dies in it, a new process."""
        try:
            self.worker.round()
        except Killed as death:
            self.countdown = 0
            if isinstance(death, PowerLost):
                self.store.lose_power()
            self.begin()

    @rule(
        times=st.integers(1, 5),
        seconds=st.sampled_from([0.5, 1.5, 5.0, 30.0, 400.0]),
        blocks=st.integers(0, 2),
    )
    def live(self, times: int, seconds: float, blocks: int) -> None:
        for _ in range(times):
            self.seconds += seconds
            self.work()
            self.chain.mine(blocks)

    @rule(count=st.integers(1, 6))
    def add_points(self, count: int) -> None:
        if len(self.points) < 30:
            self.points += [point_of(len(self.points) + 1 + at) for at in range(count)]
        self.work()

    @rule(blocks=st.integers(1, 2), forget=st.booleans())
    def reorganise(self, blocks: int, *, forget: bool) -> None:
        self.chain.reorganise(blocks, forget=forget)
        self.work()

    @rule()
    def forget_mempool(self) -> None:
        self.chain.forget()

    @rule()
    def steal_number(self) -> None:
        self.chain.steal_number()

    @rule(down=st.booleans())
    def go_down(self, *, down: bool) -> None:
        self.down = down
        self.work()

    @rule()
    def lose_an_answer(self) -> None:
        self.losing = True
        self.work()

    @rule(places=st.integers(1, 14), death=st.sampled_from([Killed, PowerLost]))
    def die(self, places: int, death: type[Killed]) -> None:
        self.countdown, self.death = places, death
        self.live(3, 1.5, 1)

    @invariant()
    def nothing_is_anchored_twice(self) -> None:
        assert set(self.chain.anchored.values()) <= {1}

    def teardown(self) -> None:
        self.down = self.losing = False
        self.countdown = 0
        for _ in range(400):
            self.seconds += 5
            self.work()
            self.chain.mine()
            if self.worker.course.finals == len(self.points):
                break
        counts = self.keeping.jobs.count("fake")
        assert counts == {FINAL: len(self.points)}, (counts, self.worker.trouble)
        assert self.chain.anchored == {point.digest(): 1 for point in self.points}
        for point in self.points:
            job = self.keeping.jobs.final("fake", point.size)
            assert job is not None
            [held] = self.keeping.receipts.at(point.size)
            assert held.receipt == job.receipt
            item = msgspec.json.decode(self.keeping.receipts.get(held.receipt) or b"")
            assert item["point"] == point.to_json()


Anchoring.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestAnchoring = Anchoring.TestCase
