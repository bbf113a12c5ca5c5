"""Frames on their way to the mempool, over an engine that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from structlog.testing import capture_logs

from node.core.errors import EvidenceError, LedgerFault
from node.engines.cometbft import broadcaster as module
from node.engines.cometbft.broadcaster import Broadcaster
from node.engines.cometbft.opened import OpenedFrames
from node.engines.cometbft.rpc import Accepted, EngineRpc, RpcRefused, RpcUnreachable
from node.ledger.application import OpenedFrame
from node.ledger.intake import KeyRing, TakenValues

FRAMES = [OpenedFrame(b"frame %d" % number, ()) for number in range(8)]


class Mempool(EngineRpc):
    """Takes frames; ``answers`` are given in turn before it takes any."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.answers: list[Accepted | Exception] = []

    async def broadcast(self, frame: bytes) -> Accepted:
        await asyncio.sleep(0)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        self.taken.append(frame)
        return Accepted(0, "")


class NoOpener:
    """What is sent has been opened already."""

    def open_frame(self, frame: bytes) -> Future[list[TakenValues]]:
        raise AssertionError(frame)

    def hasten(self, result: Future[list[TakenValues]]) -> None:
        raise AssertionError(result)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", (0.0,))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def play(scenario: Callable[[Broadcaster, Mempool, list[EvidenceError]], object]) -> None:
    async def run() -> None:
        mempool, failed = Mempool(), list[EvidenceError]()
        broadcaster = Broadcaster(
            mempool,
            OpenedFrames(NoOpener(), KeyRing({})),
            failed.append,
            frames=3,
            transactions=100,
        )
        await scenario(broadcaster, mempool, failed)  # type: ignore[misc]
        await broadcaster.close()

    asyncio.run(run())


def test_few_are_in_flight_and_the_next_go_when_those_have_landed() -> None:
    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        for number, frame in enumerate(FRAMES):
            broadcaster.add(frame, number)
        await turns()
        assert mempool.taken == [], "not before the engine answers"
        broadcaster.begin()
        await turns()
        assert mempool.taken == [frame.frame for frame in FRAMES[:3]]
        assert (broadcaster.waiting, broadcaster.flying) == (5, 3)
        landed = broadcaster.landed([FRAMES[1].frame, b"another node's", FRAMES[0].frame])
        assert landed == [[1], [], [0]]
        await turns()
        assert mempool.taken == [frame.frame for frame in FRAMES[:5]]
        assert failed == []

    play(scenario)


def test_a_frame_that_lands_before_it_is_sent_is_not_sent() -> None:
    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        for number, frame in enumerate(FRAMES[:5]):
            broadcaster.add(frame, number)
        broadcaster.begin()
        assert broadcaster.landed([FRAMES[4].frame]) == [[4]]
        await turns()
        broadcaster.landed([frame.frame for frame in FRAMES[:3]])
        await turns()
        assert mempool.taken == [frame.frame for frame in FRAMES[:4]]

    play(scenario)


def test_the_same_frame_twice_is_sent_once_and_both_are_told() -> None:
    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        broadcaster.begin()
        broadcaster.add(FRAMES[0], "first")
        broadcaster.add(OpenedFrame(FRAMES[0].frame, ()), "second")
        await turns()
        assert mempool.taken == [FRAMES[0].frame]
        assert broadcaster.landed([FRAMES[0].frame]) == [["first", "second"]]

    play(scenario)


def test_what_is_not_taken_is_offered_again() -> None:
    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        mempool.answers = [
            RpcUnreachable("starting"),
            RpcRefused("Internal error: mempool is full"),
            RpcUnreachable("gone"),
        ]
        broadcaster.begin()
        broadcaster.add(FRAMES[0], 0)
        await turns()
        assert mempool.taken == [FRAMES[0].frame]
        assert failed == []

    play(scenario)


def test_what_the_mempool_has_is_on_its_way() -> None:
    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        mempool.answers = [RpcRefused("Internal error: tx already exists in cache")]
        broadcaster.begin()
        broadcaster.add(FRAMES[0], 0)
        await turns()
        assert (mempool.taken, mempool.answers, broadcaster.flying) == ([], [], 1)

    play(scenario)


def test_the_node_s_own_frame_refused_cannot_be_right() -> None:
    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        mempool.answers = [Accepted(1, "frame[0].signature: does not hold")]
        broadcaster.begin()
        broadcaster.add(FRAMES[0], 0)
        await turns()
        (fault,) = failed
        assert isinstance(fault, LedgerFault)
        assert "does not hold" in str(fault)

    play(scenario)


def test_what_has_been_in_the_mempool_for_long_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RESEND_SECONDS", 0.0)

    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        broadcaster.begin()
        broadcaster.add(FRAMES[0], 0)
        broadcaster.add(FRAMES[1], 1)
        await turns()
        broadcaster.landed([FRAMES[1].frame])
        watching = asyncio.create_task(broadcaster.watch())
        while len(mempool.taken) < 3:
            await asyncio.sleep(0)
        watching.cancel()
        assert mempool.taken[:3] == [FRAMES[0].frame, FRAMES[1].frame, FRAMES[0].frame]

    play(scenario)


def test_one_that_gets_into_no_block_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine takes every frame, whatever its mempool says."""
    monkeypatch.setattr(module, "_RESEND_SECONDS", 0.0)

    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        broadcaster.begin()
        broadcaster.add(FRAMES[0], 0)
        watching = asyncio.create_task(broadcaster.watch())
        with capture_logs() as told:
            while len(mempool.taken) < 5:
                await asyncio.sleep(0)
        watching.cancel()
        times = [line["times"] for line in told if line["event"].startswith("a frame is in no")]
        assert times[:2] == [3, 4]

    play(scenario)


def test_frames_come_into_the_mempool_in_their_order() -> None:
    """Also where one has to be offered again: a record may rest on one in the frame before."""

    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        full = RpcRefused("mempool is full: 20 txs")
        mempool.answers = [full, RpcUnreachable("not now"), full]
        broadcaster.begin()
        for number in range(3):
            broadcaster.add(FRAMES[number], number)
        while len(mempool.taken) < 3:
            await asyncio.sleep(0)
        assert mempool.taken == [frame.frame for frame in FRAMES[:3]]

    play(scenario)


def test_transactions_are_counted_not_only_frames() -> None:
    """As many as may be in flight, and the frame that goes beyond; then none until one landed."""
    item = (b"", b"", b"", 0, ())
    large = [OpenedFrame(b"large %d" % number, [item] * 60) for number in range(3)]

    async def scenario(broadcaster: Broadcaster, mempool: Mempool, failed: list[object]) -> None:
        broadcaster.begin()
        for frame in large:
            broadcaster.add(frame, None)
        await turns()
        assert mempool.taken == [large[0].frame, large[1].frame]
        assert (broadcaster.flying, broadcaster.waiting) == (2, 1)
        broadcaster.landed([large[0].frame])
        await turns()
        assert mempool.taken == [frame.frame for frame in large]

    play(scenario)
