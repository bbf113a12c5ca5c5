"""SM2 and SM3 in pure Python, against GB/T's own examples and against gmssl."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import gmssl_pyx
import pytest

from node.core.anchors.key_forms import raw_signature
from node.core.anchors.sm2 import SM2_USER_ID, check_sm2_point, verify_sm2
from node.core.anchors.sm3 import sm3, sm3_in_python
from node.core.errors import InvalidSignature

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        # GB/T 32905-2016, A.1 and A.2
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_examples_of_the_standard(message: bytes, digest: str) -> None:
    assert sm3(message).hex() == digest
    assert sm3_in_python(message).hex() == digest


@pytest.mark.parametrize("length", [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 1000])
def test_sm3_agrees_with_gmssl_at_every_padding(length: int) -> None:
    message = os.urandom(length)
    assert sm3_in_python(message) == gmssl_pyx.sm3_hash(message)


def test_sm3_needs_no_hashlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose OpenSSL has been built without it."""

    def without(name: str, data: bytes) -> Any:
        raise ValueError(f"unsupported hash type {name}")

    expected = sm3(b"message")
    monkeypatch.setattr(hashlib, "new", without)
    assert sm3(b"message") == expected


def signed(message: bytes, user_id: bytes = SM2_USER_ID) -> tuple[bytes, bytes]:
    public, private = gmssl_pyx.sm2_key_generate()
    der = gmssl_pyx.sm2_sign(private, public, message, user_id)
    return public, raw_signature(der, place="signature")


def test_sm2_accepts_what_gmssl_signs() -> None:
    for length in range(0, 200, 40):
        message = os.urandom(length)
        public, signature = signed(message)
        verify_sm2(public, message, signature)


def test_sm2_has_the_user_id_under_the_signature() -> None:
    public, signature = signed(b"m", b"ALICE123@YAHOO.COM")
    verify_sm2(public, b"m", signature, user_id=b"ALICE123@YAHOO.COM")
    with pytest.raises(InvalidSignature, match="does not hold"):
        verify_sm2(public, b"m", signature)
    with pytest.raises(InvalidSignature, match="8191"):
        verify_sm2(public, b"m", signature, user_id=bytes(8192))


def test_sm2_refuses_every_flipped_bit_of_the_signature() -> None:
    public, signature = signed(b"message")
    for position in range(0, 512, 7):
        bad = bytearray(signature)
        bad[position // 8] ^= 1 << position % 8
        with pytest.raises(InvalidSignature):
            verify_sm2(public, b"message", bytes(bad))


def test_sm2_refuses_r_and_s_out_of_range() -> None:
    public, signature = signed(b"message")
    r, s = signature[:32], signature[32:]
    zero, order = bytes(32), ORDER.to_bytes(32, "big")
    opposite = (ORDER - int.from_bytes(r, "big")).to_bytes(32, "big")  # r + s = 0 mod n
    for bad in (zero + s, r + zero, order + s, r + order, r + opposite):
        with pytest.raises(InvalidSignature):
            verify_sm2(public, b"message", bad)


def test_sm2_refuses_keys_off_the_curve_and_other_lengths() -> None:
    public, signature = signed(b"message")
    off = public[:-1] + bytes([public[-1] ^ 1])
    with pytest.raises(InvalidSignature, match="not on the curve"):
        verify_sm2(off, b"message", signature)
    for key, value in ((public[:-1], signature), (public, signature + b"\x00")):
        with pytest.raises(InvalidSignature, match="64 bytes"):
            verify_sm2(key, b"message", value)
    with pytest.raises(InvalidSignature, match="key"):
        check_sm2_point(0, 0, place="key")
