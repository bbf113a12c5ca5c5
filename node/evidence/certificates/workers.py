"""Worker processes that typeset and seal: one a core, without state but their opened seal.

Each opens the key of the seal for itself. A worker that dies takes the others of its pool along;
they are started anew, and what they had in hand is done once more: nothing of it has left the pool.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass

from node.evidence.certificates.errors import SealingFailed
from node.evidence.certificates.port import Draft, TypesetCertificate
from node.evidence.certificates.sealing import OpenedSeal, SealSettings

__all__ = ["Made", "SealingWorkers", "Typeset"]

Typeset = Callable[[Draft], TypesetCertificate]
_ATTEMPTS = 2
_SECONDS = 120.0
"""Longest that a certificate may be in the making: an authority is asked a few times, and late."""


@dataclass(frozen=True)
class Made:
    """A sealed PDF, its number of pages, and how many seconds typesetting and sealing took."""

    pdf: bytes
    pages: int
    typesetting: float
    sealing: float


class _Worker:
    """What a worker process keeps between its jobs."""

    def __init__(self, settings: SealSettings, typeset: Typeset) -> None:
        self.settings = settings
        self.typeset = typeset
        self._seal: OpenedSeal | None = None

    def seal(self) -> OpenedSeal:
        """The seal; opened at first use, so that what is wrong with it is told to who asks."""
        if self._seal is None:
            self._seal = OpenedSeal(self.settings)
        return self._seal

    def forget_seal(self) -> None:
        """Open it anew the next time: a token may have been pulled out and put back."""
        if self._seal is not None:
            self._seal.close()
        self._seal = None


_worker: _Worker | None = None


def _begin(settings: SealSettings, typeset: Typeset) -> None:
    """Runs first in each process."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # records come first
        os.nice(5)
    logging.getLogger("pyhanko").setLevel(logging.ERROR)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = _Worker(settings, typeset)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _make(draft: Draft, signed_at: int) -> Made:
    """Typeset and seal one certificate."""
    assert _worker is not None
    began = time.perf_counter()
    typeset = _worker.typeset(draft)
    between = time.perf_counter()
    try:
        sealed = _worker.seal().seal(typeset.pdf, typeset.seal, signed_at)
    except SealingFailed:
        _worker.forget_seal()
        raise
    return Made(sealed, typeset.pages, between - began, time.perf_counter() - between)


def _open() -> None:
    assert _worker is not None
    _worker.seal()


class SealingWorkers:
    """The pool. Safe for threads; `stop` it.

    ``typeset`` is a module's function, which the processes import.
    """

    def __init__(self, settings: SealSettings, typeset: Typeset, workers: int) -> None:
        self._settings, self._typeset, self._count = settings, typeset, workers
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._stopped = False

    def make(self, draft: Draft, signed_at: int) -> Made:
        """Typeset and seal. ``signed_at`` (ms) is the time that the issuer claims.

        Raises:
            CertificateError: it could not be sealed.
            InvalidInput: it could not be typeset; names the place.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            pool = self._running()
            try:
                return self._submitted(pool, draft, signed_at).result(_SECONDS)
            except BrokenProcessPool as error:
                self._replace(pool)
                if attempt == _ATTEMPTS:
                    raise SealingFailed("the processes that seal die again and again") from error
            except TimeoutError as error:
                self._replace(pool)
                raise SealingFailed(f"it was not made within {_SECONDS:.0f} s") from error
        raise AssertionError("not reached")

    def open(self) -> None:
        """Have a process open the seal, to see whether it can.

        Raises:
            KeyUnusable: it cannot.
        """
        self._running().submit(_open).result(_SECONDS)

    def stop(self) -> None:
        """End the processes, after what they have in hand."""
        with self._lock:
            self._stopped = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _submitted(self, pool: ProcessPoolExecutor, draft: Draft, signed_at: int) -> Future[Made]:
        try:
            return pool.submit(_make, draft, signed_at)
        except BrokenProcessPool:
            raise
        except RuntimeError as error:  # shut down
            raise SealingFailed("the node is stopping") from error

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._stopped:
                raise SealingFailed("the node is stopping")
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._count,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_begin,
                    initargs=(self._settings, self._typeset),
                )
            return self._pool

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is broken:
                self._pool = None
        broken.shutdown(wait=False, cancel_futures=True)
