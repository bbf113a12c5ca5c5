"""What a node counts of its certificates, for its metrics."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter

__all__ = ["SECONDS", "Tally"]

SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
"""Upper ends of the buckets, beside the one without an end."""


class Tally:
    """Certificates issued, the seconds that they took, and failures by kind. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0
        self.failures: Counter[str] = Counter()

    def issued(self, seconds: float) -> None:
        """Another one was issued."""
        with self._lock:
            self.counts[bisect_left(SECONDS, seconds)] += 1
            self.sum += seconds

    def failed(self, kind: str) -> None:
        """Another one was not."""
        with self._lock:
            self.failures[kind] += 1
