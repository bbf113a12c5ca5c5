from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from node.core.errors import InvalidEncoding, InvalidProof
from node.core.merkle import (
    EMPTY_ROOT,
    TILE_WIDTH,
    append_leaves,
    consistency_proof,
    frontier,
    inclusion_path,
    leaf_hash,
    node_hash,
    parse_tile_path,
    root_hash,
    root_of_leaves,
    tile_path,
    verify_consistency,
    verify_inclusion,
)

SIZE = 130
"""Trees up to this size are tried whole: past 128, so that a second large subtree begins."""


class Log:
    """A log held in memory, grown one leaf at a time, and the roots that it went through."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.hashes: dict[tuple[int, int], bytes] = {}
        self.leaves = [leaf_hash(entry) for entry in entries]
        for size, leaf in enumerate(self.leaves):
            for level, first, row in append_leaves(size, self.read, [leaf]):
                assert len(row) == 1
                self.hashes[level, first] = row[0]
        self.roots = [root_hash(size, self.read) for size in range(len(entries) + 1)]

    def read(self, level: int, index: int) -> bytes:
        return self.hashes[level, index]


@pytest.fixture(scope="module")
def log() -> Log:
    return Log([b"entry %d" % number for number in range(SIZE)])


@pytest.fixture(scope="module")
def eight(vectors: Path) -> dict[str, Any]:
    return json.loads((vectors / "rfc9162-eight-leaves.json").read_bytes())


@pytest.fixture(scope="module")
def eight_log(eight: dict[str, Any]) -> Log:
    return Log([bytes.fromhex(leaf) for leaf in eight["leaves"]])


def test_known_roots(eight: dict[str, Any], eight_log: Log) -> None:
    assert [root.hex() for root in eight_log.roots] == eight["roots"]
    assert eight["roots"][0] == EMPTY_ROOT.hex()
    for size, root in enumerate(eight["roots"]):
        assert root_of_leaves(eight_log.leaves[:size]).hex() == root


def test_known_audit_paths(eight: dict[str, Any], eight_log: Log) -> None:
    assert len(eight["inclusion"]) == 36
    for case in eight["inclusion"]:
        index, size = case["index"], case["size"]
        path = inclusion_path(index, size, eight_log.read)
        assert [node.hex() for node in path] == case["path"]
        verify_inclusion(eight_log.leaves[index], index, size, path, eight_log.roots[size])


def test_known_consistency_proofs(eight: dict[str, Any], eight_log: Log) -> None:
    assert len(eight["consistency"]) == 36
    for case in eight["consistency"]:
        first, second = case["first"], case["second"]
        proof = consistency_proof(first, second, eight_log.read)
        assert [node.hex() for node in proof] == case["proof"]
        verify_consistency(first, second, proof, eight_log.roots[first], eight_log.roots[second])


def test_every_root_follows_the_definition(log: Log) -> None:
    for size in range(SIZE + 1):
        assert log.roots[size] == root_of_leaves(log.leaves[:size])


def test_frontier_covers_the_leaves_without_gap_or_overlap() -> None:
    for size in range(SIZE + 1):
        covered = 0
        for level, index in frontier(size):
            assert index << level == covered
            covered += 1 << level
        assert covered == size
        assert all(left > right for (left, _), (right, _) in pairwise(frontier(size)))


def test_appending_many_leaves_at_once_gives_the_same_hashes(log: Log) -> None:
    for start in range(0, SIZE, 7):
        gained = {
            (level, first + offset): value
            for level, first, row in append_leaves(start, log.read, log.leaves[start:])
            for offset, value in enumerate(row)
        }
        assert gained == {
            (level, index): value
            for (level, index), value in log.hashes.items()
            if index + 1 << level > start
        }


def test_appending_nothing_gains_nothing(log: Log) -> None:
    assert append_leaves(5, log.read, []) == []


def test_every_audit_path_leads_to_its_root(log: Log) -> None:
    for size in range(1, SIZE + 1):
        for index in range(size):
            path = inclusion_path(index, size, log.read)
            assert len(path) <= (size - 1).bit_length()
            verify_inclusion(log.leaves[index], index, size, path, log.roots[size])


def test_every_consistency_proof_connects_its_roots(log: Log) -> None:
    for second in range(1, SIZE + 1):
        for first in range(1, second + 1):
            proof = consistency_proof(first, second, log.read)
            verify_consistency(first, second, proof, log.roots[first], log.roots[second])


def damaged(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Every list that differs from ``hashes`` by one damage, whatever its kind."""
    found = [[*hashes, hashes[-1] if hashes else bytes(32)], [bytes(32), *hashes]]
    for position, value in enumerate(hashes):
        before, after = list(hashes[:position]), list(hashes[position + 1 :])
        found.append(before + after)
        found.append([*before, bytes((value[0] ^ 1, *value[1:])), *after])
        found.append([*before, bytes((*value[:-1], value[-1] ^ 0x80)), *after])
        found.append([*before, value, value, *after])
        if after:
            found.append([*before, after[0], value, *after[1:]])
    return found


