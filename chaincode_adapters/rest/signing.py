"""Signing requests, and checking answers that only the holder of the secret can check.

Keys and secrets stay in here: no error, no repr and no log line holds them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from chaincode_adapters.errors import Misconfigured
from node.core.anchors.key_forms import raw_signature, read_text_form, write_text_form
from node.core.anchors.rest_entry import PUBLIC_ALGORITHMS
from node.core.anchors.sm2 import verify_sm2
from node.core.anchors.sm3 import sm3
from node.core.errors import InvalidInput
from node.core.signatures import PublicJwk, load_backend

__all__ = ["Secret", "SigningRule", "check_secret", "holds", "read_secret", "sign_text"]


_MOST_KEY = 16_384


class SigningRule(Protocol):
    """What `Signer` and `Proof` of a service file have in common."""

    @property
    def algorithm(self) -> str:
        """Its name."""

    @property
    def encoding(self) -> str:
        """How bytes are written."""

    @property
    def form(self) -> str:
        """``der`` or ``raw`` (r‖s)."""

    @property
    def salt(self) -> str:
        """On which side of the text a salt stands."""

    @property
    def user_id(self) -> str:
        """The signer's id (SM2)."""

    @property
    def hashed(self) -> str:
        """Whose lower-case hex is signed instead of the text."""


class Secret:
    """The content of a key file. It has no repr, and is not compared."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __repr__(self) -> str:
        return "Secret(…)"

    def reveal(self) -> bytes:
        """The content."""
        return self._content


def read_secret(path: Path) -> Secret:
    """The key file's content, without the white space around it.

    Raises:
        Misconfigured: it cannot be read, can be read by others, or is too short or too long.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MOST_KEY + 1).strip()
    except OSError as error:
        raise Misconfigured(f"key {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise Misconfigured(f"key {path}: can be read by others than its owner: chmod 600 it")
    if not 8 <= len(content) <= _MOST_KEY:
        raise Misconfigured(f"key {path}: must have 8 to {_MOST_KEY} bytes")
    return Secret(content)


def sign_text(text: str, rule: SigningRule, secret: Secret) -> str:
    """The signature or code over a canonical string, as the service wants it written.

    Raises:
        Misconfigured: the key file does not hold a key of this algorithm.
    """
    message = text.encode("utf-8")
    if rule.hashed:
        message = _HASHES[rule.hashed](message).hex().encode("ascii")
    kind, _, hashed = rule.algorithm.partition("-")
    if kind == "hmac":
        raw = _hmac(secret.reveal(), message, hashed)
    elif kind == "salted":
        salt = secret.reveal()
        raw = _HASHES[hashed](salt + message if rule.salt == "before" else message + salt)
    elif kind == "sm2":
        raw = _sign_sm2(message, secret, rule)
    elif kind == "rsa":
        raw = _rsa_key(secret).sign(message, padding.PKCS1v15(), hashes.SHA256())
    else:
        raw = _sign_p256(message, secret, rule.form)
    return write_text_form(raw, rule.encoding)


def holds(text: str, signature: str, rule: SigningRule, secret: Secret) -> bool:
    """Whether a signature or code over a canonical string is of this key's making.

    Raises:
        Misconfigured: the key file does not hold a key of this algorithm.
    """
    if rule.algorithm not in PUBLIC_ALGORITHMS:
        return hmac.compare_digest(
            sign_text(text, rule, secret).encode("utf-8"), signature.encode("utf-8")
        )
    message = text.encode("utf-8")
    if rule.hashed:
        message = _HASHES[rule.hashed](message).hex().encode("ascii")
    try:
        raw = read_text_form(signature, rule.encoding, place="signature")
        if rule.algorithm == "rsa-pkcs1-sha256":
            return _holds_rsa(message, raw, secret)
        raw = raw_signature(raw, place="signature") if rule.form == "der" else raw
        if rule.algorithm == "sm2-sm3":
            _, public = _sm2_pair(secret)
            verify_sm2(public, message, raw, user_id=rule.user_id.encode("utf-8"))
        else:
            numbers = _p256_key(secret).public_key().public_numbers()
            key = PublicJwk(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))
            load_backend().verify_es256(key, message, raw)
    except InvalidInput:
        return False
    return True


def check_secret(rule: SigningRule, secret: Secret) -> None:
    """Check that a key file holds a key of the algorithm, and of SM2 a pair that belongs together.

    Raises:
        Misconfigured: it does not.
    """
    text = "is this a key?"
    if not holds(text, sign_text(text, rule, secret), rule, secret):
        raise Misconfigured("key: the public key is not that of the private key")


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


_HASHES: dict[str, Callable[[bytes], bytes]] = {"sha256": _sha256, "sm3": sm3}


def _hmac(key: bytes, message: bytes, hashed: str) -> bytes:
    if hashed != "sm3":
        return hmac.digest(key, message, hashed)
    # RFC 2104 §2 with SM3, whose blocks have 64 bytes; hashlib has SM3 on some machines only.
    padded = (sm3(key) if len(key) > 64 else key).ljust(64, b"\x00")
    inner = sm3(bytes(byte ^ 0x36 for byte in padded) + message)
    return sm3(bytes(byte ^ 0x5C for byte in padded) + inner)


def _pem_key(secret: Secret) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(secret.reveal(), password=None)
    except (ValueError, TypeError):
        # Without the cause, which may quote the file.
        raise Misconfigured("key: must be PEM of a key without a password") from None


def _rsa_key(secret: Secret) -> rsa.RSAPrivateKey:
    key = _pem_key(secret)
    if not isinstance(key, rsa.RSAPrivateKey) or not 2048 <= key.key_size <= 8192:
        raise Misconfigured("key: must be PEM of an RSA key of 2,048 to 8,192 bits")
    return key


def _holds_rsa(message: bytes, signature: bytes, secret: Secret) -> bool:
    public = _rsa_key(secret).public_key()
    try:
        public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _p256_key(secret: Secret) -> ec.EllipticCurvePrivateKey:
    key = _pem_key(secret)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise Misconfigured("key: must be PEM of a P-256 key")
    return key


def _sign_p256(message: bytes, secret: Secret, form: str) -> bytes:
    der = _p256_key(secret).sign(message, ec.ECDSA(hashes.SHA256()))
    return der if form == "der" else raw_signature(der, place="signature")


def _sm2_pair(secret: Secret) -> tuple[bytes, bytes]:
    """Private and public key, 32 and 64 bytes."""
    lines = secret.reveal().split()
    if [len(line) for line in lines] != [64, 128]:
        raise Misconfigured("key: must be an SM2 key as two lines of hex, 32 bytes and x‖y of 64")
    try:
        private, public = (bytes.fromhex(line.decode("ascii")) for line in lines)
    except ValueError:
        raise Misconfigured("key: must be an SM2 key as two lines of hex") from None
    return private, public


def _sign_sm2(message: bytes, secret: Secret, rule: SigningRule) -> bytes:
    try:
        from gmssl_pyx import GmsslInnerError, sm2_sign
    except ImportError as error:
        raise Misconfigured("SM2 needs gmssl-pyx: install the extra sm2") from error
    private, public = _sm2_pair(secret)
    try:
        der = sm2_sign(private, public, message, rule.user_id.encode("utf-8"))
    except GmsslInnerError:
        raise Misconfigured("key: the SM2 library does not take it") from None
    return der if rule.form == "der" else raw_signature(der, place="signature")
