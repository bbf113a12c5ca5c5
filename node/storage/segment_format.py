"""Segment files byte by byte: pure functions over what was read from one.

A file is a header of 16 bytes and then records, one behind the other, all numbers big-endian:

    header   ``EVS`` ‖ u8 format ‖ u32 segment number ‖ u32 bytes of the segment before it, 0 when
             that is not known ‖ u32 CRC-32 of those 12 bytes
    record   u32 length of the payload ‖ u32 CRC-32 of (length ‖ payload) ‖ payload

The size of the segment before shows when whole records have gone from its end. CRC-32 is the one of
zlib. A record of zeros is never valid: the CRC-32 of an empty payload's length is not zero. What a
crash can leave behind and what it cannot is told in `ports.Segments`.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from node.storage.ports import MAX_PAYLOAD

__all__ = [
    "FORMAT",
    "HEADER_BYTES",
    "RECORD_HEADER_BYTES",
    "SegmentHeader",
    "damage_of",
    "decode_header",
    "encode_header",
    "encode_record_header",
    "payload_length",
    "payload_of",
    "record_end",
    "segment_is_full",
]

FORMAT = 1
HEADER_BYTES = 16
RECORD_HEADER_BYTES = 8

_MAGIC = b"EVS"
_SECTOR = 512
_LEAST_GAP = 16
"""Fewer zeros than this at a record's edge can be data."""


class SegmentHeader(NamedTuple):
    """What a file's header says; ``previous_bytes`` is the size of the segment before, or 0."""

    version: int
    segment: int
    previous_bytes: int


def encode_header(segment: int, previous_bytes: int) -> bytes:
    """The file header of segment number ``segment``."""
    fields = struct.pack(">3sBII", _MAGIC, FORMAT, segment, previous_bytes)
    return fields + struct.pack(">I", zlib.crc32(fields))


def decode_header(data: bytes) -> SegmentHeader | None:
    """What a header says, or None when ``data`` is not a whole one."""
    if len(data) != HEADER_BYTES or data[:3] != _MAGIC:
        return None
    version, segment, previous_bytes, checksum = struct.unpack(">BIII", data[3:])
    if zlib.crc32(data[:12]) != checksum:
        return None
    return SegmentHeader(version, segment, previous_bytes)


def _checksum(length: int, payload: bytes | memoryview) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack(">I", length)))


def encode_record_header(payload: bytes) -> bytes:
    """What stands in front of ``payload``."""
    return struct.pack(">II", len(payload), _checksum(len(payload), payload))


def record_end(offset: int, length: int) -> int:
    """Where the record of ``length`` bytes that begins at ``offset`` ends."""
    return offset + RECORD_HEADER_BYTES + length


def segment_is_full(end: int, length: int, max_bytes: int) -> bool:
    """Whether a record goes to a new segment, the present one ending at ``end``.

    A segment takes at least one record, however large.
    """
    return end > HEADER_BYTES and record_end(end, length) > max_bytes


def payload_of(record: bytes) -> bytes | None:
    """The payload of exactly one record, None when that is not what ``record`` is."""
    if len(record) < RECORD_HEADER_BYTES:
        return None
    length, checksum = struct.unpack_from(">II", record)
    payload = record[RECORD_HEADER_BYTES:]
    if length != len(payload) or length > MAX_PAYLOAD:
        return None
    return payload if _checksum(length, payload) == checksum else None


def payload_length(header: bytes) -> int:
    """The length that a record's header gives."""
    return int.from_bytes(header[:4], "big")


def damage_of(tail: bytes, offset: int) -> str | None:
    """What is wrong at the end of the last segment, where no whole record stands.

    Args:
        tail: the file from where the next record would begin to its end; not empty.
        offset: where in the file that is.

    Returns:
        None when a crash explains it (a torn tail), else the fault.
    """
    if len(tail) < RECORD_HEADER_BYTES or _all_zeros(tail):
        return None
    length, checksum = struct.unpack_from(">II", tail)
    body = memoryview(tail)[RECORD_HEADER_BYTES:]
    # First what only damage explains, since a payload may hold a sector of zeros by itself.
    for other in {length ^ 1 << bit for bit in range(32)} | {len(body)}:
        if other != length and other <= len(body) and _checksum(other, body[:other]) == checksum:
            return f"the record's length says {length}, and its checksum holds for {other}"
    if length > MAX_PAYLOAD:
        return f"the record's length says {length}, more than any record has"
    is_complete = length <= len(body)
    if is_complete and (_checksum(length, body[:length]) ^ checksum).bit_count() == 1:
        return "the record's checksum is off by one bit"
    if is_complete and not _has_gap(tail, record_end(0, length), offset % _SECTOR):
        return "the record's checksum does not hold"
    return None


def _all_zeros(data: bytes) -> bool:
    return data.count(0) == len(data)


def _has_gap(tail: bytes, end: int, phase: int) -> bool:
    """Whether some sector's share of the record ``tail[:end]`` was never written: all zeros.

    What a loss of power takes back it takes by whole blocks of the disk, so the zeros reach from
    the start of a sector to its end, or the file's. The record's first sector, which begins
    ``phase`` bytes before it, counts from the record on: before it stands what was there already.
    """
    first, last = 0, _SECTOR - phase
    while first < end:
        share = tail[first:last]
        if len(share) >= _LEAST_GAP and _all_zeros(share):
            return True
        first, last = last, last + _SECTOR
    return False
