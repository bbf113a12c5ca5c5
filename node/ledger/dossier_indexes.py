"""Where the records of dossiers lie in the log, remembered between readers.

Each entry names the one before it in its dossier, so that a dossier can only be walked from its
end. Entries never move: what was walked once is only walked on from there.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["DossierIndexes"]

_MOST_HELD = 1_000_000
"""Indexes of all dossiers together, eight bytes each."""


class DossierIndexes:
    """The indexes of the dossiers that were walked last. Safe for threads."""

    def __init__(self, most: int = _MOST_HELD) -> None:
        self._most = most
        self._walked: OrderedDict[str, array[int]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def of(self, subject: str, last: int, count: int, before: Callable[[int], int]) -> list[int]:
        """The indexes of a dossier's ``count`` records, oldest first, of which the last one is
        ``last``; ``before`` gives the index of the one before an entry that is not the first."""
        with self._lock:
            known = self._walked.get(subject, array("Q"))
        walked = [last]
        while (place := count - len(walked)) > 0:
            if place < len(known) and known[place] == walked[-1]:
                break
            walked.append(before(walked[-1]))
        whole = known[:place]
        whole.extend(reversed(walked))
        if len(whole) > len(known):
            self._hold(subject, whole)
        return whole.tolist()

    def _hold(self, subject: str, whole: array[int]) -> None:
        with self._lock:
            self._held += len(whole) - len(self._walked.pop(subject, ()))
            self._walked[subject] = whole
            while self._held > self._most:
                self._held -= len(self._walked.popitem(last=False)[1])
