"""Keccak-256, RLP and trie proofs held against other implementations, and against noise."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rlp
from builders.evm_vectors import VECTORS
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from rlp.exceptions import RLPException
from trie.hexary import HexaryTrie

from node.core.anchors.evm import verify_evm
from node.core.anchors.keccak import keccak256
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rlp import decode_rlp, encode_number, encode_rlp
from node.core.anchors.trie import verify_trie_value
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

FILE = json.loads(VECTORS.read_bytes())
TRUST = Trust("test-ledger", bytes(32), anchors=(FILE["chain"],))
BACKEND = load_backend()

items = st.recursive(
    st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5), max_leaves=12
)


@given(st.binary(max_size=600))
def test_keccak_is_that_of_others(data: bytes) -> None:
    assert keccak256(data) == keccak(data)


@given(items)
def test_rlp_is_that_of_others_and_comes_back(item: Any) -> None:
    encoded = encode_rlp(item)
    assert encoded == rlp.encode(item)
    assert decode_rlp(encoded, place="x") == item


@given(st.integers(0, 2**256))
def test_numbers_are_those_of_others(number: int) -> None:
    assert encode_rlp(encode_number(number)) == rlp.encode(number)


@given(st.one_of(st.binary(max_size=70), items.map(encode_rlp)), st.data())
def test_rlp_takes_what_others_take_and_only_its_own_encodings(
    data: bytes, draw: st.DataObject
) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 2))):
        if changed:
            changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    try:
        decoded = decode_rlp(bytes(changed), place="x")
    except InvalidEncoding:
        with pytest.raises(RLPException):
            rlp.decode(bytes(changed), strict=True)
        return
    assert encode_rlp(decoded) == bytes(changed)
    assert rlp.decode(bytes(changed), strict=True) == decoded


contents = st.dictionaries(
    st.binary(min_size=2, max_size=4), st.binary(min_size=1, max_size=40), min_size=1, max_size=25
)


@settings(max_examples=40)
@given(contents, st.data())
def test_trie_proofs_are_those_of_others(content: dict[bytes, bytes], draw: st.DataObject) -> None:
    tree = HexaryTrie({})
    for key, value in content.items():
        tree[key] = value
    key = draw.draw(st.one_of(st.sampled_from(sorted(content)), st.binary(max_size=5)))
    nodes = [encode_rlp(node) for node in tree.get_proof(key)]
    proof = [node for number, node in enumerate(nodes) if number == 0 or len(node) >= 32]
    if key not in content:
        with pytest.raises(InvalidProof):
            verify_trie_value(tree.root_hash, key, proof, "p")
        return
    assert verify_trie_value(tree.root_hash, key, proof, "p") == content[key]
    number = draw.draw(st.integers(0, len(proof) - 1))
    position = draw.draw(st.integers(0, len(proof[number]) - 1))
    changed = bytearray(proof[number])
    changed[position] ^= draw.draw(st.integers(1, 255))
    proof[number] = bytes(changed)
    with pytest.raises(InvalidInput):
        verify_trie_value(tree.root_hash, key, proof, "p")


noise = st.recursive(
    st.one_of(st.integers(-2, 2**60), st.text(max_size=8), st.binary(max_size=40).map(bytes.hex)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.sampled_from(FILE["anchors"]), noise, st.data())
def test_receipts_with_noise_in_them_raise_what_they_should(
    one: dict[str, Any], value: Any, draw: st.DataObject
) -> None:
    item = json.loads(json.dumps(one["item"]))
    receipt = item["receipt"]
    name = draw.draw(st.sampled_from(sorted(receipt)))
    if isinstance(receipt[name], list) and draw.draw(st.booleans()):
        receipt[name][draw.draw(st.integers(0, len(receipt[name]) - 1))] = value
    else:
        receipt[name] = value
    if receipt == one["item"]["receipt"]:
        return
    with pytest.raises((InvalidInput, NotChecked)):
        verify_evm(receipt, AnchorPoint.from_json(item["point"]), TRUST, BACKEND, "r")
