"""The state map while blocks are made: values read through caches, changes block by block."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import orjson

from node.core.errors import LedgerFault
from node.core.statetree import Node, StateTree, decode_node, encode_node
from node.ledger.rows import (
    VALUE,
    decode_value_row,
    encode_value_row,
    node_key,
)
from node.rules.judgement import State
from node.storage.ports import Batch, Reader

__all__ = ["StateChanges", "WorkingState", "canonical_state", "read_value"]

_GENERATION = 16_384
_MAX_NODES = 60_000
_Leaf = tuple[bytes, bytes | None]


def canonical_state(value: State) -> bytes:
    """Canonical JSON of a value: what `node.core.encoding.canonical_json` gives, in C."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def read_value(reader: Reader, key: str) -> bytes | None:
    """The stored canonical value of a key."""
    path = sha256(key.encode("ascii")).digest()
    row = reader.get(VALUE + path)
    if row is None:
        return None
    name, value = decode_value_row(row)
    if name != key:
        raise LedgerFault(f"state map: the row of {key} holds {name}; run `evidence-node audit`")
    return value


class StateChanges:
    """What one block changed of the state: values by key, and the tree's nodes."""

    def __init__(self, values: dict[str, State | None], nodes: dict[int, Node | None]) -> None:
        self.values = values
        self.nodes = nodes


class WorkingState:
    """The newest state. Only the thread that finalizes blocks uses it.

    Values that a block changed stay in memory until `release` says that the block is written.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._young: dict[str, State | None] = {}
        self._old: dict[str, State | None] = {}
        self._unwritten: dict[str, State | None] = {}
        self._changed: dict[str, State | None] = {}
        self.tree = StateTree(self._read_node)

    def _read_node(self, number: int) -> Node | None:
        row = self._reader.get(node_key(number))
        return None if row is None else decode_node(row)

    def get(self, key: str) -> State | None:
        """The value of ``key`` as of the last change made."""
        for held in (self._changed, self._unwritten, self._young):
            if key in held:
                return held[key]
        if key in self._old:
            value = self._old[key]
        else:
            raw = read_value(self._reader, key)
            value = None if raw is None else orjson.loads(raw)
        self._keep(key, value)
        return value

    def _keep(self, key: str, value: State | None) -> None:
        if len(self._young) >= _GENERATION:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def set(self, key: str, value: State | None) -> None:
        """Change a value; None removes it."""
        self._changed[key] = value

    @property
    def changed(self) -> Mapping[str, State | None]:
        """What has been changed since the last `close_block`."""
        return self._changed

    def close_block(self, batch: Batch) -> StateChanges:
        """Put the block's changed values and nodes into ``batch`` and bring the tree up to date."""
        values, self._changed = self._changed, {}
        leaves: list[_Leaf] = []
        for key, value in values.items():
            path = sha256(key.encode("ascii")).digest()
            if value is None:
                batch.delete(VALUE + path)
                leaves.append((path, None))
            else:
                raw = canonical_state(value)
                batch.put(VALUE + path, encode_value_row(key, raw))
                leaf = sha256(b"\x02" + path + sha256(raw).digest()).digest()
                leaves.append((path, leaf))
        self.tree.update(leaves)
        nodes = self.tree.take_dirty()
        for number, node in nodes.items():
            if node is None:
                batch.delete(node_key(number))
            else:
                batch.put(node_key(number), encode_node(node))
        self._unwritten.update(values)
        return StateChanges(values, nodes)

    def release(self, changes: StateChanges) -> None:
        """The block with these changes is written: they need no longer be held for it."""
        self.tree.written(changes.nodes)
        for key, value in changes.values.items():
            if self._unwritten.get(key, self) is value:
                del self._unwritten[key]
                self._keep(key, value)
        self.tree.evict(_MAX_NODES)
