"""Auditing a ledger: everything recomputed from genesis and compared row by row.

Finds what checksums find (a flipped bit in any file), and what they cannot: rows that were altered
with their checksums, by somebody who holds the node.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from node.core.errors import InvalidInput, LedgerFault
from node.core.statetree import encode_node
from node.ledger.opening import FrameOpener
from node.ledger.replay import Replayed, replay_ledger
from node.ledger.rows import (
    ANCHOR_POINT,
    BLOCK,
    CHANGE_OF_VALIDATORS,
    CHANGED,
    ENDED,
    ENTRIES,
    EXPIRY,
    GENESIS,
    INDEX,
    ISSUED,
    KEPT,
    KEY,
    META,
    MIDDLE,
    NODE,
    PREDECESSOR,
    RESTORED,
    STATISTICS,
    TILE,
    TRANSACTION,
    VALIDATORS,
    VALUE,
    decode_kept,
    decode_meta,
    encode_row,
    node_key,
    number_key,
)
from node.ledger.state import WorkingState
from node.storage.errors import StorageError
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, Reader, Segments, Store

__all__ = ["AuditReport", "Finding", "audit_ledger"]

MAX_FINDINGS = 100
_ALL = (FIRST_KEY, BEHIND_LAST_KEY)
_UNREADABLE = (LedgerFault, InvalidInput, msgspec.DecodeError)
"""What reading a row raises that is not of its form."""
_NAMES = {
    META: "how far the ledger has come",
    GENESIS: "the genesis",
    PREDECESSOR: "the genesis of a chain before",
    BLOCK: "a block's row",
    KEPT: "a header",
    VALIDATORS: "a validator set",
    ENTRIES: "entries of a frame",
    TILE: "a tile of the log",
    MIDDLE: "the middle of a tile of the log",
    VALUE: "a value of the state map",
    NODE: "a node of the state map",
    TRANSACTION: "the position of a transaction",
    ISSUED: "the position of an issuer's event",
    INDEX: "a look-up index",
    EXPIRY: "a refused transaction",
    STATISTICS: "the statistics",
    KEY: "a registered key",
    CHANGE_OF_VALIDATORS: "a change of validators",
    ANCHOR_POINT: "an anchor point",
}

_UNCOMPARED = (ENDED, RESTORED)

Progress = Callable[[str, int, int], None]
"""Called with a phase, how much of it is done, and how much there is (0: not known)."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: where it lies, and what it is."""

    where: str
    what: str


@dataclass(frozen=True)
class AuditReport:
    """What an audit did and found. ``replayed`` is None where the replay could not be finished."""

    findings: tuple[Finding, ...]
    replayed: Replayed | None
    rows: int

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def audit_ledger(
    ledger: Store,
    bodies: Segments,
    scratch: Store,
    workers: int,
    progress: Progress,
    *,
    proofs_follow: bool = False,
) -> AuditReport:
    """Audit a ledger that nobody writes to.

    Args:
        ledger: its store.
        bodies: the bodies of its blocks.
        scratch: an empty store, for the ledger made anew.
        workers: processes that check signatures.
        progress: told how far it is.
        proofs_follow: the ledger is a consortium's: headers and commits are fetched apart from the
            blocks, so of the newest some may be missing, or be there before their blocks.
    """
    findings: list[Finding] = []
    progress("checksums", 0, 0)
    for check in (ledger.check, lambda: _read_all(bodies)):
        try:
            check()
        except StorageError as error:
            findings.append(Finding(_where(error), str(error)))
    if findings:
        return AuditReport(tuple(findings), None, 0)
    try:
        with FrameOpener({}, workers) as opener:
            replayed = replay_ledger(
                ledger,
                bodies,
                scratch,
                opener,
                lambda done, of: progress("replay", done, of),
                proofs_follow=proofs_follow,
            )
        unknown = _unknown_points(ledger, scratch)
        early = _early(ledger, replayed.height) if proofs_follow else frozenset()
    except _UNREADABLE as error:
        return AuditReport((Finding("the chain", str(error)),), None, 0)
    rows = 0
    try:
        for key, found, expected in _compare(ledger, scratch):
            rows += 1
            if rows % 4096 == 0:
                progress("rows", rows, 0)
            if found != expected and not ((expected is None and key in early) or key in unknown):
                findings.append(_row_finding(key, found, expected))
                if len(findings) >= MAX_FINDINGS:
                    break
    except _UNREADABLE as error:
        findings.append(Finding("ledger, nodes of the state map", str(error)))
    progress("rows", rows, rows)
    return AuditReport(tuple(findings), replayed, rows)


