"""The access log: who asked for personal data, for what, and what came of it. Append-only.

Rows ``v/a/<number>`` (8 bytes, big-endian, from 1) hold a record's SHA-256 and the record as
canonical JSON, in which ``prev`` is the SHA-256 of the record before it (64 zeros in the first) and
``n`` its number. The row ``v/h`` names the last record, so that a record missing from the end is
noticed too.

Whoever can write to the store can write the whole log anew. Against that, publish `AccessLog.head`
where it cannot be taken back (``disclosure.released`` on the chain, a certificate), and give it to
`AccessLog.verify`: from then on nothing up to it can be changed or left out unnoticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from node.core.encoding import canonical_json, decode_canonical_json
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_each, read_hash, read_integer, read_text
from node.vault.errors import AccessLogBroken

if TYPE_CHECKING:
    from node.storage.ports import Batch, Reader, Store

__all__ = ["DECISIONS", "AccessEntry", "AccessHead", "AccessLog", "AccessRecord"]

DECISIONS = ("erased", "granted", "refused")

_RECORDS = b"v/a/"
_HEAD = b"v/h"
_END = b"v/a0"
_NO_HASH = bytes(32)
_MAX_BYTES = 1 << 20
_MAX_DIGESTS = 4096
_MEMBERS = (
    *("at_ms", "case_no", "decision", "digests", "dossier", "kid", "member", "n", "prev"),
    *("purpose", "reason"),
)


@dataclass(frozen=True)
class AccessRecord:
    """One request for the personal data of a dossier, and its outcome.

    ``at_ms`` in milliseconds since the Unix epoch; ``kid`` the key that the request was signed
    with; ``reason`` the policy's code or, of an erasure, its ground; ``digests`` what was handed
    out or erased. Texts may be empty where nothing was said, except ``member`` and ``decision``.
    """

    at_ms: int
    member: str
    kid: str
    dossier: str
    purpose: str
    case_no: str
    decision: str
    reason: str
    digests: tuple[str, ...]


@dataclass(frozen=True)
class AccessHead:
    """The last record's number (0: none yet) and SHA-256."""

    number: int
    hash: bytes


@dataclass(frozen=True)
class AccessEntry:
    """A record in its place in the log."""

    number: int
    hash: bytes
    record: AccessRecord


