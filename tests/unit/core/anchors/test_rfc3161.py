from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from builders.certificates import (
    BEGIN,
    TIME_STAMPING,
    Held,
    ca_extensions,
    issue,
    moment,
    new_key,
    self_signed,
    tsa_extensions,
)
from builders.tokens import CRITICAL, MICROS, MILLIS, Token, identifier, signing_certificate
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from node.core.anchors.der import (
    CONTEXT_CONSTRUCTED,
    OCTET_STRING,
    SEQUENCE,
    SET,
    encode_der,
    encode_integer,
    encode_oid,
    encode_set,
)
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rfc3161 import MAX_TOKEN_BYTES, verify_rfc3161
from node.core.anchors.vouching import Vouched
from node.core.encoding import rfc3339
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof
from node.core.signatures import Backend, load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

POINT = AnchorPoint("chain-1", 7, 40, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
DIGEST = POINT.digest()
START = int(BEGIN.timestamp()) * 1000
DAY = 86_400_000
ROOT = self_signed()
MIDDLE = issue("Middle", ROOT, ca_extensions(0))
TSA = issue("TSA 时间", MIDDLE, tsa_extensions(), days=(0, 30))
PLACE = "anchors[0].receipt"


@pytest.fixture(params=["cryptography", "ecdsa"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


def trusting(*roots: bytes) -> Trust:
    return Trust("chain-1", bytes(32), tsa_roots=roots)


def receipt_of(token: bytes) -> dict[str, str]:
    return {"token": base64.b64encode(token).decode()}


def verify(token: bytes | Token, *roots: bytes, backend: Backend | None = None) -> Vouched:
    data = token.encode() if isinstance(token, Token) else token
    trust = trusting(*(roots or (ROOT.der,)))
    return verify_rfc3161(receipt_of(data), POINT, trust, backend or load_backend(), PLACE)


def token(held: Held = TSA, **options: Any) -> Token:
    return Token(held, DIGEST, **options)


def refused(wrong: bytes | Token, rule: str, *roots: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        verify(wrong, *roots)
    assert rule in caught.value.rule, caught.value
    assert caught.value.place.startswith((PLACE, "trust."))
    return caught.value


# --- what holds -----------------------------------------------------------------------------------


def test_a_token_says_who_vouches_for_what_and_how(backend: Backend) -> None:
    found = verify(token(fraction=".25", accuracy=((2, 1), (MILLIS, 500))), backend=backend)
    assert found.time == START + DAY + 250 + 1500
    assert found.by == "TSA 时间 (Test root)"
    assert found.where == "RFC 3161 policy 1.2.3.4.1, serial 7"
    assert "revoked was not" in found.how
    assert "未核验证书当时是否已被吊销" in found.how_zh
    assert found.details[0] == "genTime 2026-01-02T00:00:00.250Z, accuracy 1500 ms"


@pytest.mark.parametrize(
    ("key", "digest", "pss"),
    [
        ("P-256", "sha256", None),
        ("P-256", "sha512", None),
        ("P-384", "sha384", None),
        ("P-521", "sha512", None),
        ("RSA-2048", "sha256", None),
        ("RSA-2048", "sha512", None),
        ("RSA-2048", "sha256", 32),
    ],
)
def test_every_kind_of_key(key: str, digest: str, pss: int | None, backend: Backend) -> None:
    held = issue("TSA", ROOT, tsa_extensions(), key=new_key(key))
    verify(token(held, signed_with=digest, pss=pss), backend=backend)


@pytest.mark.parametrize(
    ("fraction", "accuracy", "latest"),
    [
        ("", (), 999),
        (".0001", (), 1),
        (".000000001", (), 1),
        (".001", (), 1),
        (".5", ((MICROS, 1),), 501),
        ("", ((MILLIS, 999), (MICROS, 999)), 1000),
        ("", ((2, 0),), 0),
    ],
)
def test_times_are_rounded_up(fraction: str, accuracy: Any, latest: int) -> None:
    assert verify(token(fraction=fraction, accuracy=accuracy)).time == START + DAY + latest


def test_certificates_may_stand_in_any_order_and_the_root_among_them() -> None:
    chain = [TSA.der, MIDDLE.der, ROOT.der]
    for order in (chain, chain[::-1], [chain[1], chain[2], chain[0]]):
        verify(token(certificates=order))


def test_the_signer_may_be_trusted_itself() -> None:
    found = verify(token(certificates=[TSA.der]), TSA.der)
    assert found.by == "TSA 时间"


def test_a_certificate_that_has_expired_since_does_not_matter() -> None:
    """The authority's certificate ends on day 30, its root on day 3650: nobody asks for today."""
    found = verify(token(at=moment(30)))
    assert found.time == START + 30 * DAY + 1000


@pytest.mark.parametrize("days", [30.0001, 31, -1])
def test_a_token_made_when_the_certificate_was_not_valid_is_refused(days: float) -> None:
    refused(token(at=moment(days)), "is not valid at")


@pytest.mark.parametrize("days", [20.5, 25])
def test_a_token_made_after_its_root_expired_is_refused(days: float) -> None:
    root = self_signed(days=(0, 20))
    held = issue("TSA", root, tsa_extensions(), days=(0, 30))
    verify(token(held, at=moment(20)), root.der)
    refused(token(held, at=moment(days)), "is not valid at", root.der)


# --- whom it leads to -----------------------------------------------------------------------------


@pytest.mark.parametrize("roots", [(), (self_signed("Another").der,)])
def test_without_its_root_it_is_not_checked(roots: tuple[bytes, ...]) -> None:
    trust = trusting(*roots)
    with pytest.raises(NotChecked) as caught:
        verify_rfc3161(receipt_of(token().encode()), POINT, trust, load_backend(), PLACE)
    assert "TSA 时间" not in str(caught.value.told)  # nobody vouches for that name


def test_what_does_not_hold_is_refused_with_or_without_its_root() -> None:
    wrong = Token(TSA, bytes(32))
    for roots in ((), (ROOT.der,)):
        with pytest.raises(InvalidProof, match="not of this anchor point"):
            verify_rfc3161(
                receipt_of(wrong.encode()), POINT, trusting(*roots), load_backend(), PLACE
            )


def test_a_root_of_the_same_name_is_no_root() -> None:
    refused(token(), "does not hold", self_signed().der)


def test_a_root_that_cannot_be_read_is_named() -> None:
    error = refused(token(), "cut off", ROOT.der, b"\x30\x05")
    assert error.place == "trust.tsa_roots[1]"


# --- what is signed -------------------------------------------------------------------------------

V2, V1 = "1.2.840.113549.1.9.16.2.47", "1.2.840.113549.1.9.16.2.12"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
OTHER = issue("TSA 时间", MIDDLE, tsa_extensions(), days=(0, 30))
ISSUED = encode_der(
    SEQUENCE,
    encode_der(
        SEQUENCE, encode_der(CONTEXT_CONSTRUCTED + 4, TSA.certificate.issuer.public_bytes())
    ),
    encode_integer(TSA.certificate.serial_number),
)
OF_ANOTHER = signing_certificate(OTHER.der, digest="sha1")
WRONG = ISSUED[:-1] + bytes([ISSUED[-1] ^ 1])
NAMED = encode_der(0xA4, TSA.certificate.subject.public_bytes())
NAMED_OTHERWISE = encode_der(0xA4, ROOT.certificate.subject.public_bytes())


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"hashed_with": "sha512"}, "not of this anchor point"),
        ({"hashed_with": "sha1"}, "SHA-256, SHA-384 or SHA-512"),
        ({"attributes": {V2: None}}, "must be there"),
        ({"attributes": {V2: signing_certificate()}}, "not of the signer"),
        ({"attributes": {V2: signing_certificate(OTHER.der)}}, "not of the signer"),
        ({"attributes": {V2: signing_certificate(TSA.der, OTHER.der)}}, "not of a certificate"),
        ({"attributes": {V2: signing_certificate(OTHER.der, TSA.der)}}, "not of the signer"),
        ({"attributes": {V2: signing_certificate(TSA.der, issued=WRONG)}}, "signer"),
        ({"attributes": {V2: encode_der(OCTET_STRING)}}, "must be a SEQUENCE"),
        ({"attributes": {V2: None, V1: OF_ANOTHER}}, "not of the signer"),
        ({"attributes": {V1: OF_ANOTHER}}, "not of the signer"),
        ({"attributes": {V2: None, V1: signing_certificate(TSA.der)}}, "not of the signer"),
        ({"attributes": {V2: signing_certificate(TSA.der, digest="sha1")}}, "not of the signer"),
        ({"attributes": {CONTENT_TYPE: None}}, "contentType"),
        ({"attributes": {CONTENT_TYPE: encode_oid("1.2.840.113549.1.7.1")}}, "contentType"),
        ({"attributes": {MESSAGE_DIGEST: None}}, "messageDigest"),
        ({"attributes": {MESSAGE_DIGEST: encode_der(OCTET_STRING, bytes(32))}}, "messageDigest"),
        ({"attributes": {MESSAGE_DIGEST: encode_der(OCTET_STRING, bytes(32)) * 2}}, "more members"),
        ({"unsorted": True}, "order"),
        ({"serial": 2**168}, "more than 21 bytes"),
        ({"tsa": NAMED_OTHERWISE}, "not the signer's name"),
        ({"accuracy": ((MILLIS, 1000),)}, "from 1 to 999"),
        ({"accuracy": ((MICROS, 0),)}, "from 1 to 999"),
        ({"accuracy": ((2, -1),)}, "from 0"),
        ({"parts": {"ordering": b"\x01\x01\x00"}}, "default is left out"),
        ({"more_info": b"\x05\x00"}, "more members"),
        ({"fraction": ".50"}, "UTC time"),
    ],
)  # fmt: skip
def test_what_is_signed_must_be_right(options: dict[str, Any], rule: str) -> None:
    refused(token(**options), rule)


