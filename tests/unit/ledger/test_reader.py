"""Reading the ledger: entries that hash to their leaves, proofs that hold, faults that are told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from builders.events import case_sub, data_of
from builders.ledger import LedgerBench, rows_of
from builders.world import SEAL

from node.core.entry import decode_entry
from node.core.errors import InvalidInput, LedgerFault
from node.core.evidence_code import code_digits
from node.core.merkle import (
    leaf_hash,
    root_of_leaves,
    verify_consistency,
    verify_inclusion,
)
from node.core.statemap import verify_state_proof
from node.core.transaction import decode_transaction, transaction_id
from node.ledger.node_layers import PublishedLayers
from node.ledger.reader import open_reader
from node.ledger.reader_cache import ReaderCache
from node.ledger.rows import (
    BLOCK,
    ENTRIES,
    GENESIS,
    KEPT,
    VALIDATORS,
    VALUE,
    decode_entries_row,
    encode_row,
    number_key,
    tile_key,
)
from node.storage.memory import MemorySegments, MemoryStore

CASE = case_sub()


@pytest.fixture(scope="module")
def wide() -> LedgerBench:
    """A log of more than a whole tile."""
    bench = LedgerBench()
    for start in (0, 200, 400):
        jwts = [bench.jwt("signing.initiated", case_sub(start + n)) for n in range(200)]
        bench.block(jwts[:150], jwts[150:])
    return bench


def change(bench: LedgerBench, key: bytes, value: bytes | None) -> None:
    batch = bench.store.batch()
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)
    bench.store.write(batch, sync=True)


# -- entries --------------------------------------------------------------------------------------


def test_every_entry_hashes_to_its_leaf_and_says_what_was_signed(busy: LedgerBench) -> None:
    with busy.reader() as reader:
        for item in reader.entries(range(1, reader.meta.size)):
            assert decode_entry(item.text) == item.entry
            assert leaf_hash(item.text) == reader.leaf(item.index)
            assert item.transaction == decode_transaction(item.entry.tx.encode())
            found = reader.judged(item.transaction.id)
            assert found is not None
            assert (found.index, found.height) == (item.index, item.entry.height)


def test_entries_come_in_any_order_and_as_often_as_asked(wide: LedgerBench) -> None:
    with wide.reader() as reader:
        asked = [600, 1, 151, 150, 150, 201, 2, 352]
        assert [item.index for item in reader.entries(asked)] == asked
        assert [item.text for item in reader.entries([7])] == [reader.entry(7).text]


@pytest.mark.parametrize("index", [0, -1, 601, 2**53])
def test_there_is_no_entry_outside_the_log(wide: LedgerBench, index: int) -> None:
    with wide.reader() as reader:
        assert reader.meta.size == 601
        with pytest.raises(InvalidInput, match="from 1 to 600"):
            reader.entry(index)


def test_records_of_a_dossier_are_found_in_order(busy: LedgerBench) -> None:
    with busy.reader() as reader:
        by_sub: dict[str, list[int]] = {}
        for item in reader.entries(range(1, reader.meta.size)):
            by_sub.setdefault(item.transaction.sub, []).append(item.index)
        assert {sub: reader.dossier_indexes(sub) for sub in by_sub} == by_sub
        assert reader.dossier_indexes("case:platform-a:unknown") == []


def test_a_reader_sees_the_ledger_as_it_was(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    with bench.reader() as before:
        proof = before.prove(f"dossier/{CASE}")
        bench.record("signing.identity_verified", CASE)
        assert before.meta.size == 2
        assert before.dossier_indexes(CASE) == [1]
        assert before.prove(f"dossier/{CASE}") == proof
        verify_state_proof(proof, before.meta.state_root)
        with pytest.raises(InvalidInput):
            before.entry(2)
    with bench.reader() as after:
        assert after.dossier_indexes(CASE) == [1, 2]


# -- the log --------------------------------------------------------------------------------------

SIZES = (1, 2, 3, 255, 256, 257, 511, 512, 513, 600, 601)


def test_roots_and_proofs_of_every_size(wide: LedgerBench) -> None:
    with wide.reader() as reader:
        leaves = [reader.leaf(index) for index in range(reader.meta.size)]
        for size in SIZES:
            root = reader.root(size)
            assert root == root_of_leaves(leaves[:size])
            for index in {0, 1, size // 2, size - 1} & set(range(size)):
                path = reader.inclusion(index, size)
                verify_inclusion(leaves[index], index, size, path, root)
            for first in SIZES:
                if first <= size:
                    proof = reader.consistency(first, size)
                    verify_consistency(first, size, proof, reader.root(first), root)


@pytest.mark.parametrize("size", [0, -1, 602, 2**60])
def test_there_is_no_other_size(wide: LedgerBench, size: int) -> None:
    with wide.reader() as reader:
        with pytest.raises(InvalidInput, match="from 1 to 601"):
            reader.root(size)
        with pytest.raises(InvalidInput):
            reader.inclusion(0, size)
        with pytest.raises(InvalidInput):
            reader.consistency(1, size)
        with pytest.raises(InvalidInput):
            reader.inclusion(601, 601)


def test_tiles(wide: LedgerBench) -> None:
    with wide.reader() as reader:
        leaves = b"".join(reader.leaf(index) for index in range(601))
        assert reader.tile(0, 0, 256) == leaves[: 256 * 32]
        assert reader.tile(0, 1, 256) == leaves[256 * 32 : 512 * 32]
        assert reader.tile(0, 2, 89) == leaves[512 * 32 :]
        assert reader.tile(0, 2, 1) == leaves[512 * 32 : 513 * 32]
        subtrees = [
            root_of_leaves([leaves[at : at + 32] for at in range(start, start + 256 * 32, 32)])
            for start in (0, 256 * 32)
        ]
        assert reader.tile(1, 0, 2) == b"".join(subtrees)
        for level, index, width in (
            (0, 2, 90),
            (0, 3, 1),
            (1, 0, 3),
            (1, 1, 1),
            (2, 0, 1),
            (8, 0, 1),
            (-1, 0, 1),
            (0, 1 << 48, 1),
        ):
            assert reader.tile(level, index, width) is None


# -- state ----------------------------------------------------------------------------------------


def test_every_value_is_proven_and_so_is_its_absence(busy: LedgerBench) -> None:
    with busy.reader() as reader:
        keys = [
            row[2 : 2 + int.from_bytes(row[:2], "big")].decode()
            for key, row in rows_of(busy.store).items()
            if key[:1] == VALUE and key != VALIDATORS
        ]
        assert len(keys) > 100
        for key in keys:
            proof = reader.prove(key)
            verify_state_proof(proof, reader.meta.state_root)
            assert proof.value is not None
        kinds = set()
        for number in range(200):
            proof = reader.prove(f"code/{number:013d}")
            assert proof.value is None
            kinds.add(proof.other is None)
            verify_state_proof(proof, reader.meta.state_root)
        assert kinds == {True, False}
        assert reader.state("code/0000000000000") is None


def test_where_a_transaction_was_judged(bench: LedgerBench) -> None:
    recorded = bench.record("signing.initiated", CASE)
    refused = bench.jwt("signing.initiated", CASE)
    bench.block([refused])
    with bench.reader() as reader:
        found = reader.judged(transaction_id(recorded))
        assert found is not None
        assert (found.index, found.height, found.rejection) == (1, 1, 0)
        found = reader.judged(transaction_id(refused))
        assert found is not None
        assert (found.index, found.height, found.rejection) == (None, 3, 18)
        assert reader.judged(bytes(32)) is None


# -- blocks ---------------------------------------------------------------------------------------


def test_blocks_and_their_frames(bench: LedgerBench) -> None:
    jwts = [bench.jwt("signing.initiated", case_sub(number)) for number in range(3)]
    frames = [opened.frame for opened in bench.open(jwts[:1], jwts[1:])]
    bench.block(jwts[:1], jwts[1:])
    with bench.reader() as reader:
        row = reader.need_block(1)
        assert list(reader.frames(row)) == frames
        assert (row.first_index, row.size, row.time) == (1, 4, bench.time(1))
        assert list(reader.frames(reader.need_block(2))) == []
        assert reader.block(3) is None
        assert reader.block(-1) is None
        assert reader.block(1 << 48) is None
        header, commit = reader.need_kept(1)
        assert (header.height, commit.height) == (1, 1)
        assert reader.kept(-1) is None
        assert reader.kept(3) is None
        assert reader.validators(header.validators_hash) == bench.genesis.validator_set
        assert reader.genesis_document() == bench.genesis.document


def test_what_is_missing_is_named(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    header = bench.reader().need_kept(1)[0]
    for key, words, read in (
        (number_key(BLOCK, 1), "row of height 1 is missing", lambda r: r.need_block(1)),
        (number_key(KEPT, 1), "commit of height 1 is missing", lambda r: r.need_kept(1)),
        (number_key(ENTRIES, 1), "row of entry 1 is missing", lambda r: r.entry(1)),
        (tile_key(0, 0), "tile 0/0 is missing", lambda r: r.leaf(0)),
        (
            VALIDATORS + header.validators_hash,
            "validator set",
            lambda r: r.validators(header.validators_hash),
        ),
        (GENESIS, "no genesis", lambda r: r.genesis_document()),
    ):
        value = bench.store.get(key)
        assert value is not None
        change(bench, key, None)
        with bench.reader() as reader, pytest.raises(LedgerFault, match=words):
            read(reader)
        change(bench, key, value)
        with bench.reader() as reader:
            read(reader)


def test_an_altered_entry_is_a_fault_and_never_an_answer(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    bench.record("signing.identity_verified", CASE)
    key = number_key(ENTRIES, 2)
    row = decode_entries_row(bench.store.get(key) or b"")
    other = decode_entries_row(bench.store.get(number_key(ENTRIES, 1)) or b"")
    changes: list[dict[str, Any]] = [
        {"facts": [b'{"status":"completed"}']},
        {"facts": [b"{"]},
        {"facts": [b"\xff"]},
        {"height": row.height + 1},
        {"time": row.time + 1},
        {"ordinals": [3]},
        {"ordinals": []},
        {"digits": [row.digits[0] + 1]},
        {"digits": []},
        {"before": [0]},
        {"before": [1]},
        {"before": []},
        {"offsets": [2]},
        {"offsets": [1 << 20]},
        {"span": other.span, "body": other.body},
    ]
    for changed in changes:
        change(bench, key, encode_row(msgspec.structs.replace(row, **changed)))
        with bench.reader() as reader, pytest.raises(LedgerFault, match="entry 2"):
            reader.entry(2)
    change(bench, key, encode_row(row))
    with bench.reader() as reader:
        assert reader.entry(2).entry.code.endswith("-2")


def test_a_body_that_is_no_frame_any_more_is_a_fault(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    key = number_key(ENTRIES, 1)
    row = decode_entries_row(bench.store.get(key) or b"")
    start, length = row.span
    moved = msgspec.structs.replace(row, span=(start + 1, length - 1))
    change(bench, key, encode_row(moved))
    with bench.reader() as reader, pytest.raises(LedgerFault, match="segment 1, offset"):
        reader.entry(1)


def test_a_value_under_another_key_is_a_fault(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    rows = [(key, row) for key, row in rows_of(bench.store).items() if len(key) == 33]
    values = [(key, row) for key, row in rows if key[:1] == VALUE]
    (one, _), (_, row) = values[0], values[1]
    name = values[0][1][2 : 2 + int.from_bytes(values[0][1][:2], "big")].decode()
    change(bench, one, row)
    with bench.reader() as reader, pytest.raises(LedgerFault, match=f"row of {name} holds"):
        reader.state(name)


def test_a_chain_of_records_that_breaks_off_is_a_fault(bench: LedgerBench) -> None:
    for event_type in ("signing.initiated", "signing.identity_verified"):
        bench.record(event_type, CASE)
    key = number_key(ENTRIES, 2)
    row = decode_entries_row(bench.store.get(key) or b"")
    change(bench, key, encode_row(msgspec.structs.replace(row, before=[0])))
    with bench.reader() as reader, pytest.raises(LedgerFault, match="names none before it"):
        reader.dossier_indexes(CASE)


def test_an_empty_store_has_no_reader() -> None:
    store = MemoryStore()
    with pytest.raises(LedgerFault, match="holds no chain yet"):
        open_reader(store, ReaderCache(MemorySegments()), PublishedLayers(0, {}))


def test_a_partial_tile_that_was_cut_is_a_fault(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    tile = bench.store.get(tile_key(0, 0))
    assert tile is not None
    assert len(tile) == 64
    change(bench, tile_key(0, 0), tile[:32])
    with bench.reader() as reader, pytest.raises(LedgerFault, match="too short"):
        reader.leaf(1)


def test_the_story_of_a_seal_is_told_by_its_entries(bench: LedgerBench) -> None:
    bench.record("seal.applied", SEAL)
    bench.record("seal.created", SEAL)
    bench.record("seal.filed", SEAL)
    bench.record("seal.status_changed", SEAL, data_of("seal.status_changed", to="lost"))
    with bench.reader() as reader:
        entries = list(reader.entries(reader.dossier_indexes(SEAL)))
        digits = code_digits(bench.genesis.chain_id, entries[0].transaction.id, 0)
        assert [item.entry.code for item in entries] == [f"CZ{digits}-{n}" for n in range(1, 5)]
        assert [item.entry.facts["status"] for item in entries] == [
            "applied",
            "created",
            "active",
            "lost",
        ]
        state = reader.state("seal/37010200000001")
    assert state is not None
    assert (state["status"], state["ordinal"]) == ("lost", 4)
