"""Parts of the state map: what stands at a prefix, and the root that all such parts give.

A slot is what hangs in a place of the map: (hash, key hash of the leaf that is alone there, or None
for an inner node). See `node.core.statemap` for the map itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.core.statemap import EMPTY_STATE, nibble, state_node

__all__ = ["Slot", "prefix_of", "root_of_slots", "subtree_slot"]

Slot = tuple[bytes, bytes | None]
_Leaf = tuple[bytes, bytes]


def prefix_of(path: bytes, depth: int) -> int:
    """The first ``depth`` half bytes (at most 8) of a key hash, as a number."""
    return int.from_bytes(path[:4], "big") >> (32 - 4 * depth)


def subtree_slot(leaves: Sequence[_Leaf], depth: int) -> Slot:
    """What stands at a prefix of ``depth`` half bytes.

    Args:
        leaves: (key hash, leaf hash) of all keys below the prefix, at least one, each key once, in
            the order of the key hashes.
        depth: how many half bytes they share.
    """
    if len(leaves) == 1:
        return leaves[0][1], leaves[0][0]
    bitmap, children, start = 0, [], 0
    while start < len(leaves):
        digit, stop = nibble(leaves[start][0], depth), start + 1
        while stop < len(leaves) and nibble(leaves[stop][0], depth) == digit:
            stop += 1
        bitmap |= 1 << digit
        children.append(subtree_slot(leaves[start:stop], depth + 1)[0])
        start = stop
    return state_node(bitmap, b"".join(children)), None


def root_of_slots(slots: Sequence[tuple[int, Slot]], depth: int) -> bytes:
    """The root of the map whose parts at the prefixes of ``depth`` half bytes are ``slots``.

    Args:
        slots: (prefix, slot) of every prefix that is not empty, in order, each once.
        depth: how many half bytes the prefixes have.
    """
    level = list(slots)
    for _ in range(depth):
        above: list[tuple[int, Slot]] = []
        start = 0
        while start < len(level):
            parent, stop = level[start][0] >> 4, start + 1
            while stop < len(level) and level[stop][0] >> 4 == parent:
                stop += 1
            above.append((parent, _joined(level[start:stop])))
            start = stop
        level = above
    return level[0][1][0] if level else EMPTY_STATE


def _joined(children: Sequence[tuple[int, Slot]]) -> Slot:
    """What stands above these: a leaf that is alone moves up, since its shorter prefix is its alone
    too."""
    if len(children) == 1 and children[0][1][1] is not None:
        return children[0][1]
    bitmap = sum(1 << (prefix & 15) for prefix, _ in children)
    return state_node(bitmap, b"".join(slot[0] for _, slot in children)), None
