"""An audit finds whatever was altered behind the ledger's back, and says where."""

from __future__ import annotations

import pytest
from builders.ledger import LedgerBench, rows_of
from builders.snapshots import ConsortiumBench
from builders.traffic import traffic

from node.ledger.audit import MAX_FINDINGS, AuditReport, audit_ledger
from node.ledger.rows import (
    BLOCK,
    CHANGED,
    ENTRIES,
    EXPIRY,
    GENESIS,
    INDEX,
    ISSUED,
    KEPT,
    META,
    MIDDLE,
    NODE,
    STATISTICS,
    TILE,
    TRANSACTION,
    VALIDATORS,
    VALUE,
    number_key,
)
from node.storage.memory import MemorySegments, MemoryStore

PREFIXES = {
    "BLOCK": BLOCK,
    "ENTRIES": ENTRIES,
    "EXPIRY": EXPIRY,
    "INDEX": INDEX,
    "ISSUED": ISSUED,
    "MIDDLE": MIDDLE,
    "STATISTICS": STATISTICS,
    "TILE": TILE,
    "TRANSACTION": TRANSACTION,
    "VALUE": VALUE,
}


@pytest.fixture(scope="module")
def audited() -> LedgerBench:
    """A ledger of a few blocks, with refusals that are remembered."""
    bench = LedgerBench()
    bench.play(traffic(2, seals=3, cases=2, records=1))
    return bench


def audit(
    bench: LedgerBench, changes: dict[bytes, bytes | None], *, proofs_follow: bool = False
) -> AuditReport:
    store = MemoryStore()
    batch = store.batch()
    for key, value in {**rows_of(bench.store), **changes}.items():
        if value is not None:
            batch.put(key, value)
    store.write(batch, sync=True)
    return audit_ledger(
        *(store, bench.bodies, MemoryStore(), 0, lambda *_: None), proofs_follow=proofs_follow
    )


