from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.errors import InvalidEncoding, InvalidProof
from node.core.merkle import (
    TILE_WIDTH,
    append_leaves,
    consistency_proof,
    inclusion_path,
    leaf_hash,
    parse_tile_path,
    root_hash,
    root_of_leaves,
    tile_path,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 5000
LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(LARGEST)]
HASHES: dict[tuple[int, int], bytes] = {}


def read(level: int, index: int) -> bytes:
    return HASHES[level, index]


def store(gained: list[tuple[int, int, list[bytes]]]) -> None:
    for level, first, row in gained:
        for offset, value in enumerate(row):
            assert HASHES.setdefault((level, first + offset), value) == value


store(append_leaves(0, read, LEAVES))


@settings(max_examples=60)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_any_batches_give_the_same_tree(batches: list[int]) -> None:
    own: dict[tuple[int, int], bytes] = {}
    size = 0
    for batch in batches:
        rows = append_leaves(size, lambda *at: own[at], LEAVES[size : size + batch])
        for level, first, row in rows:
            for offset, value in enumerate(row):
                assert (level, first + offset) not in own, "a stored hash is never written again"
                own[level, first + offset] = value
        size = min(size + batch, LARGEST)
    assert own == {at: HASHES[at] for at in own}
    assert root_hash(size, lambda *at: own[at]) == root_of_leaves(LEAVES[:size])


sizes = st.integers(1, LARGEST)


@given(st.lists(st.tuples(sizes, sizes), min_size=2, max_size=12))
def test_paths_are_the_same_with_what_others_left(places: list[tuple[int, int]]) -> None:
    edges: dict[tuple[int, int], bytes] = {}
    for one, other in places:
        index, size = min(one, other) - 1, max(one, other)
        assert inclusion_path(index, size, read, edges) == inclusion_path(index, size, read)
    assert all(root_of_leaves(LEAVES[start:end]) == root for (start, end), root in edges.items())


@given(st.data(), sizes)
def test_inclusion(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, read)
    root = root_hash(size, read)
    verify_inclusion(LEAVES[index], index, size, path, root)
    other = data.draw(
        st.integers(0, size - 1).filter(lambda n: n != index) if size > 1 else st.just(-1)
    )
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[index], other, size, path, root)
    if path:
        step, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
        wrong = int.from_bytes(path[step], "big") ^ 1 << bit
        path[step] = wrong.to_bytes(32, "big")
        with pytest.raises(InvalidProof):
            verify_inclusion(LEAVES[index], index, size, path, root)


@given(st.data(), sizes)
def test_consistency(data: st.DataObject, second: int) -> None:
    first = data.draw(st.integers(1, second))
    proof = consistency_proof(first, second, read)
    old, new = root_hash(first, read), root_hash(second, read)
    verify_consistency(first, second, proof, old, new)
    with pytest.raises(InvalidProof):
        verify_consistency(first, second, [*proof, bytes(32)], old, new)
    if first < second:
        with pytest.raises(InvalidProof):
            verify_consistency(first, second, proof[:-1], old, new)
        with pytest.raises(InvalidProof):
            verify_consistency(first, second, proof, new, new)


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(-5, 2**70),
    st.integers(-5, 2**70),
    st.lists(st.binary(min_size=32, max_size=32), max_size=80),
)
def test_nothing_made_up_is_accepted_nor_crashes(
    root: bytes, index: int, size: int, path: list[bytes]
) -> None:
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[0], index, size, path, root)
    with pytest.raises(InvalidProof):
        verify_consistency(index, size, path, LEAVES[0], root)


@given(st.integers(0, 10**18 - 1), st.integers(1, TILE_WIDTH), st.integers(0, 63))
def test_tile_path_round_trip(index: int, width: int, level: int) -> None:
    path = tile_path(level, index, width)
    head, number, *rest = path.split("/")
    assert (head, number) == ("tile", str(level))
    assert parse_tile_path(rest) == (index, width)


segment = st.from_regex(r"x?[0-9]{1,4}(\.p)?", fullmatch=True) | st.text(max_size=6)


@given(st.lists(segment, max_size=8))
def test_a_tile_has_one_path(segments: list[str]) -> None:
    try:
        index, width = parse_tile_path(segments)
    except InvalidEncoding:
        return
    assert tile_path(0, index, width).split("/")[2:] == segments
