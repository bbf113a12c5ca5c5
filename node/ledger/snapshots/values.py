"""The state map of a snapshot, checked part by part, and its tree made anew."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput, LedgerFault
from node.core.statemap import STATE_KEY, key_hash, state_leaf
from node.core.statesubtree import Slot, prefix_of, root_of_slots, subtree_slot
from node.core.statetree import StateTree, encode_node
from node.ledger.refused import refused_key
from node.ledger.rows import EXPIRY, KEY, VALUE, decode_value_row, encode_value_row, node_key
from node.ledger.snapshots.format import SlotItem, ValueItem
from node.ledger.state import read_node
from node.rules.judgement import State
from node.storage.ports import Batch, Store

__all__ = ["StateRows"]

_NODES_HELD = 50_000


class StateRows:
    """Makes the rows of the state map with ``root``, parted by prefixes of ``depth`` half bytes."""

    def __init__(self, store: Store, depth: int, root: bytes) -> None:
        self._store = store
        self._depth = depth
        self._root = root
        self._slots: list[tuple[int, Slot]] = []
        self._place = 0
        self._tree = StateTree(lambda number: read_node(store, number))

    def take_slots(self, items: list[SlotItem]) -> None:
        """Take the list of the map's parts. Raises InvalidInput where it does not give the root."""
        depth, last = self._depth, -1
        for item in items:
            if not last < item.prefix < 16**depth or len(item.hash) != 32:
                raise InvalidInput("parts of the state", "are not in order")
            if len(item.leaf) not in (0, 32):
                raise InvalidInput("parts of the state", "a key hash has 32 bytes")
            last = item.prefix
            self._slots.append((item.prefix, (item.hash, item.leaf or None)))
        if root_of_slots(self._slots, depth) != self._root:
            raise InvalidInput("parts of the state", "do not give the snapshot's state root")

    def take(self, parts: list[list[ValueItem]]) -> None:
        """Check and write the next parts.

        Raises:
            InvalidInput: one is not what the list says.
            StorageError: they cannot be written.
        """
        batch = self._store.batch()
        leaves: list[tuple[bytes, bytes | None]] = []
        for part in parts:
            leaves += self._checked(part)
            for item in part:
                path = key_hash(item.key)
                batch.put(VALUE + path, encode_value_row(item.key, item.value))
                if item.key.startswith("refused/"):
                    self._remember(item, batch)
                elif item.key.startswith("key/"):
                    _register(item, batch)
        self._tree.update(leaves)
        for number, node in (dirty := self._tree.take_dirty()).items():
            if node is None:
                batch.delete(node_key(number))
            else:
                batch.put(node_key(number), encode_node(node))
        self._store.write(batch, sync=True)
        self._tree.written(dirty)
        self._tree.evict(_NODES_HELD)

    def _checked(self, part: list[ValueItem]) -> Iterator[tuple[bytes, bytes]]:
        """The leaves of a part, which must be the next one and whole."""
        if self._place >= len(self._slots) or not part:
            raise InvalidInput("values of the state", "are more than its parts")
        prefix, expected = self._slots[self._place]
        self._place += 1
        leaves, last = [], b""
        for item in part:
            if STATE_KEY.fullmatch(item.key) is None:
                raise InvalidInput("values of the state", "hold a key that there cannot be")
            path = key_hash(item.key)
            if not last < path or prefix_of(path, self._depth) != prefix:
                raise InvalidInput("values of the state", f"{item.key} does not belong here")
            last = path
            leaves.append((path, state_leaf(path, sha256(item.value).digest())))
        if subtree_slot(leaves, self._depth) != expected:
            raise InvalidInput("values of the state", f"part {prefix} is not what it must be")
        return iter(leaves)

    def _remember(self, item: ValueItem, batch: Batch) -> None:
        """A refused id is found by its exp, to be forgotten then."""
        identifier = bytes.fromhex(item.key.partition("/")[2])
        exp = msgspec.json.decode(item.value)["exp"]
        if item.key != refused_key(identifier):
            raise InvalidInput("values of the state", f"{item.key} is no id")
        batch.put(EXPIRY + exp.to_bytes(6, "big") + identifier, b"")

    def need(self, key: str, members: State) -> None:
        """The map must have ``key``, with these members. Raises InvalidInput."""
        row = self._store.get(VALUE + key_hash(key))
        value = None if row is None else msgspec.json.decode(decode_value_row(row)[1])
        if value is None or any(value.get(name) != member for name, member in members.items()):
            raise InvalidInput("values of the state", f"do not say of {key} what its block does")

    def end(self) -> None:
        """All parts must have come.

        Raises:
            InvalidInput: some have not.
            LedgerFault: the tree is not that of the parts, which cannot be.
        """
        if self._place != len(self._slots):
            raise InvalidInput("values of the state", "lack parts")
        if self._tree.root != self._root:
            raise LedgerFault("the state map restored is not the one that was checked")


def _register(item: ValueItem, batch: Batch) -> None:
    """A key is found by its kid, by whoever checks signatures."""
    kid = item.key.removeprefix("key/")
    batch.put(KEY + kid.encode("ascii"), canonical_json(msgspec.json.decode(item.value)["jwk"]))