def key_of(bench: LedgerBench, prefix: bytes) -> bytes:
    """The middle one of the rows of a kind."""
    keys = [key for key in rows_of(bench.store) if key[:1] == prefix and key not in (META, GENESIS)]
    return keys[len(keys) // 2]


def test_a_sound_ledger_is_clean(audited: LedgerBench) -> None:
    report = audit(audited, {})
    assert report.clean
    assert report.replayed is not None
    assert report.replayed.size == audited.application.need_meta().size


@pytest.mark.parametrize("kind", sorted(PREFIXES))
def test_a_row_that_was_altered_removed_or_added_is_found(audited: LedgerBench, kind: str) -> None:
    key = key_of(audited, PREFIXES[kind])
    value = rows_of(audited.store)[key]
    for changes, what in (
        ({key: value + b"\x00"}, "is not what the blocks give"),
        ({key: None}, "is missing"),
        ({key + b"\x00": value}, "should not be there"),
    ):
        report = audit(audited, changes)
        assert not report.clean
        (finding,) = [item for item in report.findings if next(iter(changes)).hex() in item.where]
        assert finding.what.endswith(what)
        # A value that was altered shows in the nodes above it too, and in nothing else.
        others = {item.what.partition(" is")[0] for item in report.findings if item != finding}
        assert others <= ({"a node of the state map"} if kind == "VALUE" else set())


def test_blocks_and_entries_are_named_by_their_numbers(audited: LedgerBench) -> None:
    for prefix, name in ((BLOCK, "height"), (ENTRIES, "entry")):
        key = key_of(audited, prefix)
        (finding,) = audit(audited, {key: None}).findings
        assert f"({name} {int.from_bytes(key[1:], 'big')})" in finding.where


def test_a_row_of_no_known_kind_is_found(audited: LedgerBench) -> None:
    (finding,) = audit(audited, {b"~stray": b"x"}).findings
    assert finding.what == "a row of no known kind should not be there"


def test_what_the_chain_itself_rests_on(audited: LedgerBench) -> None:
    for key, words in (
        (GENESIS, "its genesis is missing"),
        (key_of(audited, KEPT), "its header is missing"),
    ):
        report = audit(audited, {key: None})
        assert not report.clean
        assert report.replayed is None
        assert words in report.findings[0].what
    (finding,) = audit(audited, {key_of(audited, VALIDATORS): None}).findings
    assert finding.what == "a validator set is missing"


def test_a_meta_that_was_moved_back_hides_nothing(audited: LedgerBench) -> None:
    """An earlier meta would let the ledger forget its last blocks; their rows give it away."""
    other = LedgerBench()
    other.play(list(traffic(2, seals=3, cases=2, records=1))[:20])
    earlier = rows_of(other.store)[META]
    report = audit(audited, {META: earlier})
    assert not report.clean


@pytest.mark.parametrize("closed", [True, False])
def test_nodes_of_the_state_map(closed: bool) -> None:
    """Whether all of them are written or some are kept back, to be made again from the values."""
    bench = LedgerBench()
    bench.play(traffic(2, seals=3, cases=2, records=1))
    if closed:
        bench.application.close()
    assert audit(bench, {}).clean
    key = key_of(bench, NODE)
    row = rows_of(bench.store)[key]
    flipped = row[:-1] + bytes((row[-1] ^ 1,))
    for changed in (None, b"", row[:-1], row + b"\x00", flipped):
        findings = audit(bench, {key: changed}).findings
        assert findings
        assert all("state map" in item.where + item.what for item in findings)


def test_changes_that_were_forgotten_are_found(audited: LedgerBench) -> None:
    """Without them the nodes kept back could not be made again."""
    key = key_of(audited, CHANGED)
    for changed in (None, b""):
        findings = audit(audited, {key: changed}).findings
        assert findings
        assert all(item.what.startswith("a node of the state map is") for item in findings)


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x90"])
def test_a_meta_that_cannot_be_read(audited: LedgerBench, raw: bytes) -> None:
    (finding,) = audit(audited, {META: raw}).findings
    assert finding.where == "the chain"


def test_a_body_that_is_gone_is_found(audited: LedgerBench) -> None:
    report = audit_ledger(audited.store, MemorySegments(), MemoryStore(), 0, lambda *_: None)
    assert not report.clean
    assert report.replayed is None


def test_no_more_is_told_than_can_be_read(audited: LedgerBench) -> None:
    stray: dict[bytes, bytes | None] = {b"~%d" % number: b"" for number in range(2 * MAX_FINDINGS)}
    assert len(audit(audited, stray).findings) == MAX_FINDINGS


def test_in_a_consortium_the_newest_headers_may_not_be_there_yet(audited: LedgerBench) -> None:
    """A node that was killed: blocks written, their headers and commits not fetched."""
    kept = sorted(key for key in rows_of(audited.store) if key[:1] == KEPT)
    gone: dict[bytes, bytes | None] = dict.fromkeys(kept[-3:])
    report = audit(audited, gone, proofs_follow=True)
    assert report.clean
    assert report.replayed is not None
    assert report.replayed.unproven == 3
    assert not audit(audited, gone).clean, "the solo engine writes them with the block"
    hole: dict[bytes, bytes | None] = {kept[-3]: None}
    assert not audit(audited, hole, proofs_follow=True).clean, "behind it they are there"


def test_in_a_consortium_a_header_may_be_there_before_its_block(audited: LedgerBench) -> None:
    rows = rows_of(audited.store)
    newest = max(key for key in rows if key[:1] == KEPT)
    after = number_key(KEPT, int.from_bytes(newest[1:], "big") + 1)
    early: dict[bytes, bytes | None] = {after: rows[newest]}
    report = audit(audited, early, proofs_follow=True)
    assert report.clean
    assert report.replayed is not None
    assert report.replayed.unproven == 0
    assert not audit(audited, early).clean


def built() -> ConsortiumBench:
    bench = ConsortiumBench()
    bench.play(traffic(2, seals=2, cases=1, records=1))
    return bench


def consortium_audit(changes: dict[bytes, bytes | None], *, later: bool = True) -> AuditReport:
    """Of a ledger whose node ended before it had the newest headers."""
    bench = built()
    store = MemoryStore()
    batch = store.batch()
    for key, value in {**rows_of(bench.store), **changes}.items():
        if value is not None:
            batch.put(key, value)
    store.write(batch, sync=True)
    return audit_ledger(store, bench.bodies, MemoryStore(), 0, lambda *_: None, proofs_follow=later)


@pytest.fixture(scope="module")
def newest() -> int:
    return built().application.need_meta().height


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_the_newest_headers_of_a_consortium_may_be_still_to_come(newest: int, missing: int) -> None:
    """Of the last four blocks two hold records: they are made again, and match what is stored."""
    gone = {number_key(KEPT, newest - back): None for back in range(missing)}
    report = consortium_audit(dict(gone))
    assert report.clean, report.findings
    assert report.replayed is not None
    assert report.replayed.unproven == missing
    assert consortium_audit(dict(gone), later=False).clean is (not missing)


def test_a_header_in_between_may_not_be_missing(newest: int) -> None:
    report = consortium_audit({number_key(KEPT, newest - 1): None})
    assert [finding.what for finding in report.findings] == [
        f"height {newest - 1}: its header is missing"
    ]


def test_altered_rows_of_unproven_blocks_are_found(newest: int) -> None:
    changes: dict[bytes, bytes | None] = {number_key(KEPT, newest): None}
    raw = rows_of(built().store)[number_key(BLOCK, newest)]
    changes[number_key(BLOCK, newest)] = raw[:-3] + bytes(3)
    assert not consortium_audit(changes).clean
