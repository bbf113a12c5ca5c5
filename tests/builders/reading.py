"""Rows in memory that are read as a store's snapshot is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["StoredRows"]


class StoredRows:
    """Keys without values, in order."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = sorted(keys)

    def get(self, key: bytes) -> bytes | None:
        """See `node.storage.ports.Reader`."""
        return b"" if key in self._keys else None

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `node.storage.ports.Reader`."""
        found = [key for key in self._keys if start <= key < stop]
        yield from ((key, b"") for key in (reversed(found) if reverse else found))
