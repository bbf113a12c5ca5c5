"""A member's ES256 signing key."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from node.core.encoding import encode_base64url
from node.core.errors import InvalidInput
from node.core.key_proof import key_proof_message
from node.core.signatures import PublicJwk, use_low_s

__all__ = ["SigningKey"]

_ALGORITHM = ec.ECDSA(hashes.SHA256())


class SigningKey:
    """A P-256 private key. Signatures are raw r‖s with the low s."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        if private_key.curve.name != "secp256r1":
            raise InvalidInput("key", f"must be on P-256, not on {private_key.curve.name}")
        self._private_key = private_key
        numbers = private_key.public_key().public_numbers()
        self.jwk = PublicJwk(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))
        self.kid = self.jwk.thumbprint()

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, path: str | Path, password: bytes | None = None) -> SigningKey:
        """Read a PEM file (PKCS #8 or SEC 1).

        Raises:
            InvalidInput: no P-256 key in PEM, or the password is wrong or missing.
            OSError: the file cannot be read.
        """
        try:
            loaded = serialization.load_pem_private_key(Path(path).read_bytes(), password)
        except (ValueError, TypeError) as error:
            raise InvalidInput(str(path), f"no usable private key in PEM: {error}") from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise InvalidInput(str(path), "must hold a P-256 key")
        return cls(loaded)

    def save(self, path: str | Path, password: bytes | None = None) -> None:
        """Write the key as PKCS #8 in PEM, readable by its owner only.

        Raises:
            FileExistsError: there is a file of that name; a key is never overwritten.
        """
        encryption = (
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption()
        )
        pem = self._private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())

    def prove(self, chain_id: str, member: str) -> str:
        """The ``proof`` with which ``member`` registers this key (`node.core.key_proof`)."""
        return encode_base64url(self.sign(key_proof_message(chain_id, member, self.kid)))

    def sign(self, message: bytes) -> bytes:
        """ES256 signature of ``message``: 64 bytes, r‖s, s low."""
        r, s = utils.decode_dss_signature(self._private_key.sign(message, _ALGORITHM))
        return use_low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
