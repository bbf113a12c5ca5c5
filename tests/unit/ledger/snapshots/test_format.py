"""Metadata are read in one form only."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.core.errors import InvalidInput
from node.ledger.snapshots.format import MAX_CHUNKS, Manifest, decode_manifest

H = bytes(range(32))
GOOD = Manifest(1, "chain", H, 9, 3, H, H, H, 1, 1, 1, 2, [H] * 4)


def test_round_trip() -> None:
    assert decode_manifest(GOOD.encode()) == GOOD


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"genesis": b""},
        {"head": H[1:]},
        {"height": -1},
        {"height": 1 << 47},
        {"size": 0},
        {"depth": 5},
        {"depth": -1},
        {"headers": 0, "blocks": 2},
        {"blocks": -1, "headers": 3},
        {"values": 1, "blocks": 2},
        {"chunks": [H] * 3},
        {"chunks": [H, H, H, b""]},
        {"headers": MAX_CHUNKS, "chunks": [H] * (MAX_CHUNKS + 3)},
    ],
)
def test_metadata_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        decode_manifest(msgspec.structs.replace(GOOD, **changes).encode())


def test_other_bytes_are_refused() -> None:
    encoded = GOOD.encode()
    long_form = encoded[:1] + b"\xcc\x01" + encoded[2:]
    for bad in (b"", b"\xc0", encoded[:-1], encoded + b"\0", long_form, b"\xff" * 40):
        with pytest.raises(InvalidInput):
            decode_manifest(bad)
