"""Segment files byte by byte, and what of their damages a crash explains."""

from __future__ import annotations

import struct
import zlib

import pytest

from node.storage.ports import MAX_PAYLOAD
from node.storage.segment_format import (
    HEADER_BYTES,
    damage_of,
    decode_header,
    encode_header,
    encode_record_header,
    payload_of,
)

NO_ZEROS = bytes(range(1, 256)) * 20


def record(payload: bytes) -> bytes:
    return encode_record_header(payload) + payload


def flipped(data: bytes, byte: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[byte] ^= 1 << bit
    return bytes(changed)


def test_the_formats_bytes() -> None:
    header = bytes.fromhex("45565301 00000007 000003e8")
    assert encode_header(7, 1000) == header + struct.pack(">I", zlib.crc32(header))
    assert encode_record_header(b"abc") == bytes.fromhex("00000003") + struct.pack(
        ">I", zlib.crc32(b"\x00\x00\x00\x03abc")
    )


def test_a_header_tells_version_number_and_previous_size() -> None:
    assert decode_header(encode_header(7, 1000)) == (1, 7, 1000)


def test_any_bit_flipped_in_a_header_shows() -> None:
    header = encode_header(7, 1000)
    for byte in range(HEADER_BYTES):
        for bit in range(8):
            assert decode_header(flipped(header, byte, bit)) is None
    assert decode_header(header[:-1]) is None
    assert decode_header(bytes(16)) is None


def test_only_exactly_one_record_has_a_payload() -> None:
    whole = record(b"payload")
    assert payload_of(whole) == b"payload"
    assert payload_of(record(b"")) == b""
    assert payload_of(whole[:-1]) is None
    assert payload_of(whole + b"\x00") is None
    assert payload_of(whole[:7]) is None
    assert payload_of(bytes(8)) is None


@pytest.mark.parametrize("offset", [16, 500, 511, 512, 1000])
def test_every_truncation_is_a_torn_tail(offset: int) -> None:
    whole = record(NO_ZEROS[:1500])
    for length in range(1, len(whole)):
        assert damage_of(whole[:length], offset) is None


@pytest.mark.parametrize("offset", [16, 500, 511, 512, 1000])
@pytest.mark.parametrize("size", [0, 1, 40, 1500])
def test_every_flipped_bit_is_damage(offset: int, size: int) -> None:
    whole = record(NO_ZEROS[:size])
    for byte in range(len(whole)):
        for bit in range(8):
            assert damage_of(flipped(whole, byte, bit), offset), (byte, bit)


@pytest.mark.parametrize("behind", [1, 8, 100, 3000])
def test_a_flipped_bit_is_damage_whatever_follows(behind: int) -> None:
    tail = record(NO_ZEROS[:700]) + record(NO_ZEROS[:behind]) + bytes(600)
    for byte in range(708):
        assert damage_of(flipped(tail, byte, byte % 8), 16), byte


def test_a_length_that_lost_more_than_a_bit_shows_at_the_end_of_the_file() -> None:
    whole = record(NO_ZEROS[:300])
    for wrong in (301, 777, 5_000_000):
        changed = struct.pack(">I", wrong) + whole[4:]
        assert damage_of(changed, 16) == (
            f"the record's length says {wrong}, and its checksum holds for 300"
        )


def test_a_length_that_no_record_has_is_damage() -> None:
    tail = struct.pack(">II", MAX_PAYLOAD + 5, 99) + NO_ZEROS[:50]
    assert damage_of(tail, 16) == "the record's length says 67108869, more than any record has"


@pytest.mark.parametrize("size", [1, 7, 8, 9, 15, 16, 5000])
def test_zeros_to_the_end_are_a_torn_tail(size: int) -> None:
    assert damage_of(bytes(size), 700) is None


def test_a_sector_of_zeros_in_a_record_is_a_torn_tail() -> None:
    whole = record(NO_ZEROS[:3000])
    # The record begins 100 bytes into a sector: sectors are its bytes 412 to 924 and so on.
    for begin in range(412, 3008, 512):
        end = min(begin + 512, len(whole))
        torn = whole[:begin] + bytes(end - begin) + whole[end:]
        assert damage_of(torn, 100) is None
        if end < len(whole):
            assert damage_of(torn + record(b"good"), 100) is None


def test_zeros_at_a_records_end_are_damage_when_their_sector_goes_on() -> None:
    whole = record(NO_ZEROS[:3000])
    torn = whole[:2972] + bytes(36)
    assert damage_of(torn, 100) is None
    assert damage_of(torn + record(b"good"), 100) == "the record's checksum does not hold"


def test_zeros_from_the_records_start_to_its_sectors_end_are_a_torn_tail() -> None:
    whole = record(NO_ZEROS[:3000])
    assert damage_of(bytes(412) + whole[412:], 100) is None


def test_zeros_that_fill_no_sector_are_damage() -> None:
    whole = record(NO_ZEROS[:3000])
    for begin, end in ((411, 923), (413, 924), (412, 923), (600, 700)):
        assert damage_of(whole[:begin] + bytes(end - begin) + whole[end:], 100) == (
            "the record's checksum does not hold"
        )


def test_a_payload_with_zeros_does_not_hide_a_flipped_header() -> None:
    whole = record(NO_ZEROS[:100] + bytes(2000) + NO_ZEROS[:100])
    for byte in range(8):
        for bit in range(8):
            assert damage_of(flipped(whole, byte, bit), 16), (byte, bit)