def _early(ledger: Reader, height: int) -> frozenset[bytes]:
    """The keys of headers that are there before their blocks, and of the validators beside them."""
    end = number_key(KEPT, (1 << 48) - 1)
    rows = list(ledger.scan(number_key(KEPT, height + 1), end))
    validators = {VALIDATORS + decode_kept(row)[0].validators_hash for _, row in rows}
    return frozenset({key for key, _ in rows} | validators)


def _unknown_points(ledger: Reader, made: Reader) -> frozenset[bytes]:
    """The keys of anchor points that a snapshot, from which the ledger was restored, does not tell;
    those that the ledger has all the same are compared."""
    restored = ledger.get(RESTORED)
    if restored is None:
        return frozenset()
    points = made.scan(ANCHOR_POINT, number_key(ANCHOR_POINT, int.from_bytes(restored, "big") + 1))
    return frozenset(key for key, _ in points if ledger.get(key) is None)


def _where(error: StorageError) -> str:
    return str(getattr(error, "where", "the store"))


def _read_all(bodies: Segments) -> None:
    for _ in bodies.records(None):
        pass


def _settled(ledger: Reader) -> Iterator[tuple[bytes, bytes]]:
    """The ledger's rows as they would be had its writer kept no nodes of the state map back."""
    raw = ledger.get(META)
    meta = None if raw is None else decode_meta(raw)
    overlay: dict[bytes, bytes | None] = {}
    if meta is not None and meta.flushed < meta.height:
        for number, node in WorkingState(ledger, meta.flushed).recover().items():
            overlay[node_key(number)] = None if node is None else encode_node(node)
    stored = (
        (key, row)
        for key, row in ledger.scan(*_ALL)
        if key[:1] != CHANGED and key not in _UNCOMPARED
    )
    if meta is not None:
        settled = encode_row(msgspec.structs.replace(meta, flushed=meta.height))
        stored = ((key, settled if key == META else row) for key, row in stored)
    added = iter(sorted(overlay.items()))
    yield from heapq.merge(
        ((key, row) for key, row in stored if key not in overlay),
        ((key, row) for key, row in added if row is not None),
    )


def _compare(ledger: Reader, made: Reader) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    """Every key of either, with what the ledger holds and what was made anew."""
    left, right = _settled(ledger), iter(made.scan(*_ALL))
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield one[0], one[1], None
            one = next(left, None)
        elif one is None or other[0] < one[0]:
            yield other[0], None, other[1]
            other = next(right, None)
        else:
            yield one[0], one[1], other[1]
            one, other = next(left, None), next(right, None)


def _row_finding(key: bytes, found: bytes | None, expected: bytes | None) -> Finding:
    prefix = next((name for name in (META, GENESIS) if key == name), key[:1])
    kind = _NAMES.get(prefix, "a row of no known kind")
    if found is None:
        what = "is missing"
    elif expected is None:
        what = "should not be there"
    else:
        what = "is not what the blocks give"
    number = int.from_bytes(key[1:7], "big")
    place = {BLOCK: f"height {number}", KEPT: f"height {number}", ENTRIES: f"entry {number}"}
    where = f"ledger, key {key.hex()}"
    return Finding(f"{where} ({place[prefix]})" if prefix in place else where, f"{kind} {what}")
