"""The state tree against the definition of its root, through any history of a node's life."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from node.core.errors import InvalidProof
from node.core.statemap import (
    EMPTY_STATE,
    key_hash,
    map_root,
    nibble,
    state_node,
    verify_state_proof,
)
from node.core.statetree import Node, StateTree, decode_node, encode_node

BASE = hashlib.sha256(b"base").digest()


def sharing(nibbles: int, number: int) -> bytes:
    """A key hash that shares its first ``nibbles`` with BASE."""
    own = hashlib.sha256(b"own %d" % number).hexdigest()
    text = BASE.hex()[:nibbles] + own[nibbles:]
    return bytes.fromhex(text)


KEYS = sorted(
    {
        BASE,
        *(hashlib.sha256(b"key %d" % number).digest() for number in range(12)),
        *(sharing(nibbles, nibbles) for nibbles in (1, 2, 3, 7, 8, 31, 32, 33, 62)),
        *(bytes((*BASE[:-1], BASE[-1] ^ flip)) for flip in (1, 2, 0x10, 0x80)),
        bytes(32),
        b"\xff" * 32,
    }
)
leaf_hashes = st.integers(0, 5).map(lambda number: hashlib.sha256(b"leaf %d" % number).digest())
changes = st.dictionaries(st.sampled_from(KEYS), st.none() | leaf_hashes, max_size=12)


def defined_root(leaves: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """The root by definition, over key hashes."""
    if not leaves:
        return EMPTY_STATE
    if len(leaves) == 1:
        return next(iter(leaves.values()))
    bitmap, children = 0, b""
    for digit in range(16):
        below = {key: leaf for key, leaf in leaves.items() if nibble(key, depth) == digit}
        if below:
            bitmap |= 1 << digit
            children += defined_root(below, depth + 1)
    return state_node(bitmap, children)


class NodeLife(RuleBasedStateMachine):
    """Blocks, late writes, evictions and crashes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[int, bytes] = {}
        self.tree = StateTree(self.read)
        self.now: dict[bytes, bytes] = {}
        self.taken: list[tuple[dict[int, Node | None], dict[bytes, bytes]]] = []
        self.durable: dict[bytes, bytes] = {}
        self.changed: dict[int, Node | None] = {}

    def read(self, number: int) -> Node | None:
        data = self.stored.get(number)
        return None if data is None else decode_node(data)

    @rule(block=changes)
    def update(self, block: dict[bytes, bytes | None]) -> None:
        for key, leaf in block.items():
            if leaf is None:
                self.now.pop(key, None)
            else:
                self.now[key] = leaf
        assert self.tree.update(block.items()) == defined_root(self.now)

    @rule()
    def take_changed(self) -> None:
        self.changed.update(self.tree.take_changed())
        assert self.tree.take_changed() == {}

    @rule()
    def take(self) -> None:
        """What changed block by block is, in all, what is dirty in the end."""
        self.changed.update(self.tree.take_changed())
        assert self.tree.dirty_count == len(self.changed)
        dirty = self.tree.take_dirty()
        assert dirty == self.changed
        assert self.tree.dirty_count == 0
        self.taken.append((dirty, dict(self.now)))
        self.changed = {}

    @rule()
    def write(self) -> None:
        if not self.taken:
            return
        dirty, self.durable = self.taken.pop(0)
        for number, node in dirty.items():
            if node is None:
                self.stored.pop(number, None)
            else:
                self.stored[number] = encode_node(node)
        self.tree.written(dirty)

    @rule(keep=st.integers(0, 6))
    def evict(self, keep: int) -> None:
        self.tree.evict(keep)

    @rule()
    def crash(self) -> None:
        self.tree = StateTree(self.read)
        self.now, self.taken, self.changed = dict(self.durable), [], {}

    @rule()
    def look_for_all_keys(self) -> None:
        assert {key for key in KEYS if self.tree.holds(key)} == set(self.now)

    @invariant()
    def root_is_the_defined_one(self) -> None:
        assert self.tree.root == defined_root(self.now)

    @invariant()
    def what_is_stored_is_the_canonical_shape(self) -> None:
        nodes: dict[int, Node] = {}
        fresh = StateTree(nodes.get)
        fresh.update(self.durable.items())
        want = fresh.take_dirty()
        assert self.stored == {number: encode_node(node) for number, node in want.items() if node}


TestNodeLife = NodeLife.TestCase
TestNodeLife.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


keys = st.integers(0, 60).map(lambda number: f"dossier/{number}")
states = st.dictionaries(keys, st.binary(max_size=3), max_size=25)


@settings(max_examples=60)
@given(states, states)
def test_proofs_of_all_keys_after_any_history(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    from builders.chain import state_proof, state_tree

    from node.core.statemap import state_leaf

    tree = state_tree(before)
    tree.update(
        (
            key_hash(key),
            state_leaf(key_hash(key), hashlib.sha256(after[key]).digest())
            if key in after
            else None,
        )
        for key in {*before, *after}
    )
    root = map_root(after)
    assert tree.root == root
    for number in range(61):
        key = f"dossier/{number}"
        proof = state_proof(after, key, tree)
        verify_state_proof(proof, root)
        assert proof.value == after.get(key)
        if before != after:
            try:
                verify_state_proof(proof, map_root(before))
            except InvalidProof:
                continue
            raise AssertionError("a proof holds under the root of another map")
