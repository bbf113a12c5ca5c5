"""Opening many frames at once, in processes of their own: for audits and rebuilding."""

from __future__ import annotations

import marshal
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from node.core.signatures import PublicJwk
from node.ledger.intake import Intake, KeyRing, TakenValues

__all__ = ["FrameOpener"]

_WINDOW = 64
_intake: Intake | None = None

T = TypeVar("T")


def _prepare(keys: Mapping[str, PublicJwk]) -> None:
    global _intake
    _intake = Intake(KeyRing(keys))


def _open(frame: bytes) -> bytes:
    assert _intake is not None
    return marshal.dumps([tuple(taken) for taken in _intake.open_frame(frame)])


class FrameOpener:
    """Opens frames in ``workers`` processes, or in this one when that is 0."""

    def __init__(self, keys: Mapping[str, PublicJwk], workers: int) -> None:
        self._workers = workers
        self._keys = dict(keys)
        self._intake = Intake(KeyRing(keys))
        self._pool: ProcessPoolExecutor | None = None

    def use_keys(self, keys: Mapping[str, PublicJwk]) -> None:
        """Open what comes from now on with these keys: a key is unknown until it is registered."""
        if keys != self._keys:
            self._close()
            self._keys, self._intake = dict(keys), Intake(KeyRing(keys))

    def _close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def open_each(
        self, frames: Iterable[tuple[T, bytes]]
    ) -> Iterator[tuple[T, bytes, list[TakenValues]]]:
        """Each frame, with what came beside it and its transactions, in order.

        Raises:
            InvalidInput: a frame is undecodable, or a transaction malformed or badly signed.
        """
        if not self._workers:
            for token, frame in frames:
                yield token, frame, list(self._intake.open_frame(frame))
            return
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, multiprocessing.get_context("spawn"), _prepare, (self._keys,)
            )
        window: deque[tuple[T, bytes, Future[bytes]]] = deque()
        for token, frame in frames:
            window.append((token, frame, self._pool.submit(_open, frame)))
            if len(window) >= _WINDOW:
                yield _result(*window.popleft())
        while window:
            yield _result(*window.popleft())


def _result(token: T, frame: bytes, future: Future[bytes]) -> tuple[T, bytes, list[TakenValues]]:
    return token, frame, marshal.loads(future.result())  # noqa: S302 - from a process of our own
