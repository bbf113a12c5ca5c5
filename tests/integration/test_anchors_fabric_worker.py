"""The anchor worker with the Fabric adapter on the stand-in channel: answers lost, envelopes lost
by the orderers, other members in the same block, the process killed, in any order. Each point
counts once in the end, or is covered by a larger one; and a whole node, from its configuration to a
bundle that verifies."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from builders.anchored import settled
from builders.fabric_channel import NOW, Channel
from builders.fake_chain import FragileStore, Killed, PowerLost
from builders.home import make_home
from builders.running import record_of, running, submit
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from chaincode_adapters.errors import AnchorError, Unreachable
from chaincode_adapters.jobs import FAILED, FINAL
from chaincode_adapters.worker import Worker
from chaincode_adapters.worker_checks import check_item, trust_of
from chaincode_adapters.worker_steps import Keeping
from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import verify_receipt
from node.core.encoding import canonical_json
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify import verify_bundle
from node.evidence.bundle import bundle_record

_BACKEND = load_backend()
_STEPS = ("open", "sign", "send", "look_up", "receipt")
_NAME = "court-channel"


def point(number: int) -> AnchorPoint:
    return AnchorPoint(
        "audit", number, 10 * number, bytes([number]) * 32, b"\x02" * 32, b"\x03" * 32
    )


class Breaking:
    """An adapter at whose steps something can go wrong, before and after."""

    def __init__(self, inner: Any, meet: Any) -> None:
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
    """A member's node on a channel where everything goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.seconds = 0.0
        self.points = [point(1)]
        self.store = FragileStore(self.meet)
        self.countdown = self.losing = 0
        self.death: type[Killed] = Killed

    @initialize(consenters=st.sampled_from([0, 4]))
    def found(self, consenters: int) -> None:
        self.channel = self.stack.enter_context(Channel(consenters=consenters))
        homes = [Path(self.stack.enter_context(tempfile.TemporaryDirectory())) for _ in "ab"]
        self.home = homes[0]
        self.other = self.channel.adapter(homes[1], "Org2MSP", self.now)
        self.begin()

    def now(self) -> int:
        return NOW + int(1000 * self.seconds)

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
        adapter = self.channel.adapter(self.home, "Org1MSP", self.now)
        adapter.close()
        self.keeping = Keeping.of(self.store, "member-a")
        self.worker = Worker(
            Breaking(adapter, self.meet),  # type: ignore[arg-type]
            self.keeping,
            lambda after: [one for one in self.points if one.height > after],
            lambda item, by: check_item(
                item, trust_of("audit", bytes(32), [by.trust_entry()]), _BACKEND, verify_receipt
            ),
            self.now,
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

    @rule(times=st.integers(1, 3), seconds=st.sampled_from([1, 10, 40]))
    def live(self, times: int, seconds: int) -> None:
        for _ in range(times):
            self.seconds += seconds
            self.work()

    @rule(count=st.integers(1, 3))
    def add_points(self, count: int) -> None:
        self.points += [point(len(self.points) + 1 + at) for at in range(count)]
        self.live(1, 10)

    @rule(held=st.booleans())
    def hold(self, *, held: bool) -> None:
        """The orderers keep envelopes, or go on."""
        self.channel.held = held
        self.live(1, 10)

    @rule()
    def cut_a_block(self) -> None:
        self.channel.order()

    @rule()
    def lose_envelopes(self) -> None:
        self.channel.waiting.clear()

    @rule(number=st.integers(1, 4))
    def another_member_attests(self, number: int) -> None:
        one = point(number)
        try:
            self.other.send(one, self.other.sign(one, []))
        except AnchorError:
            return

    @rule(places=st.integers(1, 6))
    def lose_an_answer(self, places: int) -> None:
        self.losing = places
        self.live(1, 10)

    @rule(
        call=st.sampled_from(["Endorse", "Submit", "CommitStatus", "Evaluate"]), late=st.booleans()
    )
    def lose_a_call(self, call: str, *, late: bool) -> None:
        (self.channel.lose if late else self.channel.refuse).append(call)
        self.live(1, 10)

    @rule(places=st.integers(1, 14), death=st.sampled_from([Killed, PowerLost]))
    def die(self, places: int, death: type[Killed]) -> None:
        self.countdown, self.death = places, death
        self.live(2, 10)

    def teardown(self) -> None:
        try:
            if hasattr(self, "worker"):
                self.finish()
        finally:
            if hasattr(self, "worker"):
                self.worker.adapter.close()
                self.other.close()
            self.stack.close()

    def finish(self) -> None:
        self.countdown = self.losing = 0
        self.channel.held = False
        self.channel.order()
        self.channel.lose.clear()
        self.channel.refuse.clear()
        for _ in range(200):
            self.seconds += 60
            self.work()
            counts = self.keeping.jobs.count(_NAME)
            if sum(counts.get(one, 0) for one in (FINAL, FAILED)) == len(self.points):
                break
        assert not self.worker.course.stopped, self.worker.course.stopped
        assert set(counts) <= {FINAL, FAILED}, (counts, self.worker.trouble)
        assert sum(counts.values()) == len(self.points)
        for job in self.keeping.jobs.parked(_NAME):
            assert "whose anchor covers this one" in job.reason
        assert self.keeping.jobs.final(_NAME, self.points[-1].size) is not None
        for one in self.points:
            kept = self.channel.state.get(f"p|audit|{one.size:020d}")
            final = self.keeping.jobs.final(_NAME, one.size) is not None
            assert (b"Org1MSP" in kept) == final


Anchoring.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
)
TestAnchoring = Anchoring.TestCase


