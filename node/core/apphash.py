"""app_hash: the one value by which a block header commits to log and state map."""

from __future__ import annotations

import hashlib

__all__ = ["APP_HASH_TAG", "app_hash"]

APP_HASH_TAG = b"evidence-ledger/app/1"


def app_hash(size: int, log_root: bytes, state_root: bytes) -> bytes:
    """SHA-256("evidence-ledger/app/1" ‖ u64 size, big-endian ‖ log root ‖ state root)."""
    material = APP_HASH_TAG + size.to_bytes(8, "big") + log_root + state_root
    return hashlib.sha256(material).digest()
