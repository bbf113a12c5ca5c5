"""Parts of the state map give the same root as the map itself, however it is parted."""

from __future__ import annotations

from hashlib import sha256
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.statemap import key_hash, map_root, state_leaf
from node.core.statesubtree import prefix_of, root_of_slots, subtree_slot


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 4), st.integers(0, 1 << 32))
def test_any_parting_gives_the_root(count: int, depth: int, seed: int) -> None:
    state = {f"code/{seed}-{number}": str(number).encode() for number in range(count)}
    leaves = sorted(
        (key_hash(key), state_leaf(key_hash(key), sha256(value).digest()))
        for key, value in state.items()
    )
    slots = [
        (prefix, subtree_slot(list(part), depth))
        for prefix, part in groupby(leaves, lambda leaf: prefix_of(leaf[0], depth))
    ]
    assert root_of_slots(slots, depth) == map_root(state)
