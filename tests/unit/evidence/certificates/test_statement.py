"""The statement: exactly the members that verifiers ask for, under the member's ledger key."""

from __future__ import annotations

import hashlib

import pytest

from node.client.keys import SigningKey
from node.core.encoding import canonical_json, decode_base64url, decode_json_object
from node.core.errors import InvalidSignature
from node.core.signatures import algorithm_named, load_backend
from node.evidence.certificates.port import Attachment, Issuer, SealingCertificate
from node.evidence.certificates.statement import make_statement

KEY = SigningKey.generate()
SEALING = SealingCertificate("CN=x", "CN=y", "0a", "cd" * 32, 0, 1)
FILES = (Attachment("bundle.json", "application/json", "", b"{}\n"),)


def parts(sealing: SealingCertificate | None = SEALING) -> tuple[str, list[bytes]]:
    issuer = Issuer("notary-a", "evidence-ledger-node", "0.1.0", "ab" * 32, {}, sealing)
    made = make_statement(
        KEY,
        issuer,
        certificate_no="ZS2026112312345678906",
        chain_id="seal-test",
        code="CZ0034133234711-2",
        language="zh",
        issued_at=1_790_000_000_999,
        files=FILES,
    )
    assert (made.name, made.media_type) == ("statement.jwt", "application/jwt")
    text = made.content.decode("ascii")
    return text, [decode_base64url(part, place="part") for part in text.split(".")]


def test_it_says_what_is_asked_and_no_more() -> None:
    _, (header, payload, _) = parts()
    assert decode_json_object(header, place="header", max_bytes=999) == {
        "alg": "ES256",
        "kid": KEY.kid,
        "typ": "evidence-certificate+jwt",
    }
    told = decode_json_object(payload, place="payload", max_bytes=9999)
    assert told == {
        "certificate_no": "ZS2026112312345678906",
        "chain_id": "seal-test",
        "code": "CZ0034133234711-2",
        "files": {"bundle.json": hashlib.sha256(b"{}\n").hexdigest()},
        "format": "evidence-certificate/1",
        "iat": 1_790_000_000,
        "iss": "notary-a",
        "language": "zh",
        "sealing_certificate_sha256": "cd" * 32,
        "software": {
            "config_sha256": "ab" * 32,
            "name": "evidence-ledger-node",
            "version": "0.1.0",
        },
    }
    assert canonical_json(told) == payload


def test_its_signature_is_the_member_s_and_low() -> None:
    text, (_, _, signature) = parts()
    algorithm, signed = algorithm_named("ES256", place="alg"), text.rpartition(".")[0].encode()
    algorithm.verify(KEY.jwk, signed, signature, load_backend())
    assert algorithm.canonical(signature) == signature
    with pytest.raises(InvalidSignature):
        algorithm.verify(SigningKey.generate().jwk, signed, signature, load_backend())


def test_unsealed_it_names_no_certificate() -> None:
    _, (_, payload, _) = parts(None)
    assert b'"sealing_certificate_sha256":""' in payload
