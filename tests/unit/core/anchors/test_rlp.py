"""RLP by the examples of the Ethereum wiki, and every way of being not quite it."""

from __future__ import annotations

from typing import Any

import pytest

from node.core.anchors.rlp import (
    decode_rlp,
    encode_number,
    encode_rlp,
    read_bytes,
    read_items,
    read_number,
)
from node.core.errors import InvalidEncoding

LOREM = b"Lorem ipsum dolor sit amet, consectetur adipisicing elit"


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"dog", "83646f67"),
        ([b"cat", b"dog"], "c88363617483646f67"),
        (b"", "80"),
        ([], "c0"),
        (b"\x00", "00"),
        (b"\x0f", "0f"),
        (b"\x7f", "7f"),
        (b"\x80", "8180"),
        (b"\x04\x00", "820400"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (LOREM[:55], "b7" + LOREM[:55].hex()),
        (LOREM, "b838" + LOREM.hex()),
        ([LOREM], "f83ab838" + LOREM.hex()),
        (bytes(1024), "b90400" + bytes(1024).hex()),
    ],
)
def test_examples(item: Any, encoded: str) -> None:
    assert encode_rlp(item).hex() == encoded
    assert decode_rlp(bytes.fromhex(encoded), place="x") == item


@pytest.mark.parametrize(
    ("encoded", "rule"),
    [
        ("", "cut off"),
        ("83646f", "cut off"),
        ("c883636174836461", "cut off"),
        ("b8", "cut off"),
        ("b9ff", "cut off"),
        ("bfffffffffffffffff", "cut off"),
        ("ffffffffffffffffff", "cut off"),
        ("83646f6700", "1 bytes behind"),
        ("c0c0", "1 bytes behind"),
        ("8100", "shortest form"),
        ("817f", "shortest form"),
        ("b801ff", "shortest form"),
        ("b837" + "61" * 55, "shortest form"),
        ("b90038" + "61" * 56, "shortest form"),
        ("f800", "shortest form"),
        ("c28000ff", "1 bytes behind"),
        ("c18361", "cut off"),  # an item that reaches beyond its list
    ],
)
def test_what_is_no_rlp(encoded: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=f"^x: .*{rule}"):
        decode_rlp(bytes.fromhex(encoded), place="x")


def nested(levels: int) -> Any:
    item: Any = b""
    for _ in range(levels):
        item = [item]
    return item


def test_lists_nest_as_deep_as_allowed() -> None:
    assert decode_rlp(encode_rlp(nested(16)), place="x") == nested(16)
    with pytest.raises(InvalidEncoding, match="nested too deep"):
        decode_rlp(encode_rlp(nested(17)), place="x")
    assert decode_rlp(bytes.fromhex("c1c0"), place="x", max_depth=2) == [[]]
    with pytest.raises(InvalidEncoding, match="nested too deep"):
        decode_rlp(bytes.fromhex("c1c0"), place="x", max_depth=1)


def test_deep_nesting_is_refused_without_recursing_into_it() -> None:
    encoded = b""
    for _ in range(10_000):
        digits = len(encoded).to_bytes(3, "big")
        encoded = (b"\xfa" + digits if len(encoded) > 65_535 else _short(encoded)) + encoded
    with pytest.raises(InvalidEncoding, match="nested too deep"):
        decode_rlp(encoded, place="x")


def _short(content: bytes) -> bytes:
    if len(content) < 56:
        return bytes((0xC0 + len(content),))
    if len(content) < 256:
        return bytes((0xF8, len(content)))
    return b"\xf9" + len(content).to_bytes(2, "big")


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**64, 2**256 - 1])
def test_numbers_come_back(number: int) -> None:
    assert read_number(encode_number(number), "x", most=2**256 - 1) == number


@pytest.mark.parametrize("item", [b"\x00", b"\x00\x01", [], b"\x01" * 33])
def test_what_is_no_number(item: Any) -> None:
    with pytest.raises(InvalidEncoding, match="without leading zeros"):
        read_number(item, "x", most=2**300)


def test_numbers_are_bounded() -> None:
    with pytest.raises(InvalidEncoding, match="at most 255"):
        read_number(b"\x01\x00", "x", most=255)


@pytest.mark.parametrize("item", [b"ab", b"abcd", [b"a", b"b", b"c"]])
def test_bytes_have_their_length(item: Any) -> None:
    with pytest.raises(InvalidEncoding, match="must be 3 bytes"):
        read_bytes(item, "x", length=3)


@pytest.mark.parametrize("item", [b"ab", [b"a"], [b"a"] * 4])
def test_lists_have_their_length(item: Any) -> None:
    with pytest.raises(InvalidEncoding, match="list of 2 to 3 items"):
        read_items(item, "x", least=2, most=3)