@pytest.mark.parametrize(
    "options",
    [
        {"attributes": {V2: signing_certificate(TSA.der, MIDDLE.der, ROOT.der)}},
        {"attributes": {V1: signing_certificate(TSA.der, digest="sha1", issued=ISSUED)}},
        {"attributes": {V2: None, V1: signing_certificate(TSA.der, MIDDLE.der, digest="sha1")}},
        {"attributes": {V2: signing_certificate(TSA.der, digest="sha512", issued=ISSUED)}},
        {"attributes": {"1.2.840.113549.1.9.5": b"\x17\x0d260102000000Z"}},
        {"tsa": NAMED},
        {"tsa": encode_der(0x82, b"tsa.example")},
        {"parts": {"ordering": b"\x01\x01\xff"}, "nonce": 2**63},
        {"serial": 2**150, "accuracy": ()},
    ],
)
def test_what_else_an_authority_may_sign(options: dict[str, Any]) -> None:
    verify(token(**options))


def test_extensions_of_the_content_are_taken_unless_critical() -> None:
    def extensions(*critical: bytes) -> bytes:
        item = encode_der(SEQUENCE, encode_oid("1.2.3"), *critical, encode_der(OCTET_STRING))
        return encode_der(CONTEXT_CONSTRUCTED + 1, item)

    verify(token(more_info=extensions()))
    refused(token(more_info=extensions(CRITICAL)), "critical and not known")


