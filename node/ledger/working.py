"""What the writer holds in memory between blocks: state, log, refused ids, what is unwritten."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from node.ledger.log import TileChanges, WorkingLog
from node.ledger.refused import RefusedIds
from node.ledger.rows import ISSUED, TRANSACTION
from node.ledger.state import StateChanges, WorkingState
from node.storage.ports import Store

__all__ = ["BlockChanges", "Working"]

_RECENT_BLOCKS = 24
"""Blocks of transactions whose (iss, jti) stay in memory: more than lie between a submission's
examination and its block, as long as nothing is stuck."""

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

    def __init__(self, store: Store, height: int, size: int, flushed: int) -> None:
        self.log = WorkingLog(store, size)
        self.state = WorkingState(store, flushed)
        self.refused = RefusedIds(store)
        self._store = store
        self._recent: dict[bytes, Issued] = {}
        self._blocks: deque[tuple[int, dict[bytes, Issued]]] = deque()
        self._written = 0
        self._recent_above = height

    def find_issued(self, issuer_key: bytes, absent_up_to: int) -> Issued | None:
        """The record of this (iss, jti) in an earlier block, if there is one.

        ``absent_up_to`` is a height up to which the caller knows that there is none.
        """
        held = self._recent.get(issuer_key)
        if held is None and absent_up_to < self._recent_above:
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

    def hold(self, height: int, changes: BlockChanges) -> BlockChanges:
        """Keep readable what a block recorded until `release`, and what it issued for longer."""
        self._recent.update(changes.issued)
        self._blocks.append((height, changes.issued))
        return changes

    def release(self, changes: BlockChanges) -> None:
        """The block with these changes is written. To be called in the order of the blocks."""
        self.state.release(changes.state)
        self.log.release(changes.tiles)
        self._written += 1
        while len(self._blocks) > _RECENT_BLOCKS and self._written:
            self._written -= 1
            self._recent_above, issued = self._blocks.popleft()
            for key in issued:
                del self._recent[key]
