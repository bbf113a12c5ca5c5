"""Progress of what takes longer than a second: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["LineProgress", "Progress", "shown_progress", "waiting_for"]

_SECONDS_BEFORE, _SECONDS_BETWEEN, _SECONDS_UNCHANGED = 1.0, 1.0, 10.0


class Progress(Protocol):
    """Is told of a phase, how much of it is done, and how much there is (0: not known)."""

    def __call__(self, phase: str, done: int, total: int, /) -> None:
        """Take note; cheap enough to be called often."""


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A function to be told how far the work is; it shows that on standard error."""
    bars = _terminal_bars()
    if bars is not None:
        shown = _Bars(bars)
        try:
            yield shown.report
        finally:
            bars.stop()
        return
    with _lines() as report:
        yield report


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Says on standard error that ``what`` is waited for, once that takes longer than a second."""
    with _lines() as report:
        report(what, 0, 0)
        yield


@contextmanager
def _lines() -> Iterator[Progress]:
    lines, ended = LineProgress(), threading.Event()
    ticker = threading.Thread(target=lines.run, args=(ended,), daemon=True)
    ticker.start()
    try:
        yield lines.report
    finally:
        ended.set()
        ticker.join()


def _terminal_bars() -> RichProgress | None:
    """Bars, where standard error is a terminal and rich is installed."""
    if not sys.stderr.isatty():
        return None
    try:
        from rich import progress
        from rich.console import Console
    except ImportError:
        return None
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


class _Bars:
    """A bar a phase, from the second second on."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._begin = time.monotonic() + _SECONDS_BEFORE
        self._tasks: dict[str, TaskID] = {}

    def report(self, phase: str, done: int, total: int) -> None:
        """See `Progress`."""
        if phase not in self._tasks:
            self._tasks[phase] = self._bars.add_task(phase, total=total or None)
        self._bars.update(self._tasks[phase], completed=done, total=total or None)
        if time.monotonic() >= self._begin:
            self._bars.start()


class LineProgress:
    """A line a second while something changes, one now and then while nothing does, and one at the
    end of a phase of which there was a line. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = time.monotonic() + _SECONDS_BEFORE
        self._state = self._shown = ("", 0, 0)
        self._unchanged = self._next

    def run(self, ended: threading.Event) -> None:
        """Look every second whether there is something to show, until ``ended`` is set."""
        while not ended.wait(_SECONDS_BETWEEN):
            self.show()

    def report(self, phase: str, done: int, total: int) -> None:
        """See `Progress`."""
        with self._lock:
            if self._state[0] != phase and self._shown[0] == self._state[0] != "":
                self._print()
            self._state = (phase, done, total)
            if total and done >= total and self._shown[0] == phase:
                self._print()
        self.show()

    def show(self) -> None:
        """Show the state if it is time to."""
        with self._lock:
            now = time.monotonic()
            due = self._unchanged if self._state == self._shown else self._next
            if self._state[0] and now >= due:
                self._print()

    def _print(self) -> None:
        if self._state == self._shown and time.monotonic() < self._unchanged:
            return
        phase, done, total = self._shown = self._state
        self._next = time.monotonic() + _SECONDS_BETWEEN
        self._unchanged = time.monotonic() + _SECONDS_UNCHANGED
        count = f" {done:,} of {total:,}" if total else f" {done:,}" if done else ""
        print(f"{phase}:{count}" if count else f"{phase} …", file=sys.stderr, flush=True)