def test_the_imprint_is_of_the_points_document() -> None:
    data = receipt_of(token().encode())
    other = AnchorPoint("chain-1", 7, 41, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
    with pytest.raises(InvalidProof, match="messageImprint"):
        verify_rfc3161(data, other, trusting(ROOT.der), load_backend(), PLACE)


# --- who signed -----------------------------------------------------------------------------------

CODE = ExtendedKeyUsageOID.CODE_SIGNING
AGREES = x509.KeyUsage(True, False, False, False, True, False, False, False, False)


@pytest.mark.parametrize(
    ("extensions", "rule"),
    [
        (tsa_extensions((CODE,)), "time-stamping alone"),
        (tsa_extensions((TIME_STAMPING, CODE)), "time-stamping alone"),
        (tsa_extensions(critical=False), "and critical"),
        (tsa_extensions()[:2], "time-stamping alone"),
        (tsa_extensions(usage=AGREES), "signing alone"),
        ([*tsa_extensions(), (x509.PolicyConstraints(0, None), True)], "critical extension"),
    ],
)
def test_the_signers_certificate_must_be_an_authoritys(extensions: Any, rule: str) -> None:
    refused(token(issue("TSA", ROOT, extensions)), rule)


def test_a_path_for_another_purpose_is_refused() -> None:
    for_code = issue("Code", ROOT, ca_extensions(0, CODE))
    refused(token(issue("TSA", for_code, tsa_extensions())), "does not serve this purpose")


def test_somebody_elses_signature_is_refused() -> None:
    thief = Held(TSA.certificate, new_key(), TSA.above)
    refused(token(thief), "does not hold")


def test_a_weak_key_is_refused() -> None:
    held = issue("TSA", ROOT, tsa_extensions(), key=new_key("RSA-1024"))
    refused(token(held), "2,048")


@pytest.mark.parametrize(
    ("certificates", "rule"),
    [
        ([], "holds 0"),
        ([MIDDLE.der], "holds 0"),
        ([TSA.der, TSA.der, MIDDLE.der], "holds 2"),
        ([TSA.der, MIDDLE.der, MIDDLE.der], "twice"),
        ([TSA.der, MIDDLE.der, OTHER.der], "not part of the signer's path"),
        ([TSA.der, MIDDLE.der, self_signed("Another").der], "not part of the signer's path"),
        ([TSA.der, *[MIDDLE.der] * 10], "at most 10"),
        ([TSA.der, MIDDLE.der, b"\xa1\x00"], "must be a SEQUENCE"),
    ],
)
def test_what_is_embedded_must_be_the_path(certificates: list[bytes], rule: str) -> None:
    refused(token(certificates=certificates), rule)


# --- what nobody signed ---------------------------------------------------------------------------

NULL = b"\x05\x00"
SHA256, SHA512 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ({"kind": encode_oid("1.2.840.113549.1.7.1")}, "signed data"),
        ({"version": encode_integer(1)}, "from 3 to 3"),
        ({"signer version": encode_integer(3)}, "from 1 to 1"),
        ({"sid": encode_der(CONTEXT_CONSTRUCTED, b"")}, "must be a SEQUENCE"),
        ({"digests": encode_set(identifier(SHA512))}, "signer's digestAlgorithm"),
        ({"digests": encode_set(identifier(SHA256, NULL))}, "signer's digestAlgorithm"),
        ({"digests": encode_set(identifier(SHA256), identifier(SHA512))}, "more members"),
        ({"digests": encode_der(SET)}, "missing"),
        ({"digest": identifier("1.3.14.3.2.26")}, "SHA-256"),
        ({"algorithm": identifier("1.2.840.10045.4.3.3")}, "another hash function"),
        ({"algorithm": identifier("1.2.840.113549.1.1.1", NULL)}, "another kind"),
        ({"algorithm": identifier("1.2.840.113549.1.1.11", NULL)}, "is written"),
        ({"signature": encode_der(OCTET_STRING)}, "cut off"),
        ({"unsigned": encode_der(CONTEXT_CONSTRUCTED + 1)}, "more members"),
        ({"crls": encode_der(CONTEXT_CONSTRUCTED + 1)}, "must be a SET"),
        ({"signers": encode_der(SET)}, "missing"),
        ({"certificates": b""}, "must be [0]"),
        ({"content": encode_der(SEQUENCE, encode_oid("1.2.840.113549.1.9.16.1.4"))}, "missing"),
        ({"info": b"\x30\x00"}, "missing"),
        ({"info": b"\x04\x00"}, "SEQUENCE"),
    ],
)
def test_what_nobody_signed_has_one_form(parts: dict[str, bytes], rule: str) -> None:
    refused(token(parts=parts), rule)


