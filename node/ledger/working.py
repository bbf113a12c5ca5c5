"""What the writer holds in memory between blocks: state, log, refused ids, what is unwritten."""

from __future__ import annotations

from dataclasses import dataclass

from node.ledger.log import TileChanges, WorkingLog
from node.ledger.refused import RefusedIds
from node.ledger.rows import ISSUED, TRANSACTION
from node.ledger.state import StateChanges, WorkingState
from node.storage.ports import Store

__all__ = ["BlockChanges", "Working"]

Issued = tuple[int, bytes]
"""Index of the entry, and its transaction's id where it is known without a look-up (else b"")."""


@dataclass(frozen=True)
class BlockChanges:
    """What is held in memory for a block until it is written."""

    state: StateChanges
    tiles: TileChanges
    issued: dict[bytes, Issued]


class Working:
    """The writer's memory over ``store``. Only the thread that finalizes blocks uses it."""

    def __init__(self, store: Store, size: int, flushed: int) -> None:
        self.log = WorkingLog(store, size)
        self.state = WorkingState(store, flushed)
        self.refused = RefusedIds(store)
        self._store = store
        self._unwritten: dict[bytes, Issued] = {}

    def find_issued(self, issuer_key: bytes) -> Issued | None:
        """The record of this (iss, jti) in an earlier block, if there is one."""
        held = self._unwritten.get(issuer_key)
        if held is None:
            raw = self._store.get(ISSUED + issuer_key)
            if raw is not None:
                return int.from_bytes(raw, "big"), b""
        return held

    def is_recorded(self, identifier: bytes, held: Issued) -> bool:
        """Whether the record ``held`` is of the transaction with this id."""
        index, known = held
        if known:
            return known == identifier
        return self._store.get(TRANSACTION + identifier[:20]) == index.to_bytes(6, "big")

    def hold(self, changes: BlockChanges) -> BlockChanges:
        """Keep what a block recorded readable until `release`."""
        self._unwritten.update(changes.issued)
        return changes

    def release(self, changes: BlockChanges) -> None:
        """The block with these changes is written."""
        self.state.release(changes.state)
        self.log.release(changes.tiles)
        for key in changes.issued:
            self._unwritten.pop(key, None)
