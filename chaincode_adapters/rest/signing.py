"""Signing requests, and checking answers that only the holder of the secret can check.

Keys and secrets stay in here: no error, no repr and no log line holds them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from chaincode_adapters.errors import AnchorError, Misconfigured
from node.core.anchors.key_forms import raw_signature, read_text_form, write_text_form
from node.core.anchors.sm2 import verify_sm2
from node.core.anchors.sm3 import sm3
from node.core.errors import InvalidInput

__all__ = ["Secret", "SigningRule", "check_secret", "read_secret", "sign_text"]


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
    """The key file's content, without the white space around it. Raises Misconfigured."""
    try:
        content = path.read_bytes().strip()
    except OSError as error:
        raise Misconfigured(f"key {path}: {error.strerror}") from error
    if not 8 <= len(content) <= 16_384:
        raise Misconfigured(f"key {path}: must have 8 to 16384 bytes")
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
    else:
        raw = _sign_p256(message, secret, rule.form)
    return write_text_form(raw, rule.encoding)


def check_secret(rule: SigningRule, secret: Secret) -> None:
    """Check that a key file holds a key of the algorithm, and of SM2 a pair that belongs together.

    Raises:
        Misconfigured: it does not.
    """
    text = "is this a key?"
    signature = sign_text(text, rule, secret)
    if rule.algorithm != "sm2-sm3" or rule.hashed:
        return
    raw = read_text_form(signature, rule.encoding, place="signature")
    raw = raw_signature(raw, place="signature") if rule.form == "der" else raw
    public = bytes.fromhex(secret.reveal().split()[1].decode("ascii"))
    try:
        verify_sm2(public, text.encode(), raw, user_id=rule.user_id.encode("utf-8"))
    except InvalidInput:
        raise Misconfigured("key: the SM2 public key is not that of the private key") from None


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


def _sign_p256(message: bytes, secret: Secret, form: str) -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_private_key(secret.reveal(), password=None)
    except (ValueError, TypeError):
        # Without the cause, which may quote the file.
        raise Misconfigured("key: must be PEM of a P-256 key without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise Misconfigured("key: must be PEM of a P-256 key")
    der = key.sign(message, ec.ECDSA(hashes.SHA256()))
    return der if form == "der" else raw_signature(der, place="signature")


def _sign_sm2(message: bytes, secret: Secret, rule: SigningRule) -> bytes:
    try:
        from gmssl_pyx import GmsslInnerError, sm2_sign
    except ImportError as error:
        raise Misconfigured("SM2 needs gmssl-pyx: install the extra sm2") from error
    pair = secret.reveal().split()
    if len(pair) != 2 or not all(re.fullmatch(rb"[0-9a-f]+", part) for part in pair):
        raise Misconfigured("key: must be an SM2 key as two lines of hex, private and public")
    if len(pair[0]) != 64 or len(pair[1]) != 128:
        raise Misconfigured("key: an SM2 key has 32 bytes, its public key 64, in lower-case hex")
    private, public = (bytes.fromhex(part.decode("ascii")) for part in pair)
    try:
        der = sm2_sign(private, public, message, rule.user_id.encode("utf-8"))
    except GmsslInnerError:
        raise AnchorError("the SM2 library could not sign") from None
    return der if rule.form == "der" else raw_signature(der, place="signature")
