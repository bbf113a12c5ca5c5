"""An entry as it was found in the log."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from node.core.entry import Entry
from node.core.transaction import Transaction

__all__ = ["LogEntry"]


@dataclass(frozen=True)
class LogEntry:
    """An entry as the log holds it. ``text`` is its canonical JSON, ``index`` its place."""

    index: int
    text: bytes
    entry: Entry

    @cached_property
    def parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its transaction's protected header and payload.

        Nothing is checked again: the entry hashes to its leaf, so it is what was recorded, and what
        was recorded passed every check.
        """
        header, payload, _ = self.entry.tx.encode("ascii").split(b".")
        return orjson.loads(_decode(header)), orjson.loads(_decode(payload))

    @cached_property
    def transaction(self) -> Transaction:
        """Its transaction, decoded as `node.core.transaction.decode_transaction` does."""
        return Transaction.of(self.entry.tx.encode("ascii"), *self.parts)


def _decode(part: bytes) -> bytes:
    return binascii.a2b_base64(part.translate(_TO_STANDARD) + b"=" * (-len(part) % 4))


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
