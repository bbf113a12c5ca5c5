from __future__ import annotations

import hashlib

import pytest

from node.core.apphash import APP_HASH_TAG, app_hash


def test_by_hand() -> None:
    material = (
        b"evidence-ledger/app/1" + b"\x00\x00\x00\x00\x00\x00\x01\x02" + b"l" * 32 + b"s" * 32
    )
    assert APP_HASH_TAG == b"evidence-ledger/app/1"
    assert app_hash(258, b"l" * 32, b"s" * 32) == hashlib.sha256(material).digest()


def test_every_part_counts() -> None:
    one = app_hash(1, b"l" * 32, b"s" * 32)
    assert len({one, app_hash(2, b"l" * 32, b"s" * 32), app_hash(1, b"s" * 32, b"l" * 32)}) == 3


def test_size_fills_64_bits_and_no_more() -> None:
    app_hash(2**64 - 1, bytes(32), bytes(32))
    with pytest.raises(OverflowError):
        app_hash(2**64, bytes(32), bytes(32))
