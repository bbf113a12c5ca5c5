"""Changes for a store, held in order until they are written."""

from __future__ import annotations

from node.storage.ports import FIRST_KEY, KEY_RULE, MAX_KEY, Store

__all__ = ["ChangeBatch"]

_CHANGE_OVERHEAD = 8


class ChangeBatch:
    """`ports.Batch` for ``store``; ``changes`` are keys with their values, None to remove one."""

    __slots__ = ("_counted", "_size", "changes", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.changes: list[tuple[bytes, bytes | None]] = []
        self._counted = self._size = 0

    def put(self, key: bytes, value: bytes) -> None:
        """See `ports.Batch`."""
        if key < FIRST_KEY or len(key) > MAX_KEY:
            raise ValueError(KEY_RULE)
        self.changes.append((key, value))

    def delete(self, key: bytes) -> None:
        """See `ports.Batch`."""
        if key < FIRST_KEY or len(key) > MAX_KEY:
            raise ValueError(KEY_RULE)
        self.changes.append((key, None))

    def __len__(self) -> int:
        return len(self.changes)

    @property
    def size_bytes(self) -> int:
        """See `ports.Batch`."""
        for key, value in self.changes[self._counted :]:
            self._size += len(key) + len(value or b"") + _CHANGE_OVERHEAD
        self._counted = len(self.changes)
        return self._size
