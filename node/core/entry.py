"""Entries: what the log holds, one for each accepted transaction.

A canonical JSON object of strings and integers: ``code``, ``facts``, ``height``, ``prev``,
``time``, ``tx``, ``v``. Entry 0 of a chain is its genesis.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from node.core.encoding import canonical_json, decode_canonical_json, decode_hash
from node.core.errors import InvalidEncoding
from node.core.evidence_code import parse_code
from node.core.merkle import leaf_hash

__all__ = [
    "ENTRY_VERSION",
    "MAX_ENTRY_BYTES",
    "Entry",
    "decode_entry",
    "encode_entry",
    "join_entry",
]

ENTRY_VERSION = 1
MAX_ENTRY_BYTES = 32 * 1024
_MEMBERS = {"code", "facts", "height", "prev", "time", "tx", "v"}
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One entry. ``time`` is its header's in ms, ``prev`` the dossier's last leaf hash or b""."""

    code: str
    facts: dict[str, Any]
    height: int
    prev: bytes
    time: int
    tx: str

    def encode(self) -> bytes:
        """The canonical JSON that is the leaf's data."""
        return encode_entry(self.code, self.facts, self.height, self.prev, self.time, self.tx)

    def leaf_hash(self) -> bytes:
        """The entry's leaf hash in the log."""
        return leaf_hash(self.encode())


def encode_entry(
    code: str, facts: dict[str, Any], height: int, prev: bytes, time: int, tx: str
) -> bytes:
    """Canonical bytes of an entry."""
    return canonical_json(
        {
            "code": code,
            "facts": facts,
            "height": height,
            "prev": prev.hex(),
            "time": time,
            "tx": tx,
            "v": ENTRY_VERSION,
        }
    )


def join_entry(code: str, facts: bytes, height: int, prev: str, time: int, tx: bytes) -> bytes:
    """What `encode_entry` gives, of members that are in their canonical form already: the ledger
    makes it for every record."""
    return b'{"code":"%b","facts":%b,"height":%d,"prev":"%b","time":%d,"tx":"%b","v":1}' % (
        code.encode("ascii"),
        facts,
        height,
        prev.encode("ascii"),
        time,
        tx,
    )


def decode_entry(data: bytes, *, place: str = "entry") -> Entry:
    """Decode an entry and require its canonical form.

    Raises:
        InvalidEncoding: names the place and the rule.
    """
    value = decode_canonical_json(data, place=place, max_bytes=MAX_ENTRY_BYTES)
    if set(value) != _MEMBERS:
        raise InvalidEncoding(place, "must have exactly " + ", ".join(sorted(_MEMBERS)))
    if value["v"] != ENTRY_VERSION:
        raise InvalidEncoding(f"{place}.v", f"must be {ENTRY_VERSION}")
    for name in ("height", "time"):
        if type(value[name]) is not int or value[name] < 0:
            raise InvalidEncoding(f"{place}.{name}", "must be an integer from 0")
    code, here = value["code"], f"{place}.code"
    if not isinstance(code, str) or parse_code(code, place=here).ordinal is None:
        raise InvalidEncoding(here, "must be an evidence code with its ordinal")
    _check_facts(value["facts"], f"{place}.facts")
    if not isinstance(value["tx"], str) or _JWT.fullmatch(value["tx"]) is None:
        raise InvalidEncoding(f"{place}.tx", "must be a JWS compact string")
    prev = value["prev"]
    return Entry(
        code=code,
        facts=value["facts"],
        height=value["height"],
        prev=b"" if prev == "" else decode_hash(prev, place=f"{place}.prev"),
        time=value["time"],
        tx=value["tx"],
    )


def _check_facts(facts: Any, place: str) -> None:
    if not isinstance(facts, dict):
        raise InvalidEncoding(place, "must be an object")
    for name, fact in facts.items():
        if not isinstance(fact, (str, int)):
            raise InvalidEncoding(f"{place}.{name}", "must be text or an integer")
