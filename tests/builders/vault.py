"""Stores, disclosures and requests for the tests of the vault."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.core.disclosure import Disclosure, encode_disclosure
from node.core.encoding import encode_base64url
from node.storage.leveldb import open_leveldb
from node.storage.memory import MemoryStore
from node.vault.access_log import AccessRecord
from node.vault.keys import WrappingKey
from node.vault.vault import Vault

CASE = "case:platform-a:0001"
OTHER_CASE = "case:platform-a:00010"  # the first one's name is a prefix of it
SEAL = "seal:maker-b:es-7.1_x"


class StoreBroke(Exception):
    """What `LocalStore` raises in place of a write that it was told to fail."""


class LocalStore:
    """A store whose writes can be made to fail.

    ``fail_after``: how many more writes succeed; None: all.
    """

    def __init__(self, store: Any) -> None:
        self.store = store
        self.fail_after: int | None = None
        self.writes = 0
        self.after_write: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def write(self, batch: Any, *, sync: bool) -> None:
        assert sync, "the vault's rows must be durable"
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise StoreBroke
            self.fail_after -= 1
        self.store.write(batch, sync=sync)
        self.writes += 1
        self.after_write()

    def rows(self, prefix: bytes) -> dict[bytes, bytes]:
        return dict(self.store.scan(prefix, prefix[:-1] + b"0"))

    def put(self, row: bytes, value: bytes) -> None:
        batch = self.store.batch()
        batch.put(row, value)
        self.store.write(batch, sync=True)

    def remove(self, row: bytes) -> None:
        batch = self.store.batch()
        batch.delete(row)
        self.store.write(batch, sync=True)


def memory_store() -> LocalStore:
    return LocalStore(MemoryStore())


def level_store(path: Path) -> LocalStore:
    return LocalStore(open_leveldb(path, write_buffer=1 << 20))


def wrapping_key(seed: str = "first") -> WrappingKey:
    return WrappingKey(hashlib.sha256(seed.encode()).digest())


def transaction(number: int = 1) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


def disclosure(name: str = "id_no", value: Any = "120105199001010614", salt: int = 0) -> Disclosure:
    """A disclosure whose salt follows from its name, so that it can be made again."""
    seed = hashlib.sha256(f"{name} {salt}".encode()).digest()
    return encode_disclosure(encode_base64url(seed[:16]), name, value)


def keep(vault: Vault, store: LocalStore, dossier: str, number: int, *found: Disclosure) -> Any:
    batch = store.batch()
    kept = vault.keep(batch, dossier, transaction(number), found)
    store.write(batch, sync=True)
    return kept


def erase(vault: Vault, store: LocalStore, dossier: str, digests: Any = None) -> Any:
    batch = store.batch()
    erasure = vault.erase(
        batch, dossier, digests, at_ms=1_700_000_000_000, by="court-c", why="(2024)津01民初1号"
    )
    store.write(batch, sync=True)
    return erasure


def texts(vault: Vault, dossier: str, digests: Any = None) -> dict[str, str]:
    return {found.digest: found.encoded for found in vault.reveal(dossier, digests)}


def access(number: int = 1, **changes: Any) -> AccessRecord:
    members: dict[str, Any] = {
        "at_ms": 1_700_000_000_000 + number,
        "member": "court-c",
        "kid": "k" * 43,
        "dossier": CASE,
        "purpose": "审理案件",
        "case_no": "(2024)津01民初1号",
        "decision": "granted",
        "reason": "court",
        "digests": (disclosure().digest,),
    }
    return AccessRecord(**{**members, **changes})
