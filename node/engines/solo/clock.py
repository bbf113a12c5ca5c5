"""Block times of one machine: never back, never far ahead of its clock."""

from __future__ import annotations

from collections.abc import Callable

from node.core.errors import EvidenceError

__all__ = ["MAX_CLOCK_STEP_MS", "BlockClock", "ClockBehind"]

MAX_CLOCK_STEP_MS = 5_000
"""How far, in ms, the machine's clock may lie behind the last block before blocks stop."""


class ClockBehind(EvidenceError):
    """The machine's clock stands before the last block by more than a correction would explain."""

    def __init__(self, behind_ms: int) -> None:
        super().__init__(
            f"the machine's clock is {behind_ms} ms behind the last block; no block is made until "
            "it has caught up: check the clock (chronyc tracking), nothing else needs to be done"
        )
        self.behind_ms = behind_ms


class BlockClock:
    """Gives times that rise by at least a millisecond. ``now`` reads the machine's clock in ms."""

    def __init__(self, now: Callable[[], int], last: int) -> None:
        self._now = now
        self.last = last

    def later(self) -> int:
        """A time after the last one given, in ms, whatever the machine's clock says."""
        self.last = max(self._now(), self.last + 1)
        return self.last

    def next(self) -> int:
        """The time of the next block, in ms.

        Raises:
            ClockBehind: the machine's clock has been set back too far to go on.
        """
        now = self._now()
        if self.last - now > MAX_CLOCK_STEP_MS:
            raise ClockBehind(self.last - now)
        return self.later()
