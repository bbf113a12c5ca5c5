"""The state map as a tree that is updated once a block, over nodes that live elsewhere.

An inner node is a tuple (bitmap, leaf mask, hashes, keys): which children are present, which of
them are leaves, the 32-byte hashes of the present children in order, the key hashes of the leaves
in order. Leaves' *hashes* are kept, so a sibling is never hashed again. A node's number is 1
followed by the nibbles of its prefix, so the root's is 1 and a child's is ``number << 4 | nibble``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

from node.core.errors import InvalidEncoding, LedgerFault
from node.core.statemap import EMPTY_STATE, StateProof, key_hash, nibble

__all__ = ["Node", "NodeChanges", "StateTree", "decode_node", "encode_node"]

Node = tuple[int, int, bytes, bytes]
NodeChanges = dict[int, Node | None]
"""Nodes by their numbers, None where one is gone."""

_Change = tuple[bytes, bytes | None]
_Slot = tuple[bytes, bytes | None]
"""What hangs in a child's place: (hash, key hash of a leaf or None for an inner node)."""

_COUNT = bytes(bin(i).count("1") for i in range(1 << 16))


def encode_node(node: Node) -> bytes:
    """bitmap u16 ‖ leaf mask u16 ‖ hashes ‖ key hashes of the leaves."""
    bitmap, mask, hashes, keys = node
    return (bitmap << 16 | mask).to_bytes(4, "big") + hashes + keys


def decode_node(data: bytes) -> Node:
    """Decode a stored node. Raises InvalidEncoding when its length or masks are impossible."""
    bitmap, mask = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    split = 4 + 32 * _COUNT[bitmap]
    if len(data) != split + 32 * _COUNT[mask] or mask & ~bitmap or not bitmap:
        raise InvalidEncoding("state node", "its length does not fit its masks")
    return bitmap, mask, data[4:split], data[split:]


