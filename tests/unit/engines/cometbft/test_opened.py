"""Frames are opened once, forgotten when decided, and never without their signatures checked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import pytest
from builders.events import case_sub
from builders.ledger import LedgerBench
from builders.signing import MemberKey

from node.core.errors import InvalidEncoding, InvalidInput
from node.core.frame import MAX_BLOCK_TRANSACTIONS, decode_frame, encode_frame
from node.engines.cometbft.opened import OpenedFrames, frame_id
from node.ledger.application import OpenedFrame
from node.ledger.intake import Intake, KeyRing, TakenValues
from node.submission.errors import WorkersFailed


class Opener:
    """Opens when the test says so; remembers what it was asked for."""

    def __init__(self, ring: KeyRing, *, at_once: bool = True) -> None:
        self._intake = Intake(ring)
        self._at_once = at_once
        self.asked: list[bytes] = []
        self.hastened: list[bytes] = []
        self.waiting: list[tuple[bytes, Future[list[TakenValues]]]] = []

    def open_frame(self, frame: bytes) -> Future[list[TakenValues]]:
        result: Future[list[TakenValues]] = Future()
        self.asked.append(frame)
        self.waiting.append((frame, result))
        if self._at_once:
            self.work()
        return result

    def hasten(self, result: Future[list[TakenValues]]) -> None:
        self.hastened += [frame for frame, waiting in self.waiting if waiting is result]

    def work(self, count: int = 1) -> None:
        """Open the first ``count`` that wait."""
        done, self.waiting = self.waiting[:count], self.waiting[count:]
        for frame, result in done:
            if not result.set_running_or_notify_cancel():
                continue
            try:
                result.set_result(list(self._intake.open_frame(frame)))
            except InvalidInput as error:
                result.set_exception(error)


@pytest.fixture
def bench() -> LedgerBench:
    return LedgerBench()


def frames_of(bench: LedgerBench, count: int) -> list[bytes]:
    return [
        encode_frame([bench.jwt("signing.initiated", case_sub(number))]) for number in range(count)
    ]


def spoilt(bench: LedgerBench) -> bytes:
    """A frame with one signature that does not hold."""
    good, other = (bench.jwt("signing.initiated", case_sub(number)) for number in (901, 902))
    return encode_frame([other, good[: good.rindex(b".")] + other[other.rindex(b".") :]])


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def play(
    bench: LedgerBench,
    scenario: Callable[[OpenedFrames, Opener], Awaitable[None]],
    *,
    at_once: bool = True,
    most_bytes: int = 1 << 20,
) -> None:
    async def run() -> None:
        ring = bench.application.key_ring()
        opener = Opener(ring, at_once=at_once)
        await scenario(OpenedFrames(opener, ring, most_bytes), opener)

    asyncio.run(run())


def test_a_frame_is_opened_once(bench: LedgerBench) -> None:
    (frame,) = frames_of(bench, 1)

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        first = await opened.open(frame)
        assert list(first.taken) == bench.intake.open_frame(frame)
        assert await opened.open(frame) is first
        assert await opened.flaw(frame) is None
        own = OpenedFrame(b"own", first.taken)
        assert opened.put(own) == frame_id(b"own")
        assert await opened.open(b"own") is own
        assert opener.asked == [frame]

    play(bench, scenario)


def test_all_who_ask_at_once_wait_for_one_opening(bench: LedgerBench) -> None:
    (frame,) = frames_of(bench, 1)

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        asking = [asyncio.ensure_future(opened.open(frame)) for _ in range(3)]
        await turns()
        asking[0].cancel()
        await turns()
        opener.work()
        assert (await asking[1]).frame == (await asking[2]).frame == frame
        assert asking[0].cancelled()
        assert opener.asked == [frame]

    play(bench, scenario, at_once=False)


def test_what_nobody_waits_for_any_more_is_not_opened(bench: LedgerBench) -> None:
    (frame,) = frames_of(bench, 1)

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        asking = asyncio.ensure_future(opened.open(frame))
        await turns()
        asking.cancel()
        await turns()
        assert opener.waiting[0][1].cancelled()
        again = asyncio.ensure_future(opened.open(frame))
        await turns()
        opener.work(2)
        assert (await again).frame == frame

    play(bench, scenario, at_once=False)


def test_a_decided_frame_is_forgotten(bench: LedgerBench) -> None:
    (frame,) = frames_of(bench, 1)

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        first = await opened.open(frame)
        opened.forget(frame)
        opened.forget(frame)
        assert await opened.open(frame) is not first

    play(bench, scenario)


def test_the_oldest_go_when_there_are_too_many(bench: LedgerBench) -> None:
    frames = frames_of(bench, 4)

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        held = [await opened.open(frame) for frame in frames]
        assert await opened.open(frames[3]) is held[3]
        assert await opened.open(frames[0]) is not held[0]

    (jwt,) = decode_frame(frames[0])
    one = len(frames[0]) + 2 * len(jwt) + 600
    play(bench, scenario, most_bytes=3 * one + 24)


def test_frames_are_weighed_by_what_they_hold(bench: LedgerBench) -> None:
    """A few packed bytes may be very many unpacked: two such frames are too many here."""
    jwt = bench.jwt("signing.initiated", case_sub(1))

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        (taken,) = bench.intake.open_frame(encode_frame([jwt]))
        for number in range(50):
            opened.put(OpenedFrame(b"%d" % number, [taken._replace(jwt=bytes(300_000))]))
        assert list(opened._held) == [frame_id(b"49")]
        opened.put(OpenedFrame(b"49", [taken]))
        opened.put(OpenedFrame(b"50", [taken]))
        assert len(opened._held) == 2
        for number in (49, 50):
            opened.forget(b"%d" % number)
        assert opened._bytes == 0

    play(bench, scenario)


def test_frames_without_end_are_not_even_hashed(
    bench: LedgerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block of 4 MB may have two million empty ones."""

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        monkeypatch.setattr("node.engines.cometbft.opened.frame_id", lambda frame: 1 / 0)
        flaw = await opened.flaw_of_block([b""] * (MAX_BLOCK_TRANSACTIONS + 1))
        assert flaw is not None
        assert "at most 8192 frames" in flaw.rule

    play(bench, scenario)