def test_two_signers_are_refused() -> None:
    one, other = token(serial=1).encode(), token(serial=2).encode()
    refused(one + other, "follow")


@pytest.mark.parametrize(
    ("receipt", "place"),
    [
        ([], PLACE),
        ({}, f"{PLACE}.token"),
        ({"token": "", "time": 1}, f"{PLACE}.time"),
        ({"token": ""}, f"{PLACE}.token"),
        ({"token": 5}, f"{PLACE}.token"),
        ({"token": "MAA"}, f"{PLACE}.token"),
        ({"token": "MAB="}, f"{PLACE}.token"),
        ({"token": "MA A="}, f"{PLACE}.token"),
        ({"token": "印章"}, f"{PLACE}.token"),
        ({"token": "MAAA"}, f"{PLACE}.token"),
        ({"token": "A" * (MAX_TOKEN_BYTES * 2)}, f"{PLACE}.token"),
    ],
)
def test_receipts_of_another_form_are_refused(receipt: Any, place: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        verify_rfc3161(receipt, POINT, trusting(ROOT.der), load_backend(), PLACE)
    assert caught.value.place == place


@pytest.mark.parametrize("key", ["P-256", "RSA-2048"])
def test_no_changed_byte_is_accepted(key: str) -> None:
    """Each byte, with each of two changes: a bit, and the neighbouring value."""
    held = issue("TSA", MIDDLE, tsa_extensions(), key=new_key(key))
    data = token(held, certificates=[held.der, MIDDLE.der, ROOT.der]).encode()
    verify(data)
    accepted = []
    for place in range(len(data)):
        for change in (1 << place % 8, data[place] ^ (data[place] + 1) & 0xFF):
            wrong = bytearray(data)
            wrong[place] ^= change
            try:
                verify(bytes(wrong))
            except (InvalidInput, NotChecked):
                continue
            accepted.append(place)
    assert accepted == []


def test_no_changed_character_of_the_receipt_is_accepted() -> None:
    text = receipt_of(token().encode())["token"]
    verify_rfc3161({"token": text}, POINT, trusting(ROOT.der), load_backend(), PLACE)
    for place in range(len(text)):
        other = "B" if text[place] != "B" else "C"
        wrong = {"token": text[:place] + other + text[place + 1 :]}
        with pytest.raises((InvalidInput, NotChecked)):
            verify_rfc3161(wrong, POINT, trusting(ROOT.der), load_backend(), PLACE)


def test_the_root_named_is_the_first_that_it_leads_to() -> None:
    twin = issue("Test root", None, ca_extensions(), key=ROOT.key)
    for roots in ((twin.der, ROOT.der), (ROOT.der, twin.der)):
        found = verify(token(), *roots)
        assert found.details[3:] == (
            "root CN=Test root,O=测试 Test,C=CN",
            f"    SHA-256 {hashlib.sha256(roots[0]).hexdigest()}",
        )


@pytest.mark.parametrize("number", range(3))
def test_recorded_tokens_hold_after_their_certificates_have_expired(
    number: int, vectors: Path, backend: Backend
) -> None:
    """No clock was set for this: the certificates ended in November 2026."""
    recorded = json.loads((vectors / "rfc3161-expired-since.json").read_bytes())
    point, told = AnchorPoint.from_json(recorded["point"]), recorded["tokens"][number]
    assert told["not_after"] < time.time() * 1000
    trust = trusting(base64.b64decode(told["root"]))
    for receipt in (told["receipt"], {"token": told["as_it_came"]}):
        found = verify_rfc3161(receipt, point, trust, backend, PLACE)
        assert found.time == told["time"] < told["not_after"]
        assert told["authority"] in found.by


def test_the_specifications_example(vectors: Path) -> None:
    text = (vectors.parents[1] / "docs/spec/anchor-rfc3161.md").read_text(encoding="utf-8")
    recorded = json.loads((vectors / "rfc3161-expired-since.json").read_bytes())
    point, told = AnchorPoint.from_json(recorded["point"]), recorded["tokens"][0]
    trust = trusting(base64.b64decode(told["root"]))
    found = verify_rfc3161(told["receipt"], point, trust, load_backend(), PLACE)
    genesis, _, certificate, _, root = (detail.split() for detail in found.details)
    wanted = {
        "no later than": rfc3339(found.time, offset_hours=0),
        "by": f"`{found.by}`",
        "where": f"`{found.where}`",
        "genTime, accuracy": f"{genesis[1]} {genesis[3]} ms",
        "certificate SHA-256": f"`{certificate[1]}`",
        "root SHA-256": f"`{root[1]}`",
    }
    for name, value in wanted.items():
        assert f"\n| {name} | {value} |\n" in text
    assert f"\n    {point.digest().hex()}\n" in text
    assert f"{MAX_TOKEN_BYTES:,} bytes" in text
