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
_added = 0
"""How many times keys were added to it."""

T = TypeVar("T")


def _prepare(keys: Mapping[str, PublicJwk]) -> None:
    global _intake
    _intake = Intake(KeyRing(keys))


def _open(frame: bytes, added: tuple[Mapping[str, PublicJwk], ...]) -> bytes:
    """Open a frame with the keys of the start and those ``added``: the task before had no more,
    since tasks begin in the order in which they were given."""
    global _added
    assert _intake is not None
    for keys in added[_added:]:
        _intake.ring.add(keys)
    _added = len(added)
    return marshal.dumps([tuple(taken) for taken in _intake.open_frame(frame)])


class FrameOpener:
    """Opens frames in ``workers`` processes, or in this one when that is 0."""

    def __init__(self, keys: Mapping[str, PublicJwk], workers: int) -> None:
        self._intake = Intake(KeyRing(keys))
        self._added: tuple[Mapping[str, PublicJwk], ...] = ()
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

    def keys_registered(self, keys: Mapping[str, PublicJwk]) -> None:
        """What is opened from now on is opened with these keys too.

        Frames that have been opened already, ahead of their blocks, tell by their unknown keys that
        they have to be opened again: `Application.finalize` does.
        """
        self._intake.ring.add(keys)
        self._added += (dict(keys),)

    def open_each(
        self, frames: Iterable[tuple[T, bytes]]
    ) -> Iterator[tuple[T, bytes, list[TakenValues]]]:
        """Each frame, with what came beside it and its transactions, in order.

        Raises:
            InvalidInput: a frame is undecodable, or a transaction malformed or badly signed.
        """
        if self._pool is None:
            for token, frame in frames:
                yield token, frame, list(self._intake.open_frame(frame))
            return
        window: deque[tuple[T, bytes, Future[bytes]]] = deque()
        for token, frame in frames:
            window.append((token, frame, self._pool.submit(_open, frame, self._added)))
            if len(window) >= _WINDOW:
                yield _result(*window.popleft())
        while window:
            yield _result(*window.popleft())


def _result(token: T, frame: bytes, future: Future[bytes]) -> tuple[T, bytes, list[TakenValues]]:
    return token, frame, marshal.loads(future.result())  # noqa: S302 - from a process of our own
