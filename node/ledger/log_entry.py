"""An entry as it was found in the log."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from functools import cached_property

import orjson

from node.core.entry import Entry
from node.core.signatures import algorithm_named
from node.core.transaction import Transaction, transaction_id

__all__ = ["LogEntry"]


@dataclass(frozen=True)
class LogEntry:
    """An entry as the log holds it. ``text`` is its canonical JSON, ``index`` its place."""

    index: int
    text: bytes
    entry: Entry

    @cached_property
    def transaction(self) -> Transaction:
        """Its transaction, decoded as `node.core.transaction.decode_transaction` does.

        Nothing is checked again: the entry hashes to its leaf, so it is what was recorded, and what
        was recorded passed every check.
        """
        jwt = self.entry.tx.encode("ascii")
        signing_input, _, signature = jwt.rpartition(b".")
        header, payload = (orjson.loads(_decode(part)) for part in signing_input.split(b"."))
        return Transaction(
            jwt=self.entry.tx,
            id=transaction_id(jwt),
            algorithm=algorithm_named(header["alg"], place="header.alg"),
            kid=header["kid"],
            cid=payload["cid"],
            iss=payload["iss"],
            jti=payload["jti"],
            iat=payload["iat"],
            exp=payload["exp"],
            type=payload["type"],
            sub=payload["sub"],
            occurred_at=payload["occurred_at"],
            collected_at=payload.get("collected_at"),
            source=payload["source"],
            data=payload["data"],
            digests=tuple(payload.get("_sd", ())),
            signing_input=signing_input,
            signature=_decode(signature),
        )


def _decode(part: bytes) -> bytes:
    return binascii.a2b_base64(part.translate(_TO_STANDARD) + b"=" * (-len(part) % 4))


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
