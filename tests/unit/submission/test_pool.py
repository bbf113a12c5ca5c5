from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable

import pytest
from builders.home import Home
from builders.running import signed_records

from node.submission.admission import Answer
from node.submission.errors import WorkersFailed
from node.submission.pool import Chunk, WorkerPool
from node.submission.worker import WorkerSetup, run_worker


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