class AccessLog:
    """The access log in the node's local store. Safe for threads; one instance a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()

    def append(self, record: AccessRecord, *, along: Batch | None = None) -> AccessEntry:
        """Append a record and write it, synced, together with the batch ``along`` if one is given.

        The batch is written here, and not by the caller, since records form a chain: one that was
        appended and then not written, or written late, would break it.

        Raises:
            InvalidEncoding: a member of the record is too long or not of its form.
            AccessLogBroken: the end of the log does not hold, and nothing was written.
            StorageError: the store could not write.
        """
        members = asdict(record)
        members["digests"] = list(record.digests)
        _read_record(members, "record")
        with self._lock:
            head = _read_head(self._store)
            _check_end(self._store, head)
            members["n"] = head.number + 1
            members["prev"] = head.hash.hex()
            document = canonical_json(members)
            digest = hashlib.sha256(document).digest()
            batch = self._store.batch() if along is None else along
            batch.put(_row(head.number + 1), digest + document)
            batch.put(_HEAD, _encode_head(AccessHead(head.number + 1, digest)))
            self._store.write(batch, sync=True)
        return AccessEntry(head.number + 1, digest, record)

    def head(self) -> AccessHead:
        """Number and hash of the last record.

        Raises:
            AccessLogBroken: the row that names them does not hold.
        """
        return _read_head(self._store)

    def read(self, dossier: str | None = None, since: int | None = None) -> Iterator[AccessEntry]:
        """Records in order, those of one dossier, or from a time (milliseconds) on, if wanted.

        Goes through the whole log: accesses are counted in thousands a year.

        Raises:
            AccessLogBroken: a record cannot be read, or is not what its hash says.
        """
        for row, value in self._store.scan(_RECORDS, _END):
            entry, _ = _decode_entry(_number(row), value)
            record = entry.record
            if dossier is not None and record.dossier != dossier:
                continue
            if since is None or record.at_ms >= since:
                yield entry

    def verify(self, known: AccessHead | None = None) -> None:
        """Check the whole chain, and that a head published earlier still stands in it.

        Raises:
            AccessLogBroken: names the first record that is missing, altered or out of its place.
        """
        with self._store.snapshot() as view:
            last = AccessHead(0, _NO_HASH)
            for row, value in view.scan(_RECORDS, _END):
                last = _verify_next(last, _number(row), value)
                if known is not None and last.number == known.number and last != known:
                    raise AccessLogBroken(last.number, "is not the record that was published")
            head = _read_head(view)
        if last.number != head.number:
            first = min(last.number, head.number) + 1
            found = "is missing" if last.number < head.number else "stands behind the log's end"
            raise AccessLogBroken(first, found)
        if last.hash != head.hash:
            raise AccessLogBroken(last.number, "is not the last record that the log's head names")
        if known is not None and known.number > last.number:
            raise AccessLogBroken(last.number + 1, "is missing, though a later one was published")


def _verify_next(last: AccessHead, number: int, value: bytes) -> AccessHead:
    if number != last.number + 1:
        raise AccessLogBroken(last.number + 1, "is missing")
    entry, previous = _decode_entry(number, value)
    if previous != last.hash:
        if last.number == 0:
            raise AccessLogBroken(1, "is not the beginning of a log")
        raise AccessLogBroken(last.number, "is not the record that the next one follows")
    return AccessHead(number, entry.hash)


def _decode_entry(number: int, value: bytes) -> tuple[AccessEntry, bytes]:
    """The entry in a row, and the hash of the record before it."""
    digest, document = value[:32], value[32:]
    if hashlib.sha256(document).digest() != digest:
        raise AccessLogBroken(number, "was altered")
    try:
        members = decode_canonical_json(document, place="record", max_bytes=_MAX_BYTES)
        exact_members(members, "record", _MEMBERS)
        previous = read_hash(members.pop("prev"), "record.prev")
        if members.pop("n") != number:
            raise InvalidEncoding("record.n", "is another record's number")
        return AccessEntry(number, digest, _read_record(members, "record")), previous
    except InvalidEncoding as error:
        raise AccessLogBroken(number, f"is no record: {error}") from error


def _read_record(members: dict[str, Any], place: str) -> AccessRecord:
    def text(name: str, most: int, least: int = 0) -> str:
        return read_text(members[name], f"{place}.{name}", most=most, least=least)

    def digest(value: Any, where: str) -> str:
        return read_text(value, where, most=64)

    if members["decision"] not in DECISIONS:
        raise InvalidEncoding(f"{place}.decision", f"must be one of {', '.join(DECISIONS)}")
    return AccessRecord(
        at_ms=read_integer(members["at_ms"], f"{place}.at_ms"),
        member=text("member", 128, 1),
        kid=text("kid", 128),
        dossier=text("dossier", 200),
        purpose=text("purpose", 500),
        case_no=text("case_no", 200),
        decision=members["decision"],
        reason=text("reason", 500),
        digests=read_each(members["digests"], f"{place}.digests", digest, most=_MAX_DIGESTS),
    )


def _row(number: int) -> bytes:
    return _RECORDS + number.to_bytes(8, "big")


def _number(row: bytes) -> int:
    if len(row) != len(_RECORDS) + 8:
        raise AccessLogBroken(0, f"{row!r} is no record's row")
    return int.from_bytes(row[len(_RECORDS) :], "big")


def _encode_head(head: AccessHead) -> bytes:
    return head.number.to_bytes(8, "big") + head.hash


def _read_head(reader: Reader) -> AccessHead:
    value = reader.get(_HEAD)
    if value is None:
        return AccessHead(0, _NO_HASH)
    if len(value) != 40:
        raise AccessLogBroken(0, "the row that names the last record was altered")
    return AccessHead(int.from_bytes(value[:8], "big"), value[8:])


def _check_end(reader: Reader, head: AccessHead) -> None:
    """Refuse to append where a record would be overwritten or would follow another one."""
    if reader.get(_row(head.number + 1)) is not None:
        raise AccessLogBroken(head.number + 1, "stands behind the log's end")
    if head.number:
        value = reader.get(_row(head.number))
        if value is None or value[:32] != head.hash:
            raise AccessLogBroken(head.number, "is not the last record that the log's head names")
