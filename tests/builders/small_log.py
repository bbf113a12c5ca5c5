"""A transparency log in memory, of the form that rekor-tiles has, for tests without its binary."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from builders.judicial_setup import point_of
from builders.rekor import verifier_key
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from node.core.merkle import inclusion_path, leaf_hash, root_hash

__all__ = ["ORIGIN", "SmallLog", "entry_text"]

ORIGIN = "log.example.org/2026"
_ECDSA = ec.ECDSA(hashes.SHA256())
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
SUBMITTER = ec.derive_private_key(0x5AB1, ec.SECP256R1())


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def submitter_spki() -> bytes:
    return SUBMITTER.public_key().public_bytes(*_SPKI)


def entry_text(document: bytes, *, signed: bytes | None = None) -> str:
    """The entry of a document, in the words of rekor-tiles; ``signed`` is what is signed of it."""
    signature = SUBMITTER.sign(document if signed is None else signed, _ECDSA)
    return (
        '{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":'
        f'{{"algorithm":"SHA2_256","digest":"{b64(hashlib.sha256(document).digest())}"}},'
        f'"signature":{{"content":"{b64(signature)}","verifier":{{"keyDetails":'
        f'"PKIX_ECDSA_P256_SHA_256","publicKey":{{"rawBytes":"{b64(submitter_spki())}"}}}}}}}}}}}}'
    )


class SmallLog:
    """``size`` entries, one of them the first point's. ``kind`` is its key's: 1 or 2."""

    def __init__(self, size: int = 7, index: int = 3, kind: int = 2) -> None:
        self.kind = kind
        self.private: Any = (
            ec.derive_private_key(0x106, ec.SECP256R1())
            if kind == 2
            else ed25519.Ed25519PrivateKey.from_private_bytes(b"\x06" * 32)
        )
        self.index, self.size = index, size
        self.entry = entry_text(point_of().document())
        self.leaves = [leaf_hash(f"entry {at}".encode()) for at in range(size)]
        self.leaves[index] = leaf_hash(self.entry.encode())

    @property
    def key(self) -> str:
        public = self.private.public_key()
        raw = public.public_bytes(*(_SPKI if self.kind == 2 else _RAW))
        return verifier_key(ORIGIN, self.kind, raw)

    def read(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.leaves[index]
        left, right = (self.read(level - 1, 2 * index + side) for side in (0, 1))
        return hashlib.sha256(b"\x01" + left + right).digest()

    def text(self, size: int | None = None) -> str:
        """A checkpoint's text."""
        size = self.size if size is None else size
        return f"{ORIGIN}\n{size}\n{b64(root_hash(size, self.read))}\n"

    def sign(self, text: str) -> str:
        """The log's signature line."""
        if self.kind == 2:
            signature = self.private.sign(text.encode(), _ECDSA)
        else:
            signature = self.private.sign(text.encode())
        key_id = bytes.fromhex(self.key.split("+")[1])
        return f"\u2014 {ORIGIN} {b64(key_id + signature)}\n"

    def note(self, *others: str, size: int | None = None) -> str:
        """A signed checkpoint, with further signature lines."""
        text = self.text(size)
        return f"{text}\n{self.sign(text)}{''.join(others)}"

    def receipt(self, *others: str) -> dict[str, Any]:
        """The receipt of the first point."""
        path = inclusion_path(self.index, self.size, self.read)
        return {
            "checkpoint": self.note(*others),
            "entry": self.entry,
            "index": self.index,
            "path": [node.hex() for node in path],
        }

    def trust_entry(self, **more: Any) -> dict[str, Any]:
        """Its entry of a trust file."""
        return {
            "kind": "rekor",
            "log_key": self.key,
            "name": "log",
            "operator": "日志运营方",
            **more,
        }
