"""The key that signs a log's entries. It stays in here: no error and no repr holds it."""

from __future__ import annotations

from pathlib import Path

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.rest.signing import read_secret
from node.core.signatures import PublicJwk

__all__ = ["EntryKey", "read_entry_key"]


class EntryKey:
    """A P-256 private key."""

    __slots__ = ("_key", "public")

    def __init__(self, pem: bytes) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            # Without the cause, which may quote the file.
            raise Misconfigured("key: must be PEM of a P-256 key without a password") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise Misconfigured("key: must be PEM of a P-256 key")
        self._key = key
        numbers = key.public_key().public_numbers()
        self.public = PublicJwk(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))

    def __repr__(self) -> str:
        return "EntryKey(…)"

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256, DER; the same for the same message (RFC 6979)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def read_entry_key(path: Path) -> EntryKey:
    """The key in a PEM file that only its owner can read. Raises Misconfigured."""
    return EntryKey(read_secret(path).reveal())
