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
        self._intake = Intake(KeyRing(keys))
        self._pool: ProcessPoolExecutor | None = None
        if workers:
            self._pool = ProcessPoolExecutor(
                workers, multiprocessing.get_context("spawn"), _prepare, (dict(keys),)
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def open_each(
        self, frames: Iterable[tuple[T, bytes | None]]
    ) -> Iterator[tuple[T, bytes | None, list[TakenValues]]]:
        """Each frame, with what came beside it and its transactions, in order; None has none.

        Raises:
            InvalidInput: a frame is undecodable, or a transaction malformed or badly signed.
        """
        if self._pool is None:
            for token, frame in frames:
                yield token, frame, [] if frame is None else list(self._intake.open_frame(frame))
            return
        window: deque[tuple[T, bytes | None, Future[bytes] | None]] = deque()
        for token, frame in frames:
            opening = None if frame is None else self._pool.submit(_open, frame)
            window.append((token, frame, opening))
            if len(window) >= _WINDOW:
                yield _result(*window.popleft())
        while window:
            yield _result(*window.popleft())


def _result(
    token: T, frame: bytes | None, opening: Future[bytes] | None
) -> tuple[T, bytes | None, list[TakenValues]]:
    if opening is None:
        return token, frame, []
    return token, frame, marshal.loads(opening.result())  # noqa: S302 - from a process of our own
