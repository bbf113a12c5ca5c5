from __future__ import annotations

import os
import queue
import signal
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import NoReturn

import pytest
from builders.home import Home
from builders.running import signed_records

from node.client.keys import SigningKey
from node.client.records import build_submission
from node.core.errors import InvalidInput
from node.core.frame import MAX_FRAME_BYTES, decode_frame, encode_frame
from node.ledger.intake import Intake, KeyRing, TakenValues
from node.submission.admission import Answer
from node.submission.errors import WorkersFailed
from node.submission.pool import Chunk, WorkerPool
from node.submission.worker import WorkerSetup, run_worker
from node.wiring import system_time


class Feeding:
    """A pool with a queue of chunks before it and one of answers behind it."""

    def __init__(self, home: Home, workers: int = 1) -> None:
        self.chunks: list[Chunk] = []
        self.answers: queue.Queue[tuple[Chunk, Answer | None]] = queue.Queue()
        self.on_answer: Callable[[], None] = lambda: None
        keys = {key.kid: key.jwk for key in map(home.member_key, home.keys)}
        self.pool = WorkerPool(
            workers, 2, WorkerSetup(home.chain_id, keys), self._next, self._answered
        )

    def _next(self) -> Chunk | None:
        return self.chunks.pop(0) if self.chunks else None

    def _answered(self, chunk: Chunk, answer: Answer | None) -> None:
        self.answers.put((chunk, answer))

    def feed(self, *items: list[bytes]) -> None:
        self.chunks += [Chunk(chunk, None, number) for number, chunk in enumerate(items, 1)]
        self.pool.kick()

    def take(self, count: int) -> dict[int, Answer | None]:
        give_up = time.monotonic() + 30
        while self.answers.qsize() < count:
            assert time.monotonic() < give_up
            self.pool.pump(1.0)
        got = [self.answers.get() for _ in range(count)]
        return {chunk.number: answer for chunk, answer in got}

    def kill_worker(self) -> None:
        pid = self.pool._workers[0].process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def feeding(home: Home) -> Feeding:
    return Feeding(home)


def test_more_chunks_than_slots(feeding: Feeding, home: Home) -> None:
    feeding.feed(*[signed_records(home, 3) for _ in range(9)])
    answers = feeding.take(9)
    assert sorted(answers) == list(range(1, 10))
    assert all(answer is not None and len(answer.results) == 3 for answer in answers.values())
    feeding.pool.stop()


def test_a_dead_worker_is_replaced_and_its_chunks_done_again(feeding: Feeding, home: Home) -> None:
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    chunks = [signed_records(home, 100) for _ in range(4)]
    feeding.feed(*chunks)
    feeding.kill_worker()
    answers = feeding.take(4)
    assert all(answer is not None and len(answer.results) == 100 for answer in answers.values())
    feeding.feed(signed_records(home, 2))
    assert feeding.take(1)
    feeding.pool.stop()


