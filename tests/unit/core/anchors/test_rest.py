"""Receipts of REST services: what passes, what does not, and what is said of it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import Any

import pytest
from builders.judicial_service import SERVICE_KEY
from builders.judicial_setup import OPERATOR, point_of
from builders.rest_receipts import (
    TIME,
    entry_of,
    rest_receipt,
    rsa_public,
    signature_over,
    signed_text,
    trusting,
)

from node.core.anchors.key_forms import spki_of_p256
from node.core.anchors.rest import verify_rest
from node.core.anchors.rest_entry import decode_service_entry
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidInput, InvalidProof, InvalidSignature
from node.core.signatures import Backend, PublicJwk, load_backend
from node.core.verify_case import NotChecked

ALGORITHMS = ("ecdsa-p256-sha256", "rsa-pkcs1-sha256", "sm2-sm3")


@pytest.fixture(params=["cryptography", "ecdsa"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


@pytest.mark.parametrize(
    ("algorithm", "form"),
    [
        ("ecdsa-p256-sha256", "der"),
        ("ecdsa-p256-sha256", "raw"),
        ("rsa-pkcs1-sha256", "raw"),
        ("sm2-sm3", "der"),
        ("sm2-sm3", "raw"),
    ],
)
def test_a_signed_answer_vouches(algorithm: str, form: str, backend: Backend) -> None:
    trust = trusting(entry_of(algorithm, form=form))
    receipt = rest_receipt(algorithm=algorithm, form=form)
    vouched = verify_rest(receipt, point_of(), trust, backend, "receipt")
    assert (vouched.by, vouched.time) == (OPERATOR, TIME)
    assert vouched.where == "court SF1"
    assert "is its own word" in vouched.how
    assert "自身陈述" in vouched.how_zh


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_receipt_with_a_byte_changed_is_accepted(algorithm: str) -> None:
    """Every byte of its JSON, through three changes each."""
    backend = load_backend("cryptography")
    trust, point = trusting(entry_of(algorithm)), point_of()
    data = canonical_json(rest_receipt(algorithm=algorithm))

    def check(raw: bytes) -> None:
        value = decode_json_object(raw, place="receipt", max_bytes=1 << 20)
        verify_rest(value, point, trust, backend, "receipt")

    check(data)
    for position in range(len(data)):
        for flip in (0x01, 0x20, 0x80):
            bad = bytearray(data)
            bad[position] ^= flip
            with pytest.raises((InvalidInput, NotChecked)):
                check(bytes(bad))


def test_another_point_is_refused(backend: Backend) -> None:
    with pytest.raises(InvalidProof, match=r"receipt\.signed, hash: is not this point's digest"):
        verify_rest(rest_receipt(), point_of(2), trusting(entry_of()), backend, "receipt")


def test_a_signed_text_that_says_something_else_is_refused(backend: Backend) -> None:
    for text, rule in (
        (signed_text(state="FAILED"), "state: must be OK"),
        (signed_text(time="soon"), "time: must be milliseconds"),
        (signed_text() + "&more=1", "has 5 parts"),
        (signed_text().replace("&time", "&Time"), "part 3: is not of the form"),
    ):
        with pytest.raises(InvalidInput, match=rule):
            verify_rest(rest_receipt(text), point_of(), trusting(entry_of()), backend, "receipt")


def test_another_key_or_text_is_refused(backend: Backend) -> None:
    receipt = {**rest_receipt(), "signature": signature_over(signed_text(serial="SF2"))}
    with pytest.raises(InvalidSignature, match=r"^receipt\.signature: does not hold"):
        verify_rest(receipt, point_of(), trusting(entry_of()), backend, "receipt")
    other = entry_of("sm2-sm3")
    with pytest.raises(InvalidSignature, match=r"^receipt\.signature: "):
        verify_rest(rest_receipt(), point_of(), trusting(other), backend, "receipt")


def test_the_hash_of_the_text_may_be_signed_instead(backend: Backend) -> None:
    text = signed_text()
    hashed = hashlib.sha256(text.encode()).hexdigest()
    receipt = {**rest_receipt(), "signature": signature_over(hashed)}
    trust = trusting(entry_of(hashed="sha256"))
    assert verify_rest(receipt, point_of(), trust, backend, "receipt").time == TIME
    with pytest.raises(InvalidSignature):
        verify_rest(rest_receipt(), point_of(), trust, backend, "receipt")


def test_a_signed_json_document_is_read_by_pointers(backend: Backend) -> None:
    digest = point_of().digest().hex()
    document = {"data": {"hash": digest, "time": TIME}, "code": 0, "note": None}
    entry = entry_of(
        text={"pointers": {"hash": "/data/hash", "time": "/data/time", "state": "/code"}},
        expects={"state": ["0"]},
        serial=None,
    )
    receipt = rest_receipt(json.dumps(document))
    vouched = verify_rest(receipt, point_of(), trusting(entry), backend, "receipt")
    assert (vouched.time, vouched.where) == (TIME, "court")
    twice = json.dumps(document).replace('"code"', '"data": {}, "code"')
    with pytest.raises(InvalidInput, match="stands twice"):
        verify_rest(rest_receipt(twice), point_of(), trusting(entry), backend, "receipt")


def test_a_service_that_the_trust_file_does_not_name_is_not_checked(backend: Backend) -> None:
    for trust in (trusting(), trusting(entry_of(name="another")), trusting({"kind": "evm"})):
        with pytest.raises(NotChecked, match="names no REST service") as caught:
            verify_rest(rest_receipt(), point_of(), trust, backend, "receipt")
        assert "信任文件" in caught.value.told.text_zh


NUMBERS = SERVICE_KEY.public_key().public_numbers()
JWK = PublicJwk(NUMBERS.x.to_bytes(32, "big"), NUMBERS.y.to_bytes(32, "big")).to_json()
SECRET = {"kind": "rest", "name": "court", "operator": OPERATOR}


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha1", "hmac-sm3", "salted-sm3"])
def test_a_code_that_needs_a_secret_is_not_checked(algorithm: str, backend: Backend) -> None:
    trust = trusting({**SECRET, "algorithm": algorithm})
    with pytest.raises(NotChecked, match=f"signed with {algorithm}: only who shares the secret"):
        verify_rest(rest_receipt(), point_of(), trust, backend, "receipt")
    with pytest.raises(InvalidProof, match="does not hold this point's digest"):
        verify_rest(rest_receipt(), point_of(2), trust, backend, "receipt")


def test_an_answer_that_is_not_signed_is_not_checked(backend: Backend) -> None:
    trust = trusting({**SECRET, "algorithm": "none"})
    receipt = {"service": "court", "answer": f'{{"hash":"{point_of().digest().hex()}"}}'}
    with pytest.raises(NotChecked, match="does not sign its answers"):
        verify_rest(receipt, point_of(), trust, backend, "receipt")
    with pytest.raises(InvalidProof, match="does not hold this point's digest"):
        verify_rest(receipt, point_of(2), trust, backend, "receipt")
    with pytest.raises(InvalidProof, match=r"receipt\.signed: is missing"):
        verify_rest(receipt, point_of(), trusting(entry_of()), backend, "receipt")


@pytest.mark.parametrize(
    ("receipt", "place"),
    [
        ([], "receipt: must be an object"),
        ({"service": "court"}, "receipt.answer: is missing"),
        ({**rest_receipt(), "answer": "x"}, "receipt.answer: is not a member"),
        ({**rest_receipt(), "signature": 1}, "receipt.signature: must be text"),
        ({**rest_receipt(), "signed": "x" * 70_000}, "receipt.signed: must be text of 1 to 65536"),
        ({**rest_receipt(), "signature": "AA="}, "receipt.signature: must be base64"),
    ],
)
def test_a_malformed_receipt_is_refused_by_place(receipt: Any, place: str) -> None:
    backend = load_backend("cryptography")
    with pytest.raises(InvalidInput) as caught:
        verify_rest(receipt, point_of(), trusting(entry_of()), backend, "receipt")
    assert str(caught.value).startswith(place)


RSA = {"algorithm": "rsa-pkcs1-sha256", "public_key": rsa_public(), "form": "raw"}
P256_SPKI = b64encode(spki_of_p256(PublicJwk.from_json(JWK, place="key"))).decode()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"algorithm": "rsa"}, "e.algorithm: must be one of"),
        ({"algorithm": "hmac-sha256"}, "e.public_key: is not a member"),
        ({"public_key": "00" * 64}, "e.public_key: the point is not on"),
        ({"public_key": "00" * 63}, "e.public_key: must be 64 bytes"),
        ({"name": "Court"}, "e.name: must be 1 to 40 lower-case"),
        ({"encoding": "base32"}, "e.encoding: must be one of"),
        ({"form": "p1363"}, "e.form: must be one of"),
        ({"user_id": "1"}, "e.user_id: is of SM2 only"),
        ({"algorithm": "rsa-pkcs1-sha256", "public_key": "00" * 64}, "e.public_key: "),
        ({**RSA, "form": "der"}, "e.form: must be one of raw"),
        ({**RSA, "public_key": P256_SPKI}, "e.public_key: must be an RSA key"),
        ({**RSA, "public_key": rsa_public() + "AAAA"}, "e.public_key: "),
        ({"hashed": "md5"}, "e.hashed: must be one of"),
        ({"digest": {"field": "none", "is": "digest"}}, "e.digest.field: names a field"),
        ({"digest": {"field": "hash", "is": "size"}}, "e.digest.is: must be one of"),
        ({"time": {"field": "time", "form": "iso"}}, "e.time.form: must be one of"),
        ({"time": None}, "e.time: is missing"),
        ({"expects": {"other": ["x"]}}, "e.expects: names a field"),
        ({"expects": {"state": []}}, "e.expects.state: must be an array of 1"),
        ({"serial": "other"}, "e.serial: names a field"),
        ({"text": {"parts": ["{a}"], "separator": ""}}, "e.text.separator: must not be empty"),
        ({"text": {"parts": ["{a}{b}"], "separator": "&"}}, "e.text.parts[0]: must hold at most"),
        ({"text": {"pointers": {}}}, "e.text.pointers: must name 1 to 50"),
        ({"text": {"pointers": {"A": "/a"}}}, "e.text.pointers: must be a lower-case"),
        ({"text": {"pointers": {"a": "a"}}}, "e.text.pointers.a: must be a JSON pointer"),
        ({"text": {"pointers": {"a": "/~2"}}}, "e.text.pointers.a: must be a JSON pointer"),
        ({"text": {"parts": ["{a:b}"], "separator": "&"}}, "e.text.parts[0]: must be a lower-case"),
        ({"more": 1}, "e.more: is not a member"),
    ],
)
def test_a_malformed_entry_is_refused_by_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_service_entry(entry_of(**changes), "e")
    assert str(caught.value).startswith(place)


def test_what_is_printed_of_a_serial_moves_no_cursor() -> None:
    text = signed_text(serial="\x1b[2J\u202eSF")
    trust = trusting(entry_of())
    vouched = verify_rest(rest_receipt(text), point_of(), trust, load_backend(), "receipt")
    assert vouched.where.isprintable()
