"""The log's Merkle tree (RFC 9162 §2.1): hashes, proofs, and how they lie in C2SP tiles.

A tree of ``size`` leaves is described by the hashes of its perfect subtrees: ``(level, index)`` is
the root over leaves ``index << level`` up to ``(index + 1) << level``. Whoever stores them, 256 to
a tile, passes a function that reads one; nothing here does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Callable

from node.core.errors import InvalidEncoding, InvalidProof

__all__ = [
    "EMPTY_ROOT",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "NodeReader",
    "append_leaves",
    "consistency_proof",
    "frontier",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "parse_tile_path",
    "root_hash",
    "root_of_leaves",
    "tile_path",
    "verify_consistency",
    "verify_inclusion",
]

EMPTY_ROOT = hashlib.sha256(b"").digest()
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

NodeReader = Callable[[int, int], bytes]
"""Reads the hash of the perfect subtree at (level, index)."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_leaves(leaves: Sequence[bytes]) -> bytes:
    """Merkle tree hash of a list of leaf hashes (RFC 9162 §2.1.1).

    Level by level: of an odd number the last one goes up as it is, which gives the shape that the
    standard defines from the top.
    """
    if not leaves:
        return EMPTY_ROOT
    row = list(leaves)
    while len(row) > 1:
        above = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = above + row[len(above) * 2 :]
    return row[0]


def frontier(size: int) -> list[tuple[int, int]]:
    """The perfect subtrees of a tree of ``size`` leaves, largest first, as (level, index)."""
    subtrees = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            subtrees.append((level, start >> level))
            start += 1 << level
    return subtrees


def root_hash(size: int, read: NodeReader) -> bytes:
    """Root of the tree's first ``size`` leaves."""
    return _root_between(0, size, read) if size else EMPTY_ROOT


def append_leaves(
    size: int, read: NodeReader, leaves: Sequence[bytes]
) -> list[tuple[int, int, list[bytes]]]:
    """The hashes that a tree of ``size`` gains when ``leaves`` are appended.

    Returns:
        A (level, first index, hashes) for every level that gains any, level 0 first.
    """
    gained: list[tuple[int, int, list[bytes]]] = []
    level, first, row = 0, size, list(leaves)
    sha256 = hashlib.sha256
    while row:
        gained.append((level, first, row))
        if first & 1:
            row = [read(level, first - 1), *row]
            first -= 1
        row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row) - 1, 2)]
        level, first = level + 1, first >> 1
    return gained


def _root_between(start: int, end: int, read: NodeReader) -> bytes:
    """Root over leaves start..end; start is a multiple of a power of two not below end-start."""
    width, root = end - start, b""
    for level in range(width.bit_length()):
        if width >> level & 1:
            end -= 1 << level
            left = read(level, end >> level)
            root = node_hash(left, root) if root else left
    return root


def inclusion_path(
    index: int, size: int, read: NodeReader, edges: dict[tuple[int, int], bytes] | None = None
) -> list[bytes]:
    """Audit path of leaf ``index`` in the tree of ``size`` leaves (RFC 9162 §2.1.3.1).

    ``edges`` keeps, for further paths in the same log, the roots of its subtrees that are not
    perfect, by their first leaf and the one behind their last.

    Raises:
        InvalidProof: there is no such leaf.
    """
    if not 0 <= index < size:
        raise InvalidProof("index", f"must be below the tree's size {size}")
    # Below the level where the ways to this leaf and to the last one meet, siblings are perfect;
    # at it, the sibling holds the last leaf; above it, only what lies to the left is a sibling.
    meet = (index ^ (size - 1)).bit_length()
    path = [read(level, (index >> level) ^ 1) for level in range(meet - 1)]
    if meet:
        start = ((index >> meet - 1) ^ 1) << meet - 1
        edge = edges and edges.get((start, size))
        if not edge:
            edge = _root_between(start, size, read)
            if edges is not None:
                edges[start, size] = edge
        path.append(edge)
    left = (level for level in range(meet, size.bit_length()) if index >> level & 1)
    return path + [read(level, (index >> level) - 1) for level in left]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check an audit path (RFC 9162 §2.1.3.2).

    Raises:
        InvalidProof: the path does not lead from ``leaf`` at ``index`` to ``root``.
    """
    if not 0 <= index < size:
        raise InvalidProof("index", f"must be below the tree's size {size}")
    node, position, last = leaf, index, size - 1
    for step, sibling in enumerate(path):
        if last == 0:
            raise InvalidProof(f"path[{step}]", "the path is too long for this index and size")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise InvalidProof("path", "the path is too short for this index and size")
    if node != root:
        raise InvalidProof("path", "the path does not lead to this root")


def consistency_proof(first: int, second: int, read: NodeReader) -> list[bytes]:
    """Proof that the first ``first`` leaves are those of ``second`` (RFC 9162 §2.1.4.1).

    Raises:
        InvalidProof: not 0 < first <= second.
    """
    if not 0 < first <= second:
        raise InvalidProof("first", f"must be between 1 and {second}")
    proof: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if first <= split:
            proof.append(_root_between(split, end, read))
            end = split
        else:
            proof.append(_root_between(start, split, read))
            start, whole = split, False
    if not whole:
        proof.append(_root_between(start, end, read))
    proof.reverse()
    return proof


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """Check a consistency proof (RFC 9162 §2.1.4.2).

    Raises:
        InvalidProof: it does not show that the first tree is a prefix of the second.
    """
    if not 0 < first <= second:
        raise InvalidProof("first", f"must be between 1 and {second}")
    if first == second:
        if proof or first_root != second_root:
            raise InvalidProof("proof", "trees of one size must have one root and an empty proof")
        return
    hashes = list(proof)
    if first & first - 1 == 0:
        hashes.insert(0, first_root)
    if not hashes:
        raise InvalidProof("proof", "is empty")
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise InvalidProof("proof", "is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last or old != first_root or new != second_root:
        raise InvalidProof("proof", "does not connect these two roots")


def tile_path(level: int, index: int, width: int = TILE_WIDTH, *, kind: str | None = None) -> str:
    """Path of a tile, ``tile/<L>/<N>[.p/<W>]`` (C2SP tlog-tiles); ``kind`` replaces L."""
    groups = []
    rest = index
    while True:
        groups.append(f"{rest % 1000:03d}")
        rest //= 1000
        if not rest:
            break
    number = "/".join(["x" + group for group in groups[:0:-1]] + [groups[0]])
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{kind if kind is not None else level}/{number}{partial}"


def parse_tile_path(parts: Iterable[str]) -> tuple[int, int]:
    """Index and width of a tile from the segments behind ``tile/<L>/``.

    Raises:
        InvalidEncoding: not the canonical path of any tile.
    """
    given = list(parts)
    segments, width = list(given), TILE_WIDTH
    if len(segments) >= 2 and segments[-2].endswith(".p"):
        text = segments.pop()
        if not (text.isascii() and text.isdigit() and len(text) <= 3):
            raise InvalidEncoding("tile", "the width must be a number from 1 to 255")
        width = int(text)
        segments[-1] = segments[-1][:-2]
    digits = "".join(
        part[1:] if position < len(segments) - 1 and part.startswith("x") else part
        for position, part in enumerate(segments)
    )
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise InvalidEncoding("tile", "must be groups of three digits, x before all but the last")
    index = int(digits)
    canonical = tile_path(0, index, width).split("/")[2:]
    if canonical != given or not 0 < width <= TILE_WIDTH:
        raise InvalidEncoding("tile", "must be groups of three digits, x before all but the last")
    return index, width
