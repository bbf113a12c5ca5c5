"""How long to wait before something that failed is tried again: the one formula for all of it."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["backoff", "draw"]

_MOST_DOUBLINGS = 32
_random = random.SystemRandom()


def draw() -> float:
    """A number from 0 to 1, another one each time."""
    return _random.random()


def backoff(
    failures: int,
    *,
    first: float = 1.0,
    most: float = 300.0,
    draw: Callable[[], float] = draw,
) -> float:
    """Seconds to wait after the ``failures``-th failure in a row (from 1).

    Doubles from ``first`` to ``most``, and half of it is drawn, so that many nodes that lost the
    same service do not come back to it at once.
    """
    whole = min(most, first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
    return whole * (0.5 + draw() / 2)