class StateTree:
    """The tree. Its changed nodes are held until somebody takes them to be written.

    ``read`` returns the stored node of a number, or None. Not for use by several threads at once.
    """

    def __init__(self, read: Callable[[int], Node | None]) -> None:
        self._read = read
        self._nodes: dict[int, Node] = {}
        self._old: dict[int, Node] = {}
        self._changed: NodeChanges = {}
        self._dirty: NodeChanges = {}
        self._writing: list[NodeChanges] = []

    def _get(self, number: int) -> Node | None:
        node = self._nodes.get(number)
        if node is not None:
            return node
        node = self._old.get(number) or self._find(number)
        if node is not None:
            self._nodes[number] = node
        return node

    def _find(self, number: int) -> Node | None:
        for held in (self._changed, self._dirty, *reversed(self._writing)):
            if number in held:
                return held[number]
        return self._read(number)

    def _need(self, number: int) -> Node:
        node = self._get(number)
        if node is None:
            raise LedgerFault(
                f"state map: node {number:x} is missing; restore from a backup, or run "
                "`evidence-node reindex`"
            )
        return node

    def _put(self, number: int, node: Node) -> None:
        self._nodes[number] = self._changed[number] = node

    def _drop(self, number: int) -> None:
        self._nodes.pop(number, None)
        self._old.pop(number, None)
        self._changed[number] = None

    @property
    def root(self) -> bytes:
        """The map's root: 32 bytes."""
        node = self._get(1)
        if node is None:
            return EMPTY_STATE
        bitmap, mask, hashes, _ = node
        if mask and len(hashes) == 32:
            return hashes
        return sha256(b"\x03" + bitmap.to_bytes(2, "big") + hashes).digest()

    def update(self, changes: Iterable[_Change]) -> bytes:
        """Set or (None) remove leaves and return the new root.

        ``changes`` are (key hash, leaf hash), each key once.
        """
        ordered = sorted(changes)
        if not ordered:
            return self.root
        if self._get(1) is None:
            self._grow(1, 0, [(key, leaf) for key, leaf in ordered if leaf is not None])
        else:
            slot = self._descend(1, 0, ordered)
            if slot is not None and slot[1] is not None:
                self._put(1, _leaves_only(0, [(slot[1], slot[0])]))
        return self.root

    def _descend(self, number: int, depth: int, changes: list[_Change]) -> _Slot | None:
        """Apply ``changes``, sorted and all below node ``number``; say what now stands there."""
        if len(changes) == 1:
            return self._descend_alone(number, depth, changes[0])
        node = self._need(number)
        half, high = depth >> 1, not depth & 1
        start, end = 0, len(changes)
        while start < end:
            byte = changes[start][0][half]
            digit = byte >> 4 if high else byte & 15
            stop = start + 1
            while stop < end:
                byte = changes[stop][0][half]
                if (byte >> 4 if high else byte & 15) != digit:
                    break
                stop += 1
            node = self._replace(number, depth, node, digit, changes[start:stop])
            start = stop
        return self._settle(number, node)

    def _descend_alone(self, number: int, depth: int, change: _Change) -> _Slot | None:
        """`_descend` with one change: most nodes that are not near the root get no more."""
        node = self._nodes.get(number) or self._need(number)
        bitmap, mask, hashes, keys = node
        path, leaf = change
        byte = path[depth >> 1]
        bit = 1 << (byte & 15 if depth & 1 else byte >> 4)
        at = 32 * _COUNT[bitmap & bit - 1]
        if not bitmap & bit and leaf is not None:
            key_at = 32 * _COUNT[mask & bit - 1]
            hashes, keys = hashes[:at] + leaf + hashes[at:], keys[:key_at] + path + keys[key_at:]
            return self._settle(number, (bitmap | bit, mask | bit, hashes, keys))
        if bitmap & bit and not mask & bit:
            slot = self._descend_alone(
                number << 4 | (byte & 15 if depth & 1 else byte >> 4), depth + 1, change
            )
            if slot is not None and slot[1] is None:
                hashes = hashes[:at] + slot[0] + hashes[at + 32 :]
                return self._settle(number, (bitmap, mask, hashes, keys))
            return self._settle(number, _with_slot(node, bit, slot))
        if leaf is not None and keys.startswith(path, 32 * _COUNT[mask & bit - 1]):
            hashes = hashes[:at] + leaf + hashes[at + 32 :]
            return self._settle(number, (bitmap, mask, hashes, keys))
        digit = byte & 15 if depth & 1 else byte >> 4
        return self._settle(number, self._replace(number, depth, node, digit, [change]))

    def _settle(self, number: int, node: Node) -> _Slot | None:
        bitmap, mask, hashes, keys = node
        if len(hashes) <= 32 and (mask or not hashes):
            self._drop(number)
            return (hashes, keys) if mask else None
        self._nodes[number] = self._changed[number] = node
        return sha256(b"\x03" + bitmap.to_bytes(2, "big") + hashes).digest(), None

    def _replace(
        self, number: int, depth: int, node: Node, digit: int, changes: list[_Change]
    ) -> Node:
        """``node`` after the changes below its child at ``digit``."""
        bitmap, mask, hashes, keys = node
        bit = 1 << digit
        at = 32 * _COUNT[bitmap & bit - 1]
        if bitmap & bit and not mask & bit:
            slot = self._descend(number << 4 | digit, depth + 1, changes)
            if slot is not None and slot[1] is None:
                return bitmap, mask, hashes[:at] + slot[0] + hashes[at + 32 :], keys
            return _with_slot(node, bit, slot)
        if mask & bit:
            key_at = 32 * _COUNT[mask & bit - 1]
            present = keys[key_at : key_at + 32]
            if len(changes) == 1 and changes[0][0] == present and changes[0][1] is not None:
                return bitmap, mask, hashes[:at] + changes[0][1] + hashes[at + 32 :], keys
            merged = {present: hashes[at : at + 32], **dict(changes)}
        else:
            merged = dict(changes)
        leaves = sorted((key, leaf) for key, leaf in merged.items() if leaf is not None)
        return _with_slot(node, bit, self._grow(number << 4 | digit, depth + 1, leaves))

    def _grow(self, number: int, depth: int, leaves: list[tuple[bytes, bytes]]) -> _Slot | None:
        """Make the subtree of ``leaves`` (sorted by key) and say what stands at its top."""
        if not leaves:
            return None
        if len(leaves) == 1 and number != 1:
            return leaves[0][1], leaves[0][0]
        node: Node = (0, 0, b"", b"")
        start = 0
        while start < len(leaves):
            digit = nibble(leaves[start][0], depth)
            stop = start + 1
            while stop < len(leaves) and nibble(leaves[stop][0], depth) == digit:
                stop += 1
            slot = self._grow(number << 4 | digit, depth + 1, leaves[start:stop])
            node = _with_slot(node, 1 << digit, slot)
            start = stop
        self._put(number, node)
        return sha256(b"\x03" + node[0].to_bytes(2, "big") + node[2]).digest(), None

    def prove(self, key: str, value: bytes | None) -> StateProof:
        """Proof that ``key`` has ``value``, which the caller has read, or (None) is absent.

        Where another leaf stands alone in an absent key's place, its value's hash is left for the
        caller: see `lone_leaf`.
        """
        path = key_hash(key)
        steps: list[tuple[int, tuple[bytes, ...]]] = []
        for node, digit, leaf in self._way(path):
            bitmap, _, hashes, _ = node
            if leaf is not None and bitmap & bitmap - 1 == 0 and not steps:
                break
            bit = 1 << digit
            at = 32 * _COUNT[bitmap & bit - 1]
            rest = hashes[:at] + hashes[at + 32 :] if bitmap & bit else hashes
            steps.append((bitmap, tuple([rest[i : i + 32] for i in range(0, len(rest), 32)])))
        return StateProof(key, value, tuple(steps))

    def holds(self, path: bytes) -> bool:
        """Whether a key with this hash has a value. Reads the nodes that changing it would."""
        number, depth = 1, 0
        node = self._nodes.get(1) or self._get(1)
        while node is not None:
            bitmap, mask, _, keys = node
            byte = path[depth >> 1]
            digit = byte & 15 if depth & 1 else byte >> 4
            bit = 1 << digit
            if mask & bit:
                return keys.startswith(path, 32 * _COUNT[mask & bit - 1])
            if not bitmap & bit:
                return False
            number, depth = number << 4 | digit, depth + 1
            node = self._nodes.get(number) or self._need(number)
        return False

    def lone_leaf(self, key: str) -> bytes | None:
        """Key hash of the leaf that stands where ``key`` would, if one does: perhaps its own."""
        found = None
        for _, _, leaf in self._way(key_hash(key)):
            found = leaf
        return found

    def _way(self, path: bytes) -> Iterable[tuple[Node, int, bytes | None]]:
        """The inner nodes from the root towards ``path``, each with the nibble taken and the key
        hash of the leaf met there."""
        number = 1
        node = self._get(1)
        depth = 0
        while node is not None:
            bitmap, mask, _, keys = node
            digit = nibble(path, depth)
            bit = 1 << digit
            if number == 1 and mask and len(node[2]) == 32:
                yield node, digit, keys
                return
            if mask & bit:
                at = 32 * _COUNT[mask & bit - 1]
                yield node, digit, keys[at : at + 32]
                return
            yield node, digit, None
            if not bitmap & bit:
                return
            number, depth = number << 4 | digit, depth + 1
            node = self._need(number)

    def take_changed(self) -> NodeChanges:
        """The nodes that changed since the last call, None where one is gone. They stay dirty."""
        changed, self._changed = self._changed, {}
        self._dirty.update(changed)
        return changed

    def take_dirty(self) -> NodeChanges:
        """The nodes that changed since the last call of this (None: gone), to be written.

        They stay readable from here until `written` is called with the same object.
        """
        self.take_changed()
        dirty, self._dirty = self._dirty, {}
        self._writing.append(dirty)
        return dirty

    def written(self, dirty: NodeChanges) -> None:
        """``dirty`` is stored."""
        self._writing = [held for held in self._writing if held is not dirty]

    @property
    def dirty_count(self) -> int:
        """How many nodes `take_dirty` would give."""
        if not self._changed:
            return len(self._dirty)
        return len(self._dirty.keys() | self._changed.keys())

    def evict(self, keep: int) -> None:
        """Forget what has not been used for longest, so that at most ``keep`` nodes are cached.

        Two generations: what is used moves to the younger; once that has half of them, the older
        one goes.
        """
        if 2 * len(self._nodes) >= keep:
            self._old, self._nodes = self._nodes, {}
        if len(self._old) > keep:
            self._old = {}


def _with_slot(node: Node, bit: int, slot: _Slot | None) -> Node:
    """``node`` with what stands at ``bit`` exchanged for ``slot``."""
    bitmap, mask, hashes, keys = node
    at, key_at = 32 * _COUNT[bitmap & bit - 1], 32 * _COUNT[mask & bit - 1]
    if bitmap & bit:
        hashes = hashes[:at] + hashes[at + 32 :]
    if mask & bit:
        keys = keys[:key_at] + keys[key_at + 32 :]
    bitmap, mask = bitmap & ~bit, mask & ~bit
    if slot is not None:
        hashes = hashes[:at] + slot[0] + hashes[at:]
        bitmap |= bit
        if slot[1] is not None:
            keys = keys[:key_at] + slot[1] + keys[key_at:]
            mask |= bit
    return bitmap, mask, hashes, keys


def _leaves_only(depth: int, leaves: list[tuple[bytes, bytes]]) -> Node:
    node: Node = (0, 0, b"", b"")
    for key, leaf in leaves:
        node = _with_slot(node, 1 << nibble(key, depth), (leaf, key))
    return node