@pytest.mark.parametrize("consenters", [0, 4], ids=["raft", "smartbft"])
def test_a_node_anchors_and_its_bundle_verifies_offline(tmp_path: Path, consenters: int) -> None:
    """From node.toml through the wiring to the offline verifier."""
    with Channel(consenters=consenters) as channel:
        home = make_home(
            tmp_path / "home", parameters={"anchor_every_records": 1}, more=configured(channel)
        )
        channel.adapter(home.path).close()  # writes the client's files there
        node = running(home)
        try:
            [ticket] = submit(node, [record_of(home).encode()]).tickets
            assert ticket.position is not None
            assert node.anchoring is not None
            size = ticket.position.index + 1
            settled(lambda: f"p|{node.genesis.chain_id}|{size:020d}" in channel.state.values, 60)
            settled(lambda: node.receipts.items([ticket.position.index], size), 60)
            with node.reader() as reader:
                bundle = bundle_record(reader, ticket.position.index, anchors=node.receipts.items)
            entry = node.anchoring.trust_entry(_NAME).result(10)
        finally:
            node.stop()
    trust = Trust(node.genesis.chain_id, node.genesis.hash, anchors=(entry,))
    report = verify_bundle(canonical_json(bundle), canonical_json(trust.to_json()))
    assert report.accepted
    steps = [step for step in report.steps if step.id.startswith("anchors") and step.part]
    assert steps
    for step in steps:
        assert step.status == "passed"
        assert step.title == "Court consortium (Org1MSP, Org2MSP)"
        assert "signed that their ledgers hold it" in step.text
    without = Trust(node.genesis.chain_id, node.genesis.hash)
    report = verify_bundle(canonical_json(bundle), canonical_json(without.to_json()))
    assert report.accepted
    assert {
        step.status for step in report.steps if step.id.startswith("anchors") and step.part
    } == {"not checked"}


def configured(channel: Channel) -> str:
    return f"""
[[anchors.to]]
kind = "fabric"
name = "{_NAME}"
operator = "Court consortium"
endpoint = "127.0.0.1:{channel.port}"
channel = "evidence"
chaincode = "anchor"
msp_id = "Org1MSP"
certificate = "client.pem"
key = "client.key"
endorsements_needed = 2
poll_ms = 20
from = "first"
"""
