"""Signing: known answers, other libraries' agreement, and keys that stay where they are."""

from __future__ import annotations

import hmac
from base64 import b64decode
from pathlib import Path

import gmssl_pyx
import pytest
from builders.judicial_dialects import MEMBER_SM2
from builders.judicial_service import MEMBER_KEY, pem_of
from builders.key_files import write_key
from builders.rest_receipts import rsa_key
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.rest.service import Signer
from chaincode_adapters.rest.signing import Secret, check_secret, holds, read_secret, sign_text

SHARED = Secret(b"key")
TEXT = "The quick brown fox jumps over the lazy dog"
SM2 = Secret("\n".join(MEMBER_SM2).encode())
P256 = Secret(pem_of(MEMBER_KEY))
PKCS8 = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
RSA = Secret(rsa_key().private_bytes(*PKCS8))


def signer(algorithm: str, encoding: str = "hex", **more: str) -> Signer:
    return Signer(algorithm=algorithm, encoding=encoding, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [
        ("hmac-sha256", "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
        ("hmac-sha1", "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"),
    ],
)
def test_codes_that_everybody_knows(algorithm: str, code: str) -> None:
    assert sign_text(TEXT, signer(algorithm), SHARED) == code
    assert sign_text(TEXT, signer(algorithm, "HEX"), SHARED) == code.upper()


@pytest.mark.parametrize("length", [8, 63, 64, 65, 200])
def test_hmac_sm3_agrees_with_gmssl(length: int) -> None:
    key = bytes(range(length))[:length]
    expected = gmssl_pyx.sm3_hmac(key, TEXT.encode()).hex()
    assert sign_text(TEXT, signer("hmac-sm3"), Secret(key)) == expected


def test_the_example_of_the_antchain_sdk() -> None:
    """`test_get_signature` of its client's tests: {"test": "ok"} with "secret"."""
    rule = signer("hmac-sha1", "base64")
    assert sign_text("test=ok", rule, Secret(b"secret")) == "qlB4B1lFcehlWRelL7Fo4uNHPCs="


def test_the_salt_stands_where_it_is_told_to() -> None:
    before = gmssl_pyx.sm3_hash(b"key" + TEXT.encode()).hex()
    after = gmssl_pyx.sm3_hash(TEXT.encode() + b"key").hex()
    assert sign_text(TEXT, signer("salted-sm3", salt="before"), SHARED) == before
    assert sign_text(TEXT, signer("salted-sm3", salt="after"), SHARED) == after


@pytest.mark.parametrize("form", ["der", "raw"])
@pytest.mark.parametrize("hashed", ["", "sha256", "sm3"])
@pytest.mark.parametrize(
    ("algorithm", "secret"),
    [("ecdsa-p256-sha256", P256), ("sm2-sm3", SM2), ("rsa-pkcs1-sha256", RSA)],
)
def test_signatures_hold(algorithm: str, secret: Secret, hashed: str, form: str) -> None:
    rule = signer(algorithm, form=form, hashed=hashed)
    signature = sign_text(TEXT, rule, secret)
    assert holds(TEXT, signature, rule, secret)
    assert not holds(TEXT + ".", signature, rule, secret)
    assert not holds(TEXT, signature[:-2], rule, secret)
    assert not holds(TEXT, "no hex", rule, secret)
    check_secret(rule, secret)


def test_ecdsa_is_what_cryptography_takes() -> None:
    der = b64decode(sign_text(TEXT, signer("ecdsa-p256-sha256", "base64"), P256))
    MEMBER_KEY.public_key().verify(der, TEXT.encode(), ec.ECDSA(hashes.SHA256()))


def test_sm2_with_another_id_is_another_signature() -> None:
    rule = signer("sm2-sm3", user_id="ALICE123@YAHOO.COM")
    signature = bytes.fromhex(sign_text(TEXT, rule, SM2))
    public = bytes.fromhex(MEMBER_SM2[1])
    assert gmssl_pyx.sm2_verify(public, TEXT.encode(), signature, b"ALICE123@YAHOO.COM")
    assert not gmssl_pyx.sm2_verify(public, TEXT.encode(), signature)


def bad_keys() -> list[tuple[str, bytes, str]]:
    p384 = ec.generate_private_key(ec.SECP384R1()).private_bytes(*PKCS8)
    other = rsa_key().private_bytes(*PKCS8)
    weak = rsa.generate_private_key(65537, 1024).private_bytes(*PKCS8)
    private, public = gmssl_pyx.sm2_key_generate()[::-1]
    mixed = f"{private.hex()}\n{MEMBER_SM2[1]}".encode()
    return [
        ("ecdsa-p256-sha256", b"secret-that-is-no-pem", "must be PEM"),
        ("ecdsa-p256-sha256", p384, "P-256"),
        ("ecdsa-p256-sha256", other, "P-256"),
        ("rsa-pkcs1-sha256", p384, "RSA key of 2,048"),
        ("rsa-pkcs1-sha256", weak, "RSA key of 2,048"),
        ("sm2-sm3", b"secret-that-is-no-key", "two lines of hex"),
        ("sm2-sm3", private.hex().encode(), "two lines of hex"),
        ("sm2-sm3", b"z" * 64 + b"\n" + public.hex().encode(), "two lines of hex"),
        ("sm2-sm3", mixed, "is not that of the private key"),
    ]


@pytest.mark.parametrize(("algorithm", "content", "told"), bad_keys(), ids=range(9))
def test_a_key_of_another_kind_is_refused_and_not_told(
    algorithm: str, content: bytes, told: str
) -> None:
    with pytest.raises(Misconfigured, match=told) as caught:
        check_secret(signer(algorithm), Secret(content))
    shown = f"{caught.value!r} {caught.value.__cause__!r}"
    assert not any(line.decode() in shown for line in content.split() if len(line) > 8)


def test_a_secret_is_in_no_repr(tmp_path: Path) -> None:
    write_key(tmp_path / "key", b"  very-secret-value\n")
    secret = read_secret(tmp_path / "key")
    assert secret.reveal() == b"very-secret-value"
    assert "very" not in f"{secret} {secret!r} {[secret]!r}"
    with pytest.raises(Misconfigured, match="none: No such file"):
        read_secret(tmp_path / "none")
    write_key(tmp_path / "short", b"x")
    with pytest.raises(Misconfigured, match="8 to 16384 bytes"):
        read_secret(tmp_path / "short")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(Misconfigured, match="can be read by others") as caught:
        read_secret(tmp_path / "key")
    assert "very" not in str(caught.value)


def test_codes_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: seen.append(True) or real(a, b))
    rule = signer("hmac-sha256")
    assert not holds(TEXT, "é", rule, SHARED)
    assert holds(TEXT, sign_text(TEXT, rule, SHARED), rule, SHARED)
    assert seen == [True, True]
