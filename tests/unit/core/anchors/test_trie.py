"""Proofs of Merkle-Patricia tries: made by another implementation, and taken apart by hand."""

from __future__ import annotations

import pytest
from trie.hexary import HexaryTrie

from node.core.anchors.keccak import keccak256
from node.core.anchors.rlp import RlpItem, decode_rlp, encode_rlp
from node.core.anchors.trie import verify_trie_value
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof

LONG = b"a value that is longer than a hash, so that its leaf is named by hash"


def tree_of(content: dict[bytes, bytes]) -> HexaryTrie:
    tree = HexaryTrie({})
    for key, value in content.items():
        tree[key] = value
    return tree


def proof_of(tree: HexaryTrie, key: bytes) -> list[bytes]:
    """The nodes that are named by hash; the others lie within those."""
    nodes = [encode_rlp(node) for node in tree.get_proof(key)]
    return [node for number, node in enumerate(nodes) if number == 0 or len(node) >= 32]


BRANCHING = {b"\x12\x34": LONG + b"1", b"\x12\x35": LONG + b"2", b"\x77\x77": LONG + b"3"}


@pytest.mark.parametrize("key", BRANCHING)
def test_a_value_under_branches_and_extensions(key: bytes) -> None:
    tree = tree_of(BRANCHING)
    value = verify_trie_value(tree.root_hash, key, proof_of(tree, key), "p")
    assert value == BRANCHING[key]


def test_a_single_leaf() -> None:
    tree = tree_of({b"\x12\x34": b"v"})
    assert verify_trie_value(tree.root_hash, b"\x12\x34", proof_of(tree, b"\x12\x34"), "p") == b"v"


def test_nodes_that_lie_within_others() -> None:
    content = {bytes((0x12, number)): bytes((number,)) for number in range(1, 20)}
    tree = tree_of(content)
    for key, value in content.items():
        proof = proof_of(tree, key)
        assert len(proof) < len(tree.get_proof(key))
        assert verify_trie_value(tree.root_hash, key, proof, "p") == value


def test_a_value_at_a_branch() -> None:
    tree = tree_of({b"\x12": LONG, b"\x12\x34": LONG + b"2", b"\x12\x54": LONG + b"3"})
    assert verify_trie_value(tree.root_hash, b"\x12", proof_of(tree, b"\x12"), "p") == LONG


@pytest.mark.parametrize("key", [b"\x12\x36", b"\x12\x44", b"\x77\x78", b"\x99\x99", b"\x12"])
def test_that_a_value_is_not_there_is_no_proof(key: bytes) -> None:
    tree = tree_of(BRANCHING)
    with pytest.raises(InvalidProof):
        verify_trie_value(tree.root_hash, key, proof_of(tree, key), "p")


def test_nodes_missing_added_or_swapped() -> None:
    tree, key = tree_of(BRANCHING), b"\x12\x34"
    proof = proof_of(tree, key)
    assert len(proof) >= 3
    wrong = [[], proof[:-1], proof[1:], [*proof, proof[-1]], [*proof, b""], proof[::-1]]
    wrong += [[proof[0], *proof], [proof[0], proof[0], *proof[1:]]]
    for one in wrong:
        with pytest.raises(InvalidProof, match=r"^p\[\d+\]: "):
            verify_trie_value(tree.root_hash, key, one, "p")


def test_every_byte_of_a_proof_counts() -> None:
    tree, key = tree_of(BRANCHING), b"\x12\x35"
    proof = proof_of(tree, key)
    for number, node in enumerate(proof):
        for position in range(len(node)):
            changed = bytearray(node)
            changed[position] ^= 1
            one = [*proof[:number], bytes(changed), *proof[number + 1 :]]
            with pytest.raises(InvalidInput):
                verify_trie_value(tree.root_hash, key, one, "p")


@pytest.mark.parametrize(
    ("node", "error", "rule"),
    [
        (b"bytes", InvalidEncoding, "must be an RLP list"),
        ([b"\x20"], InvalidEncoding, "must be an RLP list"),
        ([b"\x20", b"v", b"w"], InvalidEncoding, "2 or 17 items"),
        ([b""] * 18, InvalidEncoding, "must be an RLP list"),
        ([b"", b"v"], InvalidEncoding, "no part of a key"),
        ([[b"\x20"], b"v"], InvalidEncoding, "no part of a key"),
        ([b"\x40\x12", b"v"], InvalidEncoding, "hex-prefix"),
        ([b"\x21\x12", b"v"], InvalidEncoding, "hex-prefix"),
        ([b"\x20\x12", b""], InvalidProof, "no value"),
        ([b"\x20\x12", [b"v"]], InvalidProof, "no value"),
        ([b"\x20\x13", b"v"], InvalidProof, "another key"),
        ([b"\x20", b"v"], InvalidProof, "another key"),
        ([b"\x31\x12", b"v"], InvalidProof, "another key"),
        ([b"\x00", [b"\x20\x12", b"v"]], InvalidProof, "other keys"),
        ([b"\x00\x12\x34", [b"\x20", b"v"]], InvalidProof, "other keys"),
        ([b"\x11", b"short"], InvalidEncoding, "no hash"),
        ([b"\x11", b""], InvalidProof, "nothing under this key"),
        ([b""] * 17, InvalidProof, "nothing under this key"),
        ([b"\x00\x12", [b""] * 17], InvalidProof, "no value"),
    ],
)
def test_nodes_that_are_not_what_a_node_is(
    node: RlpItem, error: type[InvalidInput], rule: str
) -> None:
    raw = encode_rlp(node)
    with pytest.raises(error, match=rule):
        verify_trie_value(keccak256(raw), b"\x12", [raw], "p")


def test_a_leaf_by_hand() -> None:
    raw = encode_rlp([b"\x20\x12", b"v"])
    assert verify_trie_value(keccak256(raw), b"\x12", [raw], "p") == b"v"
    inner = encode_rlp([b"\x11", [b"\x32", b"v"]])
    assert verify_trie_value(keccak256(inner), b"\x12", [inner], "p") == b"v"
    assert decode_rlp(inner, place="x") == [b"\x11", [b"\x32", b"v"]]