def test_every_damaged_audit_path_is_refused(log: Log) -> None:
    for size in (*range(1, 34), 63, 64, 65, 127, 128, 129, 130):
        for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
            path = inclusion_path(index, size, log.read)
            for wrong in damaged(path):
                with pytest.raises(InvalidProof):
                    verify_inclusion(log.leaves[index], index, size, wrong, log.roots[size])


def test_audit_path_is_refused_for_any_other_leaf_index_or_root(log: Log) -> None:
    for size in range(1, 34):
        for index in range(size):
            path = inclusion_path(index, size, log.read)
            for other in {*range(-1, size + 2)} - {index}:
                with pytest.raises(InvalidProof):
                    verify_inclusion(log.leaves[index], other, size, path, log.roots[size])
            for other in {*range(size)} - {index}:
                with pytest.raises(InvalidProof):
                    verify_inclusion(log.leaves[other], index, size, path, log.roots[size])
            for other in {*range(34)} - {size}:
                with pytest.raises(InvalidProof):
                    verify_inclusion(log.leaves[index], index, size, path, log.roots[other])


def turns(index: int, size: int) -> str:
    """The way from the root to a leaf, by the definition of the tree: L or R a level."""
    if size == 1:
        return ""
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        return "L" + turns(index, split)
    return "R" + turns(index - split, size - split)


def test_audit_path_fits_another_size_only_where_the_way_is_the_same(log: Log) -> None:
    """A root does not commit to its size; that is why app_hash does.

    With size and root from different trees the path still leads to the root if the leaf hangs at
    the same place, which RFC 9162 leaves to the signed (size, root) pair. All else is refused.
    """
    met = 0
    for size in range(1, 34):
        for index in range(size):
            path = inclusion_path(index, size, log.read)
            for other in {*range(34)} - {size}:
                if index < other and turns(index, other) == turns(index, size):
                    verify_inclusion(log.leaves[index], index, other, path, log.roots[size])
                    met += 1
                    continue
                with pytest.raises(InvalidProof):
                    verify_inclusion(log.leaves[index], index, other, path, log.roots[size])
    assert met > 0


