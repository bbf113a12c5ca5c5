"""The state map while blocks are made: values read through caches, changes block by block."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import orjson

from node.core.errors import InvalidInput, LedgerFault
from node.core.statemap import state_leaf
from node.core.statetree import Node, NodeChanges, StateTree, decode_node, encode_node
from node.ledger.rows import (
    CHANGED,
    VALUE,
    decode_value_row,
    encode_value_row,
    node_key,
    number_key,
)
from node.rules.judgement import State
from node.storage.ports import Batch, Reader

__all__ = ["StateChanges", "WorkingState", "canonical_state", "read_node", "read_value"]

_GENERATION = 16_384
_MAX_NODES = 120_000
_MAX_DIRTY = 100_000
"""Nodes that have changed, after which they are written."""
_MAX_CHANGES = 200_000
"""Changes of values after which they are: a crash costs making as many again."""


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


def read_node(reader: Reader, number: int) -> Node | None:
    """The stored node with this number. Raises LedgerFault when what is stored is none."""
    row = reader.get(node_key(number))
    try:
        return None if row is None else decode_node(row)
    except InvalidInput as error:
        raise LedgerFault(
            f"state map: node {number:x} {error.rule}; run `evidence-node audit`, then "
            "`evidence-node reindex`"
        ) from error


class StateChanges:
    """What one block changed of the state: values by key, and the tree's nodes.

    ``written`` are the nodes that the block's batch holds, those of earlier blocks among them;
    None where they are left for a later block.
    """

    def __init__(
        self, values: dict[str, State | None], nodes: NodeChanges, written: NodeChanges | None
    ) -> None:
        self.values = values
        self.nodes = nodes
        self.written = written


class WorkingState:
    """The newest state. Only the thread that finalizes blocks uses it.

    Values that a block changed stay in memory until `release` says that the block is written. The
    tree's nodes are written late, since the upper ones change with every block: what changed since
    then is stored with each block (`CHANGED`), and from that `recover` makes them again.
    """

    def __init__(self, reader: Reader, flushed: int) -> None:
        self.flushed = flushed
        self._reader = reader
        self._heights: list[int] = []
        self._young: dict[str, State | None] = {}
        self._old: dict[str, State | None] = {}
        self._unwritten: list[dict[str, State | None]] = []
        self._changed: dict[str, State | None] = {}
        self._changes = 0
        self.tree = StateTree(self._read_node)

    def _read_node(self, number: int) -> Node | None:
        return read_node(self._reader, number)

    def recover(self) -> NodeChanges:
        """Make again the nodes that changed in blocks after the last one that wrote nodes.

        Returns:
            Those nodes.
        """
        paths: dict[bytes, None] = {}
        first = number_key(CHANGED, self.flushed + 1)
        for key, row in self._reader.scan(first, number_key(CHANGED, (1 << 48) - 1)):
            self._heights.append(int.from_bytes(key[1:], "big"))
            paths.update((row[at : at + 32], None) for at in range(0, len(row), 32))
        self.tree.update([(path, self._leaf(path)) for path in paths])
        self._changes = len(paths)
        return self.tree.take_changed()

    def _leaf(self, path: bytes) -> bytes | None:
        row = self._reader.get(VALUE + path)
        if row is None:
            return None
        return state_leaf(path, sha256(decode_value_row(row)[1]).digest())

    def get(self, key: str) -> State | None:
        """The value of ``key`` as of the last change made."""
        if key in self._changed:
            return self._changed[key]
        if key in self._young:
            return self._young[key]
        if key in self._old:
            value = self._old[key]
        else:
            value = self._find(key)
        self._young[key] = value
        return value

    def _find(self, key: str) -> State | None:
        for values in reversed(self._unwritten):
            if key in values:
                return values[key]
        if not self.tree.holds(sha256(key.encode("ascii")).digest()):
            return None
        raw = read_value(self._reader, key)
        return None if raw is None else orjson.loads(raw)

    def stored(self, prefixes: tuple[str, ...]) -> dict[str, State]:
        """All written values whose keys begin so. It reads every value of the map."""
        found: dict[str, State] = {}
        for _, row in self._reader.scan(VALUE, VALUE + b"\xff" * 33):
            key, raw = decode_value_row(row)
            if key.startswith(prefixes):
                found[key] = orjson.loads(raw)
        return dict(sorted(found.items()))

    def set(self, key: str, value: State | None) -> None:
        """Change a value; None removes it."""
        self._changed[key] = value

    @property
    def changed(self) -> Mapping[str, State | None]:
        """What has been changed since the last `close_block`."""
        return self._changed

    def close_block(self, height: int, batch: Batch) -> StateChanges:
        """Put the block's changed values into ``batch``, bring the tree up to date, and write its
        nodes if enough have gathered."""
        values, self._changed = self._changed, {}
        put = batch.put
        leaves: list[tuple[bytes, bytes | None]] = []
        for key, value in values.items():
            path = sha256(key.encode("ascii")).digest()
            if value is None:
                batch.delete(VALUE + path)
                leaves.append((path, None))
            else:
                raw = canonical_state(value)
                put(VALUE + path, encode_value_row(key, raw))
                leaves.append((path, sha256(b"\x02" + path + sha256(raw).digest()).digest()))
        self.tree.update(leaves)
        nodes = self.tree.take_changed()
        self._changes += len(leaves)
        if len(self._young) >= _GENERATION:
            self._old, self._young = self._young, {}
        self._young.update(values)
        self._unwritten.append(values)
        if self.tree.dirty_count >= _MAX_DIRTY or self._changes >= _MAX_CHANGES:
            return StateChanges(values, nodes, self.flush(height, batch))
        if leaves:
            put(number_key(CHANGED, height), b"".join([path for path, _ in leaves]))
            self._heights.append(height)
        return StateChanges(values, nodes, None)

    def flush(self, height: int, batch: Batch) -> NodeChanges:
        """Put all nodes that changed into ``batch``, which brings them up to ``height``."""
        written = self.tree.take_dirty()
        for number, node in written.items():
            if node is None:
                batch.delete(node_key(number))
            else:
                batch.put(node_key(number), encode_node(node))
        for changed in self._heights:
            batch.delete(number_key(CHANGED, changed))
        self._heights, self._changes, self.flushed = [], 0, height
        return written

    def release(self, changes: StateChanges) -> None:
        """The block with these changes is written: they need no longer be held for it."""
        if changes.written is not None:
            self.tree.written(changes.written)
        self._unwritten = [held for held in self._unwritten if held is not changes.values]
        self.tree.evict(_MAX_NODES)