def test_a_flaw_is_told_and_not_remembered_as_opened(bench: LedgerBench) -> None:
    bad = spoilt(bench)

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        for _ in range(2):
            flaw = await opened.flaw(bad)
            assert isinstance(flaw, InvalidInput)
            assert flaw.place == "frame[1].signature"
            with pytest.raises(InvalidInput):
                await opened.open(bad)

    play(bench, scenario)


def test_the_first_flaw_ends_the_work_on_the_others(bench: LedgerBench) -> None:
    """The frames behind it are never opened, as far as no other asks for them."""
    good, bad = frames_of(bench, 6), spoilt(bench)
    frames = [*good[:2], bad, *good[2:]]

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        other = asyncio.ensure_future(opened.open(good[5]))
        asking = asyncio.ensure_future(opened.flaw_of_block(frames))
        await turns()
        opener.work(4)  # the one that somebody else asks for, two good ones, and the bad one
        found = await asking
        assert found is not None
        assert found.place == "block[2].frame[1].signature"
        assert [result.cancelled() for _, result in opener.waiting] == [True] * 3
        assert (await other).frame == good[5]
        assert await opened.flaw_of_block([]) is None
        assert await opened.flaw_of_block(good[5:]) is None
        assert good[5] not in [frame for frame, _ in opener.waiting]

    play(bench, scenario, at_once=False)


def test_what_a_block_waits_for_goes_before_what_peers_offer(bench: LedgerBench) -> None:
    """Also where a peer has offered it before; and who gives up leaves it to the others."""
    frames = frames_of(bench, 3)

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        offered = [asyncio.ensure_future(opened.flaw(frame, urgent=False)) for frame in frames]
        await turns()
        assert opener.hastened == []
        proposed = asyncio.ensure_future(opened.flaw_of_block(frames[1:2]))
        await turns()
        assert opener.hastened == frames[1:2]
        assert opener.asked == frames
        proposed.cancel()
        opener.work(3)
        assert await asyncio.gather(*offered) == [None] * 3

    play(bench, scenario, at_once=False)


def test_how_many_are_in_a_frame_is_known_or_read(bench: LedgerBench) -> None:
    frame = encode_frame([bench.jwt("signing.initiated", case_sub(number)) for number in range(3)])

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        assert opened.count(frame) == 3
        await opened.open(frame)
        assert opened.count(frame) == 3
        with pytest.raises(InvalidEncoding):
            opened.count(b"\x01nothing")

    play(bench, scenario)


def test_a_key_that_comes_later_has_its_frames_opened_anew(bench: LedgerBench) -> None:
    """Before, nothing is known of its signatures, and both frames do; then one of them does not."""
    key = MemberKey("comes later")
    good, other = (bench.jwt("signing.initiated", case_sub(n), key=key) for n in (1, 2))
    held = encode_frame([good])
    bad = encode_frame([good[: good.rindex(b".")] + other[other.rindex(b".") :]])

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        before = await opened.open(held)
        assert await opened.open(held) is before
        assert before.unknown_kids() == {key.kid}
        assert await opened.flaw(bad) is None
        bench.application.keys_registered({key.kid: key.jwk})
        after = await opened.open(held)
        assert not after.unknown_kids()
        assert await opened.open(held) is after
        assert await opened.flaw(bad) is not None
        opened.forget(held)
        assert await opened.open(held) is not after

    play(bench, scenario)


def test_a_key_that_comes_while_a_frame_is_opened_counts(bench: LedgerBench) -> None:
    key = MemberKey("comes later")
    frame = encode_frame([bench.jwt("signing.initiated", case_sub(), key=key)])

    async def scenario(opened: OpenedFrames, opener: Opener) -> None:
        asking = asyncio.ensure_future(opened.open(frame))
        await turns()
        opener.work()
        bench.application.keys_registered({key.kid: key.jwk})
        await turns()
        opener.work()
        assert not (await asking).unknown_kids()
        assert opener.asked == [frame, frame]

    play(bench, scenario, at_once=False)


def test_where_no_worker_can_say_the_frame_is_opened_here(bench: LedgerBench) -> None:
    """A good block stays one, whatever ails this node's workers."""
    (frame,), bad = frames_of(bench, 1), spoilt(bench)

    class Failing(Opener):
        def open_frame(self, frame: bytes) -> Future[list[TakenValues]]:
            result: Future[list[TakenValues]] = Future()
            result.set_exception(WorkersFailed("two workers ended over this frame"))
            return result

    async def run() -> None:
        ring = bench.application.key_ring()
        opened = OpenedFrames(Failing(ring), ring)
        assert list((await opened.open(frame)).taken) == bench.intake.open_frame(frame)
        assert isinstance(await opened.flaw(bad), InvalidInput)

    asyncio.run(run())