def test_every_damaged_consistency_proof_is_refused(log: Log) -> None:
    for second in (*range(2, 34), 64, 65, 127, 128, 129, 130):
        for first in {1, 2, 3, 4, second // 2, second - 1} & set(range(1, second)):
            proof = consistency_proof(first, second, log.read)
            roots = log.roots[first], log.roots[second]
            for wrong in damaged(proof):
                with pytest.raises(InvalidProof):
                    verify_consistency(first, second, wrong, *roots)


def test_consistency_proof_is_refused_for_other_sizes_and_roots(log: Log) -> None:
    for second in range(1, 34):
        for first in range(1, second + 1):
            proof = consistency_proof(first, second, log.read)
            old, new = log.roots[first], log.roots[second]
            for other in {*range(-1, 35)} - {first}:
                with pytest.raises(InvalidProof):
                    verify_consistency(other, second, proof, old, new)
            for other in {*range(34)} - {first}:
                with pytest.raises(InvalidProof):
                    verify_consistency(first, second, proof, log.roots[other], new)
            for other in {*range(34)} - {second}:
                with pytest.raises(InvalidProof):
                    verify_consistency(first, second, proof, old, log.roots[other])


def test_a_forked_log_cannot_be_shown_to_continue_the_first(log: Log) -> None:
    fork = Log([b"entry %d" % number if number != 3 else b"another" for number in range(20)])
    for first in range(4, 20):
        for second in range(first, 20):
            proof = consistency_proof(first, second, fork.read)
            with pytest.raises(InvalidProof):
                verify_consistency(first, second, proof, log.roots[first], fork.roots[second])


@pytest.mark.parametrize(
    ("index", "size"), [(-1, 4), (4, 4), (0, 0), (5, 4)], ids=["negative", "size", "empty", "past"]
)
def test_no_path_of_a_leaf_that_is_not_there(log: Log, index: int, size: int) -> None:
    with pytest.raises(InvalidProof) as refused:
        inclusion_path(index, size, log.read)
    assert refused.value.place == "index"
    with pytest.raises(InvalidProof):
        verify_inclusion(log.leaves[0], index, size, [], log.roots[1])


@pytest.mark.parametrize(("first", "second"), [(0, 4), (5, 4), (-1, 4), (0, 0)])
def test_no_consistency_of_sizes_out_of_order(log: Log, first: int, second: int) -> None:
    with pytest.raises(InvalidProof) as refused:
        consistency_proof(first, second, log.read)
    assert refused.value.place == "first"
    with pytest.raises(InvalidProof):
        verify_consistency(first, second, [], EMPTY_ROOT, log.roots[4])


def test_inner_node_passes_for_a_leaf_where_both_are_hashed_alike(vectors: Path) -> None:
    """What the fixture shows, by its own rules, so that the next test refuses a real attack."""
    case = json.loads((vectors / "merkletools-1.0.3-inner-node-as-leaf.json").read_bytes())
    assert case["accepted_by_merkletools"] is True
    document = bytes.fromhex(case["forged_document"])
    assert document.hex() not in case["documents"]
    node = hashlib.sha256(document).digest()
    assert node.hex() == case["forged_target"]
    for step in case["forged_proof"]:
        node = hashlib.sha256(node + bytes.fromhex(step["right"])).digest()
    assert node.hex() == case["root"]


def test_inner_node_is_refused_as_a_leaf(vectors: Path) -> None:
    case = json.loads((vectors / "merkletools-1.0.3-inner-node-as-leaf.json").read_bytes())
    ours = Log([document.encode() for document in case["documents"]])
    assert ours.roots[4].hex() != case["root"]
    pair = ours.leaves[0] + ours.leaves[1]
    path = [ours.read(1, 1)]
    for forged in (pair, b"\x01" + pair, bytes.fromhex(case["forged_document"])):
        for size in range(1, 5):
            for index in range(size):
                with pytest.raises(InvalidProof):
                    verify_inclusion(leaf_hash(forged), index, size, path, ours.roots[4])


def test_leaf_and_node_hashes_are_kept_apart() -> None:
    left, right = hashlib.sha256(b"l").digest(), hashlib.sha256(b"r").digest()
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert leaf_hash(left + right) == hashlib.sha256(b"\x00" + left + right).digest()
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (5, 256, "tile/0/005"),
        (999, 256, "tile/0/999"),
        (1000, 256, "tile/0/x001/000"),
        (1_234_067, 256, "tile/0/x001/x234/067"),  # the example of the C2SP specification
        (1_234_067, 1, "tile/0/x001/x234/067.p/1"),
        (0, 255, "tile/0/000.p/255"),
        (10**18 - 1, 8, "tile/0/x999/x999/x999/x999/x999/999.p/8"),
    ],
)
def test_tile_paths(index: int, width: int, path: str) -> None:
    assert tile_path(0, index, width) == path
    assert parse_tile_path(path.split("/")[2:]) == (index, width)


def test_tile_path_of_entries() -> None:
    assert tile_path(0, 1000, kind="entries") == "tile/entries/x001/000"
    assert tile_path(3, 7, 16) == "tile/3/007.p/16"


@pytest.mark.parametrize(
    "segments",
    [
        [],
        [""],
        ["0"],
        ["00"],
        ["0000"],
        ["x000"],
        ["x000", "000"],
        ["x000", "001"],
        ["001", "000"],
        ["x001", "x000"],
        ["X001", "000"],
        ["x01", "000"],
        ["x001", "00"],
        ["xx01", "000"],
        ["-01"],
        ["+01"],
        ["1_0"],
        [" 01"],
        ["٠٠١"],
        ["000", ""],
        ["000.p"],
        ["000.p", ""],
        ["000.p", "0"],
        ["000.p", "00"],
        ["000.p", "07"],
        ["000.p", "256"],
        ["000.p", "257"],
        ["000.p", "1000"],
        ["000.p", "-1"],
        ["000.p", "+1"],
        ["000.p", " 1"],
        ["000.p", "١"],
        ["000.p", "1", ""],
        ["000.P", "1"],
        [".p", "1"],
        ["000.p.p", "1"],
        ["x001.p", "000"],
        ["..", "000"],
        ["x001", "..", "000"],
        ["x001"] * 6 + ["000"],
    ],
    ids="/".join,
)
def test_malformed_tile_paths_are_refused(segments: list[str]) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        parse_tile_path(segments)
    assert refused.value.place == "tile"


def test_no_tile_path_is_full_width_and_partial() -> None:
    assert tile_path(0, 0, TILE_WIDTH) == "tile/0/000"


def test_root_of_leaves_has_the_shape_that_the_standard_defines() -> None:
    def defined(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        split = 1 << (len(leaves) - 1).bit_length() - 1
        return node_hash(defined(leaves[:split]), defined(leaves[split:]))

    leaves = [leaf_hash(bytes((number,))) for number in range(70)]
    for size in range(1, 71):
        assert root_of_leaves(leaves[:size]) == defined(leaves[:size])
