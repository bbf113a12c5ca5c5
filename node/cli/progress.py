"""Progress of what takes longer than a second: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["shown_progress"]

_SECONDS_BETWEEN_LINES = 1.0

Report = Callable[[str, int, int], None]
"""Called with a phase, how much of it is done, and how much there is (0: not known)."""


@contextmanager
def shown_progress() -> Iterator[Report]:
    """A function to be told how far the work is; it shows that on standard error."""
    bars = _terminal_bars()
    if bars is None:
        yield _Lines().report
        return
    with bars:
        yield _Bars(bars).report


def _terminal_bars() -> Progress | None:
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
    """A bar a phase."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def report(self, phase: str, done: int, total: int) -> None:
        if phase not in self._tasks:
            self._tasks[phase] = self._bars.add_task(phase, total=total or None)
        self._bars.update(self._tasks[phase], completed=done, total=total or None)


class _Lines:
    """A line when more than a second has passed since the last, and at the end of a long phase."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._shown = ""

    def report(self, phase: str, done: int, total: int) -> None:
        ended = total != 0 and done >= total and self._shown == phase
        if not ended and time.monotonic() - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = time.monotonic()
        self._shown = "" if ended else phase
        print(f"{phase}: {done:,}" + (f" of {total:,}" if total else ""), file=sys.stderr)
