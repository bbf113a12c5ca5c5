"""The refused transactions that the state map remembers, in the order of their forgetting."""

from __future__ import annotations

import heapq

from node.ledger.rows import EXPIRY
from node.storage.ports import Batch, Reader

__all__ = ["RefusedIds", "refused_key"]

_MAX_FORGOTTEN = 4096


def refused_key(identifier: bytes) -> str:
    """The key of a refused transaction in the state map."""
    return f"refused/{identifier.hex()}"


class RefusedIds:
    """Mirrors the keys ``refused/…`` of the state map by their ``exp``, so that no look-up is paid
    for a transaction that was never refused, and what expires is found in order."""

    def __init__(self, reader: Reader) -> None:
        self._heap: list[tuple[int, bytes]] = []
        for key, _ in reader.scan(EXPIRY, EXPIRY + b"\xff" * 39):
            self._heap.append((int.from_bytes(key[1:7], "big"), key[7:]))
        self._ids = {identifier for _, identifier in self._heap}

    def __contains__(self, identifier: bytes) -> bool:
        return identifier in self._ids

    def add(self, identifier: bytes, exp: int, batch: Batch) -> None:
        """Remember ``identifier`` until ``exp``, in seconds."""
        heapq.heappush(self._heap, (exp, identifier))
        self._ids.add(identifier)
        batch.put(EXPIRY + exp.to_bytes(6, "big") + identifier, b"")

    def expired(self, time: int, batch: Batch) -> list[bytes]:
        """Take out those whose ``exp`` is not after ``time`` (ms), at most 4096, oldest first."""
        forgotten: list[bytes] = []
        while self._heap and self._heap[0][0] * 1000 <= time and len(forgotten) < _MAX_FORGOTTEN:
            exp, identifier = heapq.heappop(self._heap)
            self._ids.discard(identifier)
            batch.delete(EXPIRY + exp.to_bytes(6, "big") + identifier)
            forgotten.append(identifier)
        return forgotten
