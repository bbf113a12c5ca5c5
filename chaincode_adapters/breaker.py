"""The circuit breaker of an adapter: after failures in a row the other side is left alone a while.

closed     calls are made
open       none is, until a time that doubles with each trial that failed
half-open  the next call is a trial: it closes the breaker or opens it again
"""

from __future__ import annotations

from collections.abc import Callable

from chaincode_adapters.retry import backoff, draw

__all__ = ["CLOSED", "HALF_OPEN", "OPEN", "Breaker"]

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"


class Breaker:
    """One adapter's. ``clock`` gives seconds that only grow; ``failures`` is how many open it."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        failures: int = 5,
        first: float = 5.0,
        most: float = 300.0,
        draw: Callable[[], float] = draw,
    ) -> None:
        self._clock = clock
        self._most_failures = failures
        self._first = first
        self._most = most
        self._draw = draw
        self._failures = 0
        self._opened = 0
        self._until = 0.0

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half-open``."""
        if not self._opened:
            return CLOSED
        return OPEN if self._clock() < self._until else HALF_OPEN

    def waits(self) -> float:
        """Seconds until a call may be made; 0.0 when it may be now."""
        return max(0.0, self._until - self._clock()) if self._opened else 0.0

    def succeeded(self) -> None:
        """The other side has answered, whatever it said."""
        self._failures = self._opened = 0

    def failed(self, retry_after: float = 0.0) -> bool:
        """Nothing usable came back. Whether this has opened the breaker.

        ``retry_after`` is what the other side asked for, in seconds: no trial comes before it.
        """
        self._failures += 1
        if not self._opened and self._failures < self._most_failures:
            return False
        self._opened += 1
        pause = backoff(self._opened, first=self._first, most=self._most, draw=self._draw)
        self._until = self._clock() + max(pause, retry_after)
        return True

    def reset(self) -> None:
        """Close it: somebody says that the other side is back."""
        self.succeeded()
