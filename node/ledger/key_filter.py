"""Which keys are certainly not in a set of very many: spares look-ups that would find nothing.

Tables of 16-bit fingerprints, probed linearly. Four bytes a key; one absent key in some 30,000 is
told to be there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

__all__ = ["KeyFilter"]

_SMALLEST = 1 << 16
_LARGEST = 1 << 20
"""Slots of a table. A new one is begun when half of them are taken."""


class KeyFilter:
    """A set of hashes of 8 bytes or more that may claim to hold others. Nothing is ever removed.

    One thread adds. Others may ask meanwhile: what was added before they did is there.
    """

    def __init__(self, smallest: int = _SMALLEST) -> None:
        self._tables = [array("H", bytes(2 * smallest))]
        self._room = smallest // 2

    def add(self, keys: Iterable[bytes]) -> None:
        """Add hashes that are not there yet."""
        for key in keys:
            if not self._room:
                slots = min(_LARGEST, 2 * len(self._tables[-1]))
                self._tables.append(array("H", bytes(2 * slots)))
                self._room = slots // 2
            table = self._tables[-1]
            mask = len(table) - 1
            number = int.from_bytes(key[:8], "big")
            slot = number & mask
            while table[slot]:
                slot = slot + 1 & mask
            table[slot] = number >> 48 or 1
            self._room -= 1

    def may_hold(self, key: bytes) -> bool:
        """False: ``key`` was never added."""
        number = int.from_bytes(key[:8], "big")
        wanted = number >> 48 or 1
        for table in self._tables:
            mask = len(table) - 1
            slot = number & mask
            while found := table[slot]:
                if found == wanted:
                    return True
                slot = slot + 1 & mask
        return False