def test_nobody_sends_to_a_dead_worker_while_it_is_replaced(
    feeding: Feeding, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other threads go on submitting meanwhile; what they bring waits for the new one."""
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    start = feeding.pool._start_worker
    meanwhile = signed_records(home, 3)

    def start_late(number: int) -> object:
        feeding.chunks.append(Chunk(meanwhile, None, 2))
        feeding.pool.kick()
        return start(number)

    monkeypatch.setattr(feeding.pool, "_start_worker", start_late)
    feeding.kill_worker()
    answer = feeding.take(1)[2]
    assert answer is not None
    assert len(answer.results) == 3
    feeding.pool.stop()


def test_a_chunk_that_kills_two_workers_is_given_up(feeding: Feeding, home: Home) -> None:
    """A chunk that is no list of bytes makes a worker die of an error that it does not expect."""
    feeding.feed([12], signed_records(home, 2))  # type: ignore[list-item]
    answers = feeding.take(2)
    assert answers[1] is None
    assert answers[2] is not None
    feeding.pool.stop()


def refuse_to_start(*_: object) -> None:
    os._exit(7)


def test_no_chunk_is_blamed_for_workers_that_cannot_start(
    feeding: Feeding, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    monkeypatch.setattr("node.submission.pool.run_worker", refuse_to_start)
    feeding.kill_worker()
    chunk = signed_records(home, 2)
    feeding.feed(chunk)
    with pytest.raises(WorkersFailed, match=r"3 worker processes ended .* exit code 7"):
        feeding.take(1)
    assert feeding.answers.empty()
    feeding.pool.stop()


def test_a_worker_that_could_not_start_is_replaced_by_one_that_can(
    feeding: Feeding, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    start = feeding.pool._start_worker
    stillborn = 2

    def start_late(number: int) -> object:
        nonlocal stillborn
        target = refuse_to_start if stillborn else run_worker
        stillborn -= 1
        monkeypatch.setattr("node.submission.pool.run_worker", target)
        return start(number)

    monkeypatch.setattr(feeding.pool, "_start_worker", start_late)
    feeding.kill_worker()
    feeding.feed(signed_records(home, 3))
    answer = feeding.take(1)[1]
    assert answer is not None
    assert len(answer.results) == 3
    feeding.pool.stop()


def test_an_answer_larger_than_its_slot_comes_through_the_pipe(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.submission.pool._OUT_BYTES", 256)
    monkeypatch.setattr(
        "node.submission.pool._SLOT_BYTES",
        256 + __import__("node.submission.pool", fromlist=["x"])._IN_BYTES,
    )
    feeding = Feeding(home)
    feeding.feed(signed_records(home, 20))
    answer = feeding.take(1)[1]
    assert answer is not None
    assert len(answer.results) == 20
    feeding.pool.stop()


def test_stopping_ends_the_workers(feeding: Feeding) -> None:
    processes = [worker.process for worker in feeding.pool._workers]
    feeding.pool.stop()
    assert all(not process.is_alive() for process in processes)


# -- frames that others made ----------------------------------------------------------------------


def frame_of(home: Home, count: int) -> bytes:
    return encode_frame([record.split(b"~")[0] for record in signed_records(home, count)])


def spoilt(home: Home) -> bytes:
    """A frame with one signature that does not hold."""
    one, other = (record.split(b"~")[0] for record in signed_records(home, 2))
    return encode_frame([other, one[: one.rindex(b".")] + other[other.rindex(b".") :]])


def result_of(feeding: Feeding, future: Future[list[TakenValues]]) -> list[TakenValues]:
    """What comes of a frame; raises what was said against it."""
    give_up = time.monotonic() + 30
    while not future.done():
        assert time.monotonic() < give_up
        feeding.pool.pump(1.0)
    return future.result()


def intake_of(home: Home) -> Intake:
    return Intake(KeyRing({key.kid: key.jwk for key in map(home.member_key, home.keys)}))


def test_frames_are_opened_as_they_are_here(feeding: Feeding, home: Home) -> None:
    frames = [frame_of(home, count) for count in (1, 32, 256)]
    futures = [feeding.pool.open_frame(frame) for frame in frames]
    for frame, future in zip(frames, futures):
        expected = [tuple(item) for item in intake_of(home).open_frame(frame)]
        assert result_of(feeding, future) == expected
    feeding.pool.stop()


@pytest.mark.parametrize("large", [False, True])
def test_frames_that_are_refused_say_why(feeding: Feeding, home: Home, *, large: bool) -> None:
    bad = os.urandom(MAX_FRAME_BYTES) if large else spoilt(home)
    with pytest.raises(InvalidInput) as expected:
        intake_of(home).open_frame(bad)
    with pytest.raises(InvalidInput) as told:
        result_of(feeding, feeding.pool.open_frame(bad))
    assert type(told.value) is type(expected.value)
    assert (told.value.place, told.value.rule) == (expected.value.place, expected.value.rule)
    feeding.pool.stop()


def test_a_frame_is_opened_before_submissions_that_wait(feeding: Feeding, home: Home) -> None:
    """All slots for submissions are full; a block would wait for them."""
    feeding.feed(*[signed_records(home, 200) for _ in range(6)])
    feeding.take(1)
    result_of(feeding, feeding.pool.open_frame(frame_of(home, 1)))
    assert feeding.answers.qsize() < 5
    feeding.take(5)
    feeding.pool.stop()


def test_a_frame_in_a_hurry_is_opened_before_others_that_wait(feeding: Feeding, home: Home) -> None:
    order: list[int] = []
    futures = []
    for number in range(20):
        future = feeding.pool.open_frame(frame_of(home, 20))
        future.add_done_callback(lambda _, number=number: order.append(number))  # type: ignore[misc]
        futures.append(future)
    feeding.pool.hasten(futures[19])
    feeding.pool.hasten(futures[0])  # has begun, or is done
    for future in futures:
        result_of(feeding, future)
    feeding.pool.hasten(futures[19])
    assert order == [0, 1, 2, 3, 19, *range(4, 19)]
    feeding.pool.stop()


def test_a_frame_that_has_just_come_is_not_looked_for(feeding: Feeding, home: Home) -> None:
    """A block may have 8,192 frames, each of which is in a hurry."""

    class Unsearched(deque[object]):
        def __iter__(self) -> NoReturn:
            raise AssertionError

    pool = feeding.pool
    pool.kick = lambda: None  # type: ignore[method-assign]
    pool._frames = Unsearched()  # type: ignore[assignment]
    for count in (1, 2, 3):
        pool.hasten(pool.open_frame(frame_of(home, count)))
    sizes = [len(decode_frame(pool._frames.popleft().frame)) for _ in range(3)]
    assert sizes == [3, 2, 1]
    pool._frames = deque()
    pool.stop()


def test_what_is_cancelled_before_its_turn_is_not_opened(feeding: Feeding, home: Home) -> None:
    futures = [feeding.pool.open_frame(frame_of(home, 20)) for _ in range(20)]
    cancelled = [future for future in futures if future.cancel()]
    assert cancelled, "more wait than there are slots"
    for future in futures:
        if future not in cancelled:
            assert len(result_of(feeding, future)) == 20
    assert all(future.cancelled() for future in cancelled)
    feeding.pool.stop()


def test_a_worker_that_dies_over_frames_is_replaced_and_they_are_opened(
    feeding: Feeding, home: Home
) -> None:
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    futures = [feeding.pool.open_frame(frame_of(home, 100)) for _ in range(6)]
    feeding.kill_worker()
    assert all(len(result_of(feeding, future)) == 100 for future in futures)
    feeding.pool.stop()


def test_a_frame_that_kills_two_workers_is_given_up(
    feeding: Feeding, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    future = feeding.pool.open_frame(frame_of(home, 1))
    for _ in range(2):
        for worker in feeding.pool._workers:  # as if it had died while it was at it
            for chunk in worker.busy.values():
                chunk.attempts = 1
        feeding.kill_worker()
        if not future.done():
            feeding.pool.pump(10.0)
    with pytest.raises(WorkersFailed, match="two workers ended over this frame"):
        result_of(feeding, future)
    assert result_of(feeding, feeding.pool.open_frame(frame_of(home, 3)))
    feeding.pool.stop()


@pytest.mark.parametrize("cause", ["workers that cannot start", "no memory for another"])
def test_where_workers_cannot_be_started_nobody_waits_for_a_frame(
    feeding: Feeding, home: Home, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """Else a block that waits for one would keep the node from stopping."""
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    error: type[Exception] = WorkersFailed
    if cause == "no memory for another":

        def start(number: int) -> None:
            raise MemoryError

        error = MemoryError
        monkeypatch.setattr(feeding.pool, "_start_worker", start)
    else:
        monkeypatch.setattr("node.submission.pool.run_worker", refuse_to_start)
    futures = [feeding.pool.open_frame(frame_of(home, 100)) for _ in range(30)]
    futures[-1].cancel()
    feeding.kill_worker()
    with pytest.raises(error):
        result_of(feeding, futures[29 - 1])
    futures.append(feeding.pool.open_frame(frame_of(home, 1)))
    done = [future for future in futures if not future.cancelled()]
    assert all(future.done() for future in done)
    assert any(isinstance(future.exception(), WorkersFailed) for future in done)
    feeding.pool.stop()


def test_stopping_leaves_nobody_waiting(feeding: Feeding, home: Home) -> None:
    futures = [feeding.pool.open_frame(frame_of(home, 100)) for _ in range(30)]
    feeding.pool.stop()
    for future in futures:
        assert future.done()
        assert future.cancelled() or isinstance(future.exception(), WorkersFailed)


# -- keys that come later -------------------------------------------------------------------------


def strangers_records(home: Home, key: SigningKey, count: int) -> list[bytes]:
    """Records of platform-a, signed with a key that is not registered."""
    return [
        build_submission(
            key,
            chain_id=home.chain_id,
            member="platform-a",
            event_id=f"stranger-{number}",
            event_type="record.imported",
            subject=f"record:platform-a:stranger-{number}",
            data={
                "aliases": [],
                "document_hashes": [],
                "happened_at": 1,
                "record_hash": "0" * 64,
                "source_system": "x",
            },
            source={"method": "api", "system": "x"},
            occurred_at=system_time(),
            issued_at=system_time(),
        ).jwt
        for number in range(count)
    ]


def test_keys_count_for_what_is_given_to_workers_after_them(home: Home) -> None:
    """In all workers, for submissions and for frames."""
    feeding = Feeding(home, 2)
    key = SigningKey.generate()
    records = strangers_records(home, key, 3)
    frame = encode_frame(records)
    feeding.feed(records)
    (answer,) = feeding.take(1).values()
    assert answer is not None
    assert [result[1] for result in answer.results] == ["header.kid"] * 3
    assert [item[3] for item in result_of(feeding, feeding.pool.open_frame(frame))] == [1] * 3
    feeding.pool.keys_registered({key.kid: key.jwk})
    futures = [feeding.pool.open_frame(frame) for _ in range(6)]
    feeding.feed(*[records] * 6)
    for told in feeding.take(6).values():
        assert told is not None
        assert [len(result) for result in told.results] == [6] * 3
    for future in futures:
        assert [item[3] for item in result_of(feeding, future)] == [0] * 3
    feeding.pool.stop()


def test_a_worker_that_is_replaced_knows_the_keys_too(
    feeding: Feeding, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that came before, and those that came while it was being started."""
    keys = [SigningKey.generate() for _ in range(2)]
    frames = [encode_frame(strangers_records(home, key, 2)) for key in keys]
    feeding.feed(signed_records(home, 2))
    feeding.take(1)
    feeding.pool.keys_registered({keys[0].kid: keys[0].jwk})
    start = feeding.pool._start_worker

    def start_late(number: int) -> object:
        fresh = start(number)
        feeding.pool.keys_registered({keys[1].kid: keys[1].jwk})
        return fresh

    monkeypatch.setattr(feeding.pool, "_start_worker", start_late)
    feeding.kill_worker()
    feeding.pool.pump(10.0)
    for frame in frames:
        assert [item[3] for item in result_of(feeding, feeding.pool.open_frame(frame))] == [0, 0]
    feeding.pool.stop()
