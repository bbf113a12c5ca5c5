from __future__ import annotations

import hashlib

import pytest
from eth_utils.crypto import keccak

from node.core.anchors.keccak import keccak256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"\x80", "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
        (b"\xc0", "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"),
    ],
    ids=["nothing", "abc", "empty trie", "empty list"],
)
def test_known_digests(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest


@pytest.mark.parametrize("length", [*range(131, 140), 271, 272, 273, 1000])
def test_lengths_around_a_block_are_padded_as_another_implementation_does(length: int) -> None:
    data = bytes(number % 251 for number in range(length))
    assert keccak256(data) == keccak(data)


def test_it_is_not_sha3() -> None:
    assert keccak256(b"abc") != hashlib.sha3_256(b"abc").digest()
