"""Signatures that have been checked before: commits of the newest blocks and the records of a
dossier come up in one certificate after another.

Whether a signature holds depends on nothing but the key, the message and the signature itself, so
what held once holds again. What did not hold is not remembered.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from node.core.signatures import Backend, PublicJwk

__all__ = ["CheckedSignatures"]

_MOST = 16_384


class CheckedSignatures:
    """A `Backend` that checks through another one what has not held there before. Safe for
    threads."""

    def __init__(self, backend: Backend) -> None:
        self.name = backend.name
        self._backend = backend
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, None] = OrderedDict()

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        """See Backend."""
        mark = _mark(b"ES256", key.crv.encode("utf-8"), key.x, key.y, message, signature)
        if not self._has_held(mark):
            self._backend.verify_es256(key, message, signature)
            self._remember(mark)

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        """See Backend."""
        mark = _mark(b"Ed25519", key, message, signature)
        if not self._has_held(mark):
            self._backend.verify_ed25519(key, message, signature)
            self._remember(mark)

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        """See Backend."""
        names = curve.encode("utf-8"), digest.encode("utf-8")
        mark = _mark(b"ECDSA", *names, point, message, signature)
        if not self._has_held(mark):
            self._backend.verify_ecdsa(curve, point, digest, message, signature)
            self._remember(mark)

    def _has_held(self, mark: bytes) -> bool:
        with self._lock:
            found = mark in self._held
            if found:
                self._held.move_to_end(mark)
            return found

    def _remember(self, mark: bytes) -> None:
        with self._lock:
            self._held[mark] = None
            if len(self._held) > _MOST:
                self._held.popitem(last=False)


def _mark(*parts: bytes) -> bytes:
    """One hash of all parts, each with its length before it."""
    return hashlib.sha256(b"".join(len(one).to_bytes(8, "big") + one for one in parts)).digest()
