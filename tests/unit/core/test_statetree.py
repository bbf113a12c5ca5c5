from __future__ import annotations

import hashlib
import random

import pytest

from node.core.errors import InvalidEncoding, LedgerFault
from node.core.statemap import EMPTY_STATE, state_node
from node.core.statetree import Node, StateTree, decode_node, encode_node

KEYS = [hashlib.sha256(b"key %d" % number).digest() for number in range(300)]
LEAVES = [hashlib.sha256(b"leaf %d" % number).digest() for number in range(300)]
ALL = list(zip(KEYS, LEAVES))


class Stored:
    """Nodes as a store would keep them: encoded, and read back one by one."""

    def __init__(self) -> None:
        self.nodes: dict[int, bytes] = {}
        self.reads = 0

    def read(self, number: int) -> Node | None:
        self.reads += 1
        data = self.nodes.get(number)
        return None if data is None else decode_node(data)

    def write(self, tree: StateTree) -> None:
        dirty = tree.take_dirty()
        self.put(dirty)
        tree.written(dirty)

    def put(self, dirty: dict[int, Node | None]) -> None:
        for number, node in dirty.items():
            if node is None:
                self.nodes.pop(number, None)
            else:
                self.nodes[number] = encode_node(node)


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def tree(stored: Stored) -> StateTree:
    return StateTree(stored.read)


def fresh(leaves: list[tuple[bytes, bytes]]) -> tuple[bytes, dict[int, bytes]]:
    """Root and stored nodes of a tree made of these leaves at once."""
    stored = Stored()
    tree = StateTree(stored.read)
    root = tree.update(leaves)
    stored.write(tree)
    return root, stored.nodes


def test_empty(tree: StateTree) -> None:
    assert tree.root == EMPTY_STATE
    assert tree.update([]) == EMPTY_STATE
    assert tree.update([(KEYS[0], None)]) == EMPTY_STATE
    assert tree.dirty_count == 0


def test_one_leaf_is_the_root(tree: StateTree, stored: Stored) -> None:
    assert tree.update([ALL[0]]) == LEAVES[0]
    stored.write(tree)
    assert StateTree(stored.read).root == LEAVES[0]


def test_removing_the_last_leaf_leaves_nothing(tree: StateTree, stored: Stored) -> None:
    tree.update(ALL[:3])
    stored.write(tree)
    assert tree.update([(key, None) for key in KEYS[:3]]) == EMPTY_STATE
    stored.write(tree)
    assert stored.nodes == {}
    assert StateTree(stored.read).root == EMPTY_STATE


def test_shape_follows_from_the_keys_alone(tree: StateTree, stored: Stored) -> None:
    order = random.Random(7)
    for _ in range(40):
        some = order.sample(ALL, 60)
        tree.update([(key, None if order.random() < 0.5 else leaf) for key, leaf in some])
        if order.random() < 0.5:
            stored.write(tree)
    tree.update([(key, None) for key in KEYS[100:]] + ALL[:100])
    stored.write(tree)
    assert (tree.root, stored.nodes) == fresh(ALL[:100])


def test_order_of_changes_does_not_matter(tree: StateTree) -> None:
    assert tree.update(reversed(ALL)) == fresh(ALL)[0]


def test_same_leaf_again_changes_nothing(tree: StateTree) -> None:
    root = tree.update(ALL)
    assert tree.update(ALL[5:9]) == root


def test_removing_what_is_not_there_changes_nothing(tree: StateTree) -> None:
    root = tree.update(ALL[:200])
    assert tree.update([(key, None) for key in KEYS[200:]]) == root


def test_deep_twins_make_a_chain_and_collapse_again(tree: StateTree, stored: Stored) -> None:
    twin = bytes((*KEYS[0][:-1], KEYS[0][-1] ^ 1))
    tree.update([ALL[0], (twin, LEAVES[1])])
    stored.write(tree)
    assert len(stored.nodes) == 64, "one inner node a shared nibble, and the root"
    digits = [KEYS[0][depth >> 1] >> (0 if depth & 1 else 4) & 15 for depth in range(64)]
    low, high = sorted([(KEYS[0], LEAVES[0]), (twin, LEAVES[1])])
    want = state_node(1 << (low[0][-1] & 15) | 1 << (high[0][-1] & 15), low[1] + high[1])
    for digit in reversed(digits[:63]):
        want = state_node(1 << digit, want)
    assert tree.root == want
    tree.update([(twin, None)])
    stored.write(tree)
    assert tree.root == LEAVES[0]
    assert (tree.root, stored.nodes) == fresh([ALL[0]])


