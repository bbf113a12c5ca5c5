"""Keys and signatures as others write them: one encoding of each value."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from node.core.anchors.key_forms import (
    TEXT_FORMS,
    decode_base64,
    raw_signature,
    read_p256_spki,
    read_text_form,
    spki_of_p256,
    write_text_form,
)
from node.core.errors import InvalidEncoding, InvalidSignature

SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("r", "s"), [(1, 1), (127, 128), (255, 256), (2**255, 2**256 - 1), (2**248 - 1, 3)]
)
def test_der_signatures_are_read_as_cryptography_writes_them(r: int, s: int) -> None:
    raw = raw_signature(encode_dss_signature(r, s), place="x")
    assert raw == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.mark.parametrize(
    "der",
    [
        "",
        "3006020101020101" + "00",  # a byte behind it
        "300702020001020101",  # padded r
        "3006020181020101",  # negative r
        "308106020101020101",  # length in the long form
        "3009020101020101020101",  # three integers
        "3003020101",  # one
        "3006020101040101",  # an octet string
        "30080204010101010201" + "01"[:0],  # cut off
        "3027" + "0222" + "01" + "00" * 33 + "020101",  # beyond 256 bits
        "3006020101020201",  # length beyond the end
    ],
)
def test_der_of_another_form_is_refused(der: str) -> None:
    with pytest.raises(InvalidSignature, match=r"^x: "):
        raw_signature(bytes.fromhex(der), place="x")


def test_der_with_any_byte_changed_is_refused_or_another_pair() -> None:
    der = encode_dss_signature(2**250 + 12345, 2**249 + 777)
    for position in range(len(der)):
        for flip in (1, 0x80, 0xFF):
            bad = bytearray(der)
            bad[position] ^= flip
            try:
                raw = raw_signature(bytes(bad), place="x")
            except InvalidSignature:
                continue
            assert raw != raw_signature(der, place="x")
            # What is accepted is DER: it is written back the same.
            assert encode_dss_signature(*decode_dss_signature(bytes(bad))) == bytes(bad)


def test_spki_of_p256_goes_both_ways() -> None:
    der = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*SPKI)
    assert spki_of_p256(read_p256_spki(der, place="key")) == der


def test_spki_of_another_curve_or_off_it_is_refused() -> None:
    der = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*SPKI)
    other = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(*SPKI)
    for bad in (other, der + b"\x00", der[:-1], der[:-1] + bytes([der[-1] ^ 1]), b""):
        with pytest.raises(InvalidSignature):
            read_p256_spki(bad, place="key")


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_text_forms_go_both_ways(form: str) -> None:
    data = bytes(range(200, 256)) + b"\x00"
    assert read_text_form(write_text_form(data, form), form, place="x") == data


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("AB", "hex"),
        ("ab", "HEX"),
        ("aB", "HEX"),
        ("abc", "hex"),
        ("QQ", "base64"),
        ("QR==", "base64"),
        ("QQ==\n", "base64"),
        ("QQ==", "base64url"),
        ("Qß==", "base64"),
        ("-_", "base64"),
    ],
)
def test_a_second_way_to_write_bytes_is_refused(text: str, form: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"^x: "):
        read_text_form(text, form, place="x")


def test_base64_is_canonical() -> None:
    assert decode_base64("", place="x") == b""
    with pytest.raises(InvalidEncoding, match="canonical"):
        decode_base64("QR==", place="x")
