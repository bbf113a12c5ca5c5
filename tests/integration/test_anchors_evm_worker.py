"""The anchor worker with the EVM adapter on anvil: reorganisations within finality, transactions
forgotten, nonces taken, answers lost, the process killed, in any order. Each point is attested once
in the end, or covered by a larger one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from builders.anvil import ANVIL_CHAIN, ANVIL_KEYS, Anvil, anvil
from builders.evm import GENESIS, LEDGER, Bench, bench, point
from builders.fake_chain import FragileStore, Killed, PowerLost
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.account import EvmAccount
from chaincode_adapters.jobs import FAILED, FINAL
from chaincode_adapters.port import AnchorAdapter
from chaincode_adapters.worker import Worker
from chaincode_adapters.worker_checks import check_item, trust_of
from chaincode_adapters.worker_steps import Keeping
from node.core.anchors.receipts import verify_receipt
from node.core.signatures import load_backend

_BACKEND = load_backend()
_STEPS = ("open", "sign", "send", "look_up", "receipt")
_DEPTH = 3


class Breaking:
    """An adapter at whose steps something can go wrong, before and after."""

    def __init__(self, inner: AnchorAdapter, meet: Callable[[str], None]) -> None:
        self._inner, self._meet = inner, meet

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in _STEPS:
            return found

        def step(*arguments: Any) -> Any:
            self._meet(f"{name} before")
            done = found(*arguments)
            self._meet(f"{name} after")
            return done

        return step


class Anchoring(RuleBasedStateMachine):
    """A node that anchors to a chain, where everything goes wrong."""

    chain: Anvil
    made_on: Bench

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.chain = self.stack.enter_context(anvil())
        home = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.made_on = bench(self.chain, home)
        self.chain.ask("evm_setAutomine", False)
        self.seconds = 0.0
        self.points = [point(1)]
        self.store = FragileStore(self.meet)
        self.countdown = 0
        self.losing = 0
        self.death: type[Killed] = Killed
        self.begin()

    def meet(self, place: str) -> None:
        if self.countdown:
            self.countdown -= 1
            if not self.countdown:
                raise self.death
        if self.losing and not place.startswith("write"):
            self.losing -= 1
            if not self.losing:
                raise Unreachable("the answer is lost")

    def begin(self) -> None:
        """The process starts."""
        self.made_on.close()
        adapter = Breaking(self.made_on.closed(depth=_DEPTH, in_flight=4), self.meet)
        self.keeping = Keeping.of(self.store, "member-a")
        self.worker = Worker(
            adapter,  # type: ignore[arg-type]
            self.keeping,
            lambda after: [one for one in self.points if one.height > after],
            lambda item, by: check_item(
                item, trust_of(LEDGER, GENESIS, [by.trust_entry()]), _BACKEND, verify_receipt
            ),
            lambda: int(1000 * self.seconds),
            begin="first",
            clock=lambda: self.seconds,
            draw=lambda: 0.5,
        )

    def work(self) -> None:
        try:
            self.worker.round()
        except Killed as death:
            self.countdown = 0
            if isinstance(death, PowerLost):
                self.store.lose_power()
            self.begin()

    @rule(times=st.integers(1, 3), blocks=st.integers(0, 2))
    def live(self, times: int, blocks: int) -> None:
        for _ in range(times):
            self.seconds += 10
            self.work()
            if blocks:
                self.chain.mine(blocks)

    @rule(count=st.integers(1, 3))
    def add_points(self, count: int) -> None:
        self.points += [point(len(self.points) + 1 + at) for at in range(count)]
        self.live(1, 0)

    @rule(blocks=st.integers(1, _DEPTH - 1), forget=st.booleans())
    def reorganise(self, blocks: int, *, forget: bool) -> None:
        if self.chain.height > self.made_on.deployed.block + _DEPTH:
            self.chain.reorganize(blocks)
        if forget:
            self.chain.ask("anvil_dropAllTransactions")
        self.live(1, 0)

    @rule()
    def forget_transactions(self) -> None:
        self.chain.ask("anvil_dropAllTransactions")

    @rule()
    def steal_nonce(self) -> None:
        """Another program with the same key is faster, at any price."""
        account = EvmAccount(bytes.fromhex(ANVIL_KEYS[0]))
        _, raw = account.sign(
            {
                "chainId": ANVIL_CHAIN,
                "to": account.address,
                "value": 0,
                "gas": 21_000,
                "gasPrice": 10**13,
                "nonce": self.made_on.nonce(),
            }
        )
        self.chain.ask("anvil_dropAllTransactions")
        self.chain.ask("eth_sendRawTransaction", f"0x{raw.hex()}")
        self.chain.mine()

    @rule(places=st.integers(1, 6))
    def lose_an_answer(self, places: int) -> None:
        self.losing = places
        self.live(1, 1)

    @rule(places=st.integers(1, 14), death=st.sampled_from([Killed, PowerLost]))
    def die(self, places: int, death: type[Killed]) -> None:
        self.countdown, self.death = places, death
        self.live(2, 1)

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.made_on.close()
            self.stack.close()

    def finish(self) -> None:
        self.countdown = self.losing = 0
        for _ in range(200):
            self.seconds += 60
            self.work()
            self.chain.mine(2)
            if sum(
                self.keeping.jobs.count("chain-0").get(one, 0) for one in (FINAL, FAILED)
            ) == len(self.points):
                break
        course = self.worker.course
        assert not course.stopped, course.stopped
        counts = self.keeping.jobs.count("chain-0")
        assert set(counts) <= {FINAL, FAILED}, (counts, self.worker.trouble)
        assert sum(counts.values()) == len(self.points)
        for job in self.keeping.jobs.parked("chain-0"):
            assert "whose anchor covers this one" in job.reason
        assert self.keeping.jobs.final("chain-0", self.points[-1].size) is not None
        fresh = self.made_on.adapter(depth=_DEPTH)
        for one in self.points:
            job = self.keeping.jobs.final("chain-0", one.size)
            if job is not None:
                standing = fresh.look_up(one, [], b"")
                assert standing.mark == job.mark  # type: ignore[union-attr]
        fresh.close()


Anchoring.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
)
TestAnchoring = Anchoring.TestCase