def test_reload_reads_only_the_way_down(tree: StateTree, stored: Stored) -> None:
    tree.update(ALL)
    stored.write(tree)
    again = StateTree(stored.read)
    stored.reads = 0
    leaf = hashlib.sha256(b"new").digest()
    root = again.update([(KEYS[3], leaf)])
    assert 1 <= stored.reads <= 5
    assert root == fresh([*ALL[:3], (KEYS[3], leaf), *ALL[4:]])[0]


def test_evicted_nodes_are_read_again_and_unwritten_ones_stay(
    tree: StateTree, stored: Stored
) -> None:
    tree.update(ALL[:100])
    stored.write(tree)
    tree.update(ALL[100:150])
    tree.evict(0)
    root = tree.root
    assert root == fresh(ALL[:150])[0]
    taken = tree.take_dirty()
    tree.update(ALL[150:200])
    tree.evict(0)
    assert tree.root == fresh(ALL[:200])[0], "nodes being written are still readable"
    stored.put(taken)
    tree.written(taken)
    tree.evict(0)
    assert tree.root == fresh(ALL[:200])[0]
    stored.write(tree)
    assert (StateTree(stored.read).root, stored.nodes) == fresh(ALL[:200])


def test_a_node_removed_and_not_yet_written_stays_removed(tree: StateTree, stored: Stored) -> None:
    tree.update(ALL)
    stored.write(tree)
    tree.evict(0)
    tree.update([(key, None) for key in KEYS[1:]])
    taken = tree.take_dirty()
    assert any(node is None for node in taken.values())
    assert tree.update(ALL[1:50]) == fresh(ALL[:50])[0]
    stored.put(taken)
    tree.written(taken)
    stored.write(tree)
    assert (tree.root, stored.nodes) == fresh(ALL[:50])


def test_eviction_keeps_as_many_as_it_is_told(tree: StateTree, stored: Stored) -> None:
    tree.update(ALL)
    stored.write(tree)
    tree.evict(1000)
    stored.reads = 0
    tree.update(ALL)
    assert stored.reads == 0
    stored.write(tree)
    tree.evict(5)
    stored.reads = 0
    tree.update(ALL)
    assert stored.reads == len(stored.nodes)
    stored.write(tree)
    tree.evict(len(ALL))
    tree.update([ALL[0]])
    used = stored.reads
    tree.evict(2)
    tree.evict(2)
    tree.update([ALL[0]])
    assert stored.reads == used, "what was used since is kept"


def test_a_missing_node_stops_the_node(tree: StateTree, stored: Stored) -> None:
    tree.update(ALL)
    stored.write(tree)
    lost = next(number for number in stored.nodes if number != 1)
    del stored.nodes[lost]
    again = StateTree(stored.read)
    with pytest.raises(LedgerFault, match=f"node {lost:x} is missing"):
        again.update(ALL)


def test_dirty_nodes_are_counted_and_handed_over_once(tree: StateTree) -> None:
    tree.update(ALL)
    count = tree.dirty_count
    dirty = tree.take_dirty()
    assert len(dirty) == count > 1
    assert tree.dirty_count == 0
    assert tree.take_dirty() == {}


def test_node_encoding_by_hand() -> None:
    node = (0b1010, 0b1000, b"a" * 32 + b"b" * 32, b"k" * 32)
    data = b"\x00\x0a\x00\x08" + b"a" * 32 + b"b" * 32 + b"k" * 32
    assert encode_node(node) == data
    assert decode_node(data) == node


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x01\x00",
        b"\x00\x00\x00\x00",
        b"\x00\x01\x00\x00" + bytes(31),
        b"\x00\x01\x00\x00" + bytes(33),
        b"\x00\x01\x00\x01" + bytes(32),
        b"\x00\x01\x00\x02" + bytes(64),
        b"\x00\x01\x00\x00" + bytes(64),
    ],
    ids=lambda data: f"{len(data)} bytes {data[:4].hex()}",
)
def test_impossible_nodes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        decode_node(data)
    assert refused.value.place == "state node"
