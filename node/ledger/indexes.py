"""Look-up indexes: derived from entries, never consensus, rebuilt by `evidence-node reindex`.

A row is ``i`` ‖ kind ‖ value ‖ 0x00 ‖ index of the entry, with an empty value. Kinds:

    d  a document's SHA-256    s  签约编号    a  alias    e  es_id    q  seal code
    f  filing number           g  the dossier code that a record is about    r  certificate number
    p  proposals, c  confirmed anchors, n  seals, each all under one empty value

Values are tidied like what somebody types. One that would make too long a key stands by its
SHA-256: tidying can make eighteen characters of one, and nothing valid may stop the writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from node.core.encoding import decode_hash
from node.core.evidence_code import tidy_lookup
from node.ledger.rows import INDEX
from node.storage.ports import Reader

__all__ = ["KINDS", "find", "index_keys"]

KINDS = {
    "document": b"d",
    "sign_no": b"s",
    "alias": b"a",
    "es_id": b"e",
    "seal_code": b"q",
    "filing_no": b"f",
    "about": b"g",
    "certificate_no": b"r",
    "proposal": b"p",
    "anchor": b"c",
    "seal": b"n",
}
_D, _S, _A, _E = (INDEX + KINDS[name] for name in ("document", "sign_no", "alias", "es_id"))
_Q, _F, _G, _R, _P, _C, _N = (
    INDEX + KINDS[name]
    for name in ("seal_code", "filing_no", "about", "certificate_no", "proposal", "anchor", "seal")
)


_LONGEST_VALUE = 512


def _row(prefix: bytes, value: str, tail: bytes) -> bytes:
    raw = value.encode("utf-8", "replace")
    return prefix + (raw if len(raw) <= _LONGEST_VALUE else sha256(raw).digest()) + tail


def _initiated(data: dict[str, Any], tail: bytes) -> list[bytes]:
    rows = [_D + bytes.fromhex(item["sha256"]) + tail for item in data["documents"]]
    rows.append(_row(_S, tidy_lookup(data["sign_no"]), tail))
    rows += [_row(_A, tidy_lookup(alias), tail) for alias in data.get("aliases", ())]
    return rows


def _sealed(data: dict[str, Any], tail: bytes) -> list[bytes]:
    return [_D + bytes.fromhex(data["after_hash"]) + tail]


def _created(data: dict[str, Any], tail: bytes) -> list[bytes]:
    return [
        _row(_E, tidy_lookup(data["es_id"]), tail),
        _row(_Q, tidy_lookup(data["seal_code"]), tail),
        _N + tail,
    ]


def _filed(data: dict[str, Any], tail: bytes) -> list[bytes]:
    return [_row(_F, tidy_lookup(data["filing_no"]), tail)]


def _record(data: dict[str, Any], tail: bytes) -> list[bytes]:
    rows = [_D + bytes.fromhex(digest) + tail for digest in sorted(set(data["document_hashes"]))]
    return rows + [_row(_A, tidy_lookup(alias), tail) for alias in data["aliases"]]


def _about(data: dict[str, Any], tail: bytes) -> list[bytes]:
    return [_row(_G, data["code"][2:15], tail)]


def _certificate(data: dict[str, Any], tail: bytes) -> list[bytes]:
    return [*_about(data, tail), _row(_R, tidy_lookup(data["certificate_no"]), tail)]


def _proposal(data: dict[str, Any], tail: bytes) -> list[bytes]:
    return [_P + tail]


def _anchor(data: dict[str, Any], tail: bytes) -> list[bytes]:
    return [_C + tail]


_ROWS = {
    "anchor.confirmed": _anchor,
    "certificate.issued": _certificate,
    "disclosure.erased": _about,
    "disclosure.released": _about,
    "governance.proposed": _proposal,
    "record.imported": _record,
    "seal.created": _created,
    "seal.filed": _filed,
    "seal.imported": lambda data, tail: _created(data, tail) + _filed(data, tail),
    "signing.initiated": _initiated,
    "signing.sealed": _sealed,
}


def index_keys(event_type: str, data: dict[str, Any], index: int) -> list[bytes]:
    """The keys of the rows that the entry at ``index`` adds."""
    rows = _ROWS.get(event_type)
    return [] if rows is None else rows(data, b"\0" + index.to_bytes(6, "big"))


def find(reader: Reader, kind: str, value: str, *, limit: int, first: int = 0) -> Iterator[int]:
    """Indexes of entries found by ``value``, from ``first`` on, oldest first, at most ``limit``.

    Raises:
        InvalidEncoding: a document is not named by its SHA-256 in hex.
    """
    prefix = INDEX + KINDS[kind]
    if kind == "document":
        start = prefix + decode_hash(value, place="document") + b"\0"
    else:
        start = _row(prefix, tidy_lookup(value), b"\0")
    count = 0
    for key, _ in reader.scan(start + first.to_bytes(6, "big"), start + b"\xff" * 7):
        if len(key) != len(start) + 6:
            continue
        yield int.from_bytes(key[-6:], "big")
        count += 1
        if count >= limit:
            return
