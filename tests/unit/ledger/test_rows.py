"""The rows of the ledger's store: what goes in comes out."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from builders.events import case_sub
from builders.ledger import LedgerBench
from builders.signing import BlockSigner, validator_set

from node.core.block import FLAG_ABSENT, CommitSignature, Timestamp
from node.ledger.rows import (
    BLOCK,
    BlockRow,
    EntriesRow,
    Meta,
    decode_block_row,
    decode_entries_row,
    decode_kept,
    decode_meta,
    decode_validators,
    decode_value_row,
    encode_kept,
    encode_row,
    encode_validators,
    encode_value_row,
    node_key,
    number_key,
    tile_key,
)


def test_rows_come_back() -> None:
    meta = Meta("chain", 9, 2**41, 7, b"r" * 32, b"s" * 32, b"a" * 32, 8, (1, 16, 500))
    assert decode_meta(encode_row(meta)) == meta
    block = BlockRow(9, 1, 3, 7, b"r", b"s", b"a", (1, 2, 3), [(4, 5), (6, 7)], [b"\x00", b"\x01"])
    assert decode_block_row(encode_row(block)) == block
    empty = BlockRow(9, 1, 3, 7, b"r", b"s", b"a", None, [], [])
    assert decode_block_row(encode_row(empty)) == empty
    entries = EntriesRow(9, 1, (1, 2, 3), (4, 5), [0, 2], [10**13 - 1, 0], [1, 2], [0, 3], [b"{}"])
    assert decode_entries_row(encode_row(entries)) == entries


@pytest.mark.parametrize("decode", [decode_meta, decode_block_row, decode_entries_row])
@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x90", b"\x91\x01", b"\x80"])
def test_damaged_rows_do_not_pass_for_others(decode: object, data: bytes) -> None:
    assert callable(decode)
    with pytest.raises(msgspec.DecodeError):
        decode(data)


def test_headers_and_commits_come_back(bench: LedgerBench) -> None:
    bench.record("signing.initiated", case_sub())
    with bench.reader() as reader:
        for height in (1, 2):
            header, commit = reader.need_kept(height)
            assert decode_kept(encode_kept(header, commit)) == (header, commit)
            assert decode_kept(encode_kept(header, None)) == (header, None)
            found = decode_kept(encode_kept(header, commit))[0]
            assert found.hash() == header.hash()
            absent = CommitSignature(FLAG_ABSENT, b"", Timestamp(0), b"")
            more = replace(commit, round=3, signatures=(*commit.signatures, absent))
            assert decode_kept(encode_kept(header, more)) == (header, more)


def test_validators_keep_their_order() -> None:
    members = validator_set(BlockSigner(f"v{n}", power=10 + n % 2) for n in range(5))
    assert decode_validators(encode_validators(members)) == members
    assert decode_validators(encode_validators(members)).hash() == members.hash()


@pytest.mark.parametrize("key", ["a", "seal/" + "x" * 64, "k" * 300])
def test_values_stand_behind_their_keys(key: str) -> None:
    for value in (b"{}", b"", b"\x00\xff"):
        assert decode_value_row(encode_value_row(key, value)) == (key, value)


def test_keys_lie_in_the_order_of_their_numbers() -> None:
    numbers = [0, 1, 255, 256, 65_535, 65_536, 2**40, 2**48 - 1]
    assert sorted(number_key(BLOCK, n) for n in numbers) == [number_key(BLOCK, n) for n in numbers]
    assert sorted(tile_key(1, n) for n in numbers) == [tile_key(1, n) for n in numbers]
    with pytest.raises(OverflowError):
        number_key(BLOCK, 2**48)


def test_every_node_has_a_key_of_its_own() -> None:
    """A node's number is 1 and the nibbles of its prefix: prefixes of an odd and an even length
    must not fall together."""
    prefixes = ["", "0", "00", "000", "1", "10", "100", "01", "f", "f0", "0f", "00f0", "00f"]
    keys = [node_key(int("1" + prefix, 16)) for prefix in prefixes]
    assert len(set(keys)) == len(keys)
    assert node_key(1) == b"n\x00"
    assert node_key(0x1A) == b"n\x01\xa0"
    assert node_key(0x1AB) == b"n\x02\xab"
    assert node_key(0x1ABC) == b"n\x03\xab\xc0"
    assert len(node_key(int("1" + "f" * 63, 16))) == 2 + 32
