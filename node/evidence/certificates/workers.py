"""Worker processes that typeset and seal: one a core, without state but their opened seal.

Each opens the key of the seal for itself, and has one certificate in hand. What a worker that dies
had in hand is done once more by another: nothing of it has left the process. One that does not come
to an end, because of a token or a picture that never does, is killed; one that wants far more
memory than certificates take, because of a picture or an endless answer, does not get it.
"""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
import queue
import resource
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from node.core.errors import EvidenceError
from node.evidence.certificates.errors import SealingFailed
from node.evidence.certificates.port import Draft, TypesetCertificate
from node.evidence.certificates.sealing import OpenedSeal, SealSettings

__all__ = ["Made", "SealingWorkers", "Typeset"]

Typeset = Callable[[Draft], TypesetCertificate]
_ATTEMPTS = 2
_SECONDS = 240.0
"""Longest that a certificate may be in the making: an authority is asked a few times, and late; and
longest that it waits for a process before that."""
_PIPE_BYTES = 1 << 20
"""As much as the kernel gives everybody; with less, a certificate takes many turns to come over."""
_MOST_BYTES = 4 << 30
"""Most memory of a process; 250 MiB are in use with certificates of ten records."""
_STOPPING_SECONDS = 10.0
"""Longest that a process in the middle of a certificate is waited for at the end."""


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
        self._has_sealed = False

    def seal(self) -> OpenedSeal:
        """The seal; opened at first use, so that what is wrong with it is told to who asks."""
        if self._seal is None:
            self._seal = OpenedSeal(self.settings)
        return self._seal

    def forget_seal(self) -> None:
        """Open it anew the next time: a token may have been pulled out and put back."""
        if self._seal is not None:
            self._seal.close()
        self._seal, self._has_sealed = None, False

    def sealed(self, typeset: TypesetCertificate, signed_at: int) -> bytes:
        """The sealed PDF. A seal that has sealed before and now does not is opened anew for it:
        its token was pulled out and put back, or a certificate of its authority has ended that
        stamps no more."""
        again = self._has_sealed
        while True:
            try:
                pdf = self.seal().seal(typeset.pdf, typeset.seal, signed_at)
            except SealingFailed:
                self.forget_seal()
                if not again:
                    raise
                again = False
            else:
                self._has_sealed = True
                return pdf


_worker: _Worker | None = None


def _begin(settings: SealSettings, typeset: Typeset) -> None:
    """Runs first in each process."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # woken, it does not take the core from whoever woke it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    allowed = [
        _MOST_BYTES if one == resource.RLIM_INFINITY else min(one, _MOST_BYTES)
        for one in resource.getrlimit(resource.RLIMIT_DATA)
    ]
    resource.setrlimit(resource.RLIMIT_DATA, (allowed[0], allowed[1]))
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
    sealed = _worker.sealed(typeset, signed_at)
    return Made(sealed, typeset.pages, between - began, time.perf_counter() - between)


def _open() -> None:
    assert _worker is not None
    _worker.seal()


def _serve(
    calls: Connection, outcomes: Connection, settings: SealSettings, typeset: Typeset
) -> None:
    """What a process does: one call after another, until the other end is closed."""
    _begin(settings, typeset)
    with suppress(EOFError, OSError):
        while True:
            function, arguments = calls.recv()
            outcomes.send(_outcome(function, arguments))


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    """What a call gives, or the error that it raises: of this project's, or the name of another."""
    try:
        return function(*arguments), None
    except EvidenceError as error:
        return None, error
    except BaseException as error:  # noqa: BLE001 - a library in Rust panics with one of its own
        return None, SealingFailed(f"it could not be made: {type(error).__name__}")


class _Process:
    """One worker process, for one thread at a time."""

    def __init__(self, settings: SealSettings, typeset: Typeset) -> None:
        context = multiprocessing.get_context("spawn")
        calls, self._calls = context.Pipe(duplex=False)
        self._outcomes, outcomes = context.Pipe(duplex=False)
        for one in (self._calls, outcomes):
            with suppress(OSError):  # it may give less to who has many already
                fcntl.fcntl(one.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._process = context.Process(
            target=_serve,
            args=(calls, outcomes, settings, typeset),
            name="certificate",
            daemon=True,
        )
        self._process.start()
        calls.close()
        outcomes.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What ``function`` gives there. Raises what it raises; EOFError or OSError where the
        process has died, TimeoutError where it is late."""
        self._calls.send((function, arguments))
        if not self._outcomes.poll(_SECONDS):
            raise TimeoutError
        given, error = self._outcomes.recv()
        if error is not None:
            raise error
        return given

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """Let go of it. To be called by the thread that has it."""
        self.kill()
        self._calls.close()
        self._outcomes.close()


class SealingWorkers:
    """The processes, each started when it is first needed. Safe for threads; `stop` them.

    ``typeset`` is a module's function, which the processes import.
    """

    def __init__(self, settings: SealSettings, typeset: Typeset, workers: int) -> None:
        self._settings, self._typeset = settings, typeset
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._stopped = False

    def make(self, draft: Draft, signed_at: int) -> Made:
        """Typeset and seal. ``signed_at`` (ms) is the time that the issuer claims.

        Raises:
            CertificateError: it could not be sealed.
            InvalidInput: it could not be typeset; names the place.
        """
        made: Made = self._call(_make, draft, signed_at)
        return made

    def open(self) -> None:
        """Have a process open the seal, to see whether it can.

        Raises:
            KeyUnusable: it cannot.
        """
        self._call(_open)

    def stop(self) -> None:
        """End the processes, after what they have in hand, if that comes to its end."""
        self._stopped = True
        until = time.monotonic() + _STOPPING_SECONDS
        while self._running and (left := until - time.monotonic()) > 0:
            try:
                process = self._idle.get(timeout=left)
            except queue.Empty:
                break
            if process is not None:
                self._forget(process)
        with self._lock:
            for process in self._running:
                process.kill()  # the thread that waits for it lets go of it
        self._idle.put(None)  # for those that wait, and see that it is over

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in a process that has nothing to do, and again where that one dies."""
        for _ in range(_ATTEMPTS):
            process = self._take()
            back: _Process | None = process
            try:
                return process.call(function, *arguments)
            except TimeoutError as error:
                self._forget(process)
                back = None
                raise SealingFailed(f"it was not made within {_SECONDS:.0f} s") from error
            except (EOFError, OSError):
                self._forget(process)
                back = None
            finally:
                self._idle.put(back)
        raise SealingFailed("the processes that seal die again and again")

    def _take(self) -> _Process:
        try:
            process = self._idle.get(timeout=_SECONDS)
        except queue.Empty as error:
            raise SealingFailed(f"no process was free within {_SECONDS:.0f} s") from error
        with self._lock:
            if self._stopped:
                self._idle.put(process)
                raise SealingFailed("the node is stopping")
            if process is None:
                process = _Process(self._settings, self._typeset)
                self._running.add(process)
            return process

    def _forget(self, process: _Process) -> None:
        process.close()
        with self._lock:
            self._running.discard(process)
