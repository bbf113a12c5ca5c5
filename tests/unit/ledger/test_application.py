"""The application end to end: genesis, blocks, roots, and the same rows whatever the way."""

from __future__ import annotations

import queue
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import zstandard
from builders.consortium import CHAIN, consortium_genesis
from builders.events import case_sub, data_of
from builders.jwts import respelled
from builders.ledger import BLOCK_MS, LedgerBench, names_of, rows_of, segments_of
from builders.signing import GENESIS_TIME, MemberKey
from builders.traffic import traffic

from node.core.apphash import app_hash
from node.core.encoding import canonical_json, decode_canonical_json, encode_uvarint
from node.core.errors import InvalidInput, LedgerFault
from node.core.frame import decode_frame, encode_frame
from node.core.genesis import encode_genesis
from node.core.merkle import leaf_hash, root_of_leaves
from node.core.statemap import map_root, verify_state_proof
from node.engines.solo.recovery import encode_seal
from node.ledger.application import Application, Finalized, OpenedFrame
from node.ledger.intake import Intake
from node.ledger.rows import META, VALUE, decode_meta, decode_value_row, encode_row, node_key
from node.ledger.state import canonical_state
from node.rules.genesis_parameters import first_state
from node.storage.memory import MemorySegments, MemoryStore
from node.storage.ports import Reader

CASE = case_sub()
TAKEN = (b"", b"", b"", 0, ())
"""Stands for a transaction where only their number matters."""


def packed_frame(content: bytes) -> bytes:
    return b"\x01" + zstandard.ZstdCompressor().compress(content)


def state_of(store: Reader) -> dict[str, bytes]:
    """Every value of the state map, as stored."""
    rows = store.scan(VALUE, VALUE + b"\xff" * 33)
    return dict(decode_value_row(row) for key, row in rows if len(key) == 33)


# -- the beginning --------------------------------------------------------------------------------


def test_the_genesis_is_the_first_entry_and_sets_the_first_state(bench: LedgerBench) -> None:
    genesis = bench.genesis
    meta = bench.application.need_meta()
    state = {key: canonical_json(value) for key, value in first_state(genesis).items()}
    assert (meta.chain_id, meta.height, meta.time, meta.size) == (CHAIN, 0, GENESIS_TIME, 1)
    assert meta.root == leaf_hash(genesis.document)
    assert meta.state_root == map_root(state)
    assert meta.app_hash == app_hash(1, meta.root, meta.state_root)
    assert state_of(bench.store) == state
    assert bench.application.genesis() == genesis
    assert bench.application.last_block() is None


def test_a_chain_begins_at_the_height_that_its_genesis_names() -> None:
    bench = LedgerBench(genesis=consortium_genesis(initial_height=1000))
    assert bench.application.need_meta().height == 999
    assert bench.record("signing.initiated", CASE)
    assert bench.height == 1002


def test_a_store_holds_one_chain(bench: LedgerBench) -> None:
    with pytest.raises(InvalidInput, match=f"holds the chain {CHAIN} already"):
        bench.application.init_chain(consortium_genesis())
    again = Application(bench.store, bench.bodies)
    with pytest.raises(InvalidInput, match="already"):
        again.init_chain(consortium_genesis())


def test_a_chain_is_not_begun_without_the_one_that_it_continues() -> None:
    document = decode_canonical_json(
        consortium_genesis().document, place="genesis", max_bytes=1 << 20
    )
    before = {
        "chain_id": "old",
        "header": "00" * 32,
        "root": "00" * 32,
        "size": 9,
        "state_root": "00" * 32,
    }
    genesis = encode_genesis({**document, "predecessor": before})
    with pytest.raises(InvalidInput, match="predecessor: the ledger of old is not here"):
        Application(MemoryStore(), MemorySegments()).init_chain(genesis)


def test_without_a_chain_there_is_nothing_to_do() -> None:
    empty = Application(MemoryStore(), MemorySegments())
    with pytest.raises(LedgerFault, match="holds no chain yet"):
        empty.need_meta()
    with pytest.raises(LedgerFault, match="no genesis"):
        empty.genesis()
    with pytest.raises(LedgerFault, match="holds no chain yet"):
        empty.finalize(1, 0, ())


def test_parameters_are_those_of_the_genesis() -> None:
    bench = LedgerBench(genesis=consortium_genesis(parameters={"late_after_ms": 5}))
    assert bench.application.parameter("late_after_ms") == 5
    assert bench.application.parameter("rules_version") == 1
    with pytest.raises(LedgerFault, match="parameter/unknown is missing"):
        bench.application.parameter("unknown")


# -- blocks ---------------------------------------------------------------------------------------


def test_an_empty_block_changes_nothing_but_its_height(bench: LedgerBench) -> None:
    before = bench.application.need_meta()
    state = state_of(bench.store)
    bench.block()
    after = bench.application.need_meta()
    assert after.height == before.height + 2
    assert (after.app_hash, after.size) == (before.app_hash, before.size)
    assert state_of(bench.store) == state
    assert segments_of(bench.bodies) == []


def test_a_block_follows_the_one_before(bench: LedgerBench) -> None:
    for height in (0, 2, 7):
        with pytest.raises(LedgerFault, match=f"height {height} after 0"):
            bench.application.finalize(height, bench.time(), ())


def test_a_block_of_refusals_changes_the_state_and_not_the_log(bench: LedgerBench) -> None:
    before = bench.application.need_meta()
    assert bench.block([bench.jwt("signing.voided", CASE)]) == ["dossier_unknown"]
    after = bench.application.need_meta()
    assert (after.size, after.root) == (before.size, before.root)
    assert after.state_root != before.state_root


def test_results_are_a_byte_a_transaction_in_the_order_of_the_frames(bench: LedgerBench) -> None:
    good = [bench.jwt("signing.initiated", case_sub(number)) for number in range(3)]
    bad = bench.jwt("signing.voided", case_sub(9))
    block = bench.finalize(bench.open([good[0], bad], [bad], [good[1]], [good[0], good[2]]))
    assert block.results == [b"\x00\x11", b"\x03", b"\x00", b"\x01\x00"]
    assert names_of(block)[:2] == ["accepted", "dossier_unknown"]
    bench.persist()
    last = bench.application.last_block()
    assert last is not None
    assert last[0].height == block.height + 1
    assert last[2] == []


def test_the_newest_blocks_header_commit_and_results(bench: LedgerBench) -> None:
    application = bench.application
    frames = bench.open([bench.jwt("signing.initiated", CASE)])
    block = application.finalize(1, bench.time(), frames)
    header, commit = bench.seal_block(1, bench.time(), frames, bench.app_hash, block.results)
    application.persist([block], [(header, commit)])
    application.release([block])
    assert application.last_block() == (header, commit, [b"\x00"])


def test_frames_are_taken_while_there_is_room(bench: LedgerBench) -> None:
    frames = bench.open(
        *([bench.jwt("signing.initiated", case_sub(number))] for number in range(4))
    )
    sizes = [len(opened.frame) + 8 for opened in frames]
    prepare = bench.application.prepare
    assert prepare(frames, sum(sizes)) == 4
    assert prepare(frames, sum(sizes) - 1) == 3
    assert prepare(frames, sizes[0]) == 1
    assert prepare(frames, sizes[0] - 1) == 0
    assert prepare([], 0) == 0


def test_a_block_of_more_than_can_be_checked_is_not_prepared(bench: LedgerBench) -> None:
    """Neither of too many transactions nor of too much that is unpacked."""
    many = packed_frame(encode_uvarint(256).ljust(300, b"\0"))
    large = packed_frame(b"\1".ljust(3_000_000, b"\0"))
    prepare = bench.application.prepare
    assert prepare([OpenedFrame(many, [TAKEN] * 256)] * 40, 1 << 22) == 32
    assert prepare([OpenedFrame(large, [TAKEN])] * 5, 1 << 22) == 2


def test_a_proposal_with_a_bad_frame_is_refused_whole(bench: LedgerBench) -> None:
    good = encode_frame([bench.jwt("signing.initiated", CASE)])
    jwt = bench.jwt("signing.initiated", case_sub(2))
    forged = encode_frame([jwt[:-4] + (b"AAAA" if jwt[-4:] != b"AAAA" else b"BBBA")])
    for frames in ([good, forged], [forged], [b"\x01nothing"], [b""]):
        with pytest.raises(InvalidInput):
            bench.application.process(frames, bench.intake)
    (opened,) = bench.application.process([good], bench.intake)
    assert opened.frame == good
    assert [taken[1] for taken in opened.taken] == decode_frame(good)


def bombs() -> list[bytes]:
    """Frames of a few kB that hold 64 MB: one says so, one does not, one says that it is small."""
    zeros = bytes(64 << 20)
    told = zstandard.ZstdCompressor(level=1).compress(zeros)
    untold = zstandard.ZstdCompressor(level=1, write_content_size=False).compress(zeros)
    small = zstandard.ZstdCompressor(level=1).compress(bytes(300))
    assert len(told) < 10_000
    return [b"\x01" + told, b"\x01" + untold, b"\x01" + small[:6] + told[9:]]


@pytest.mark.parametrize("number", range(3))
def test_a_proposal_with_a_bomb_is_refused_without_unpacking_it(
    bench: LedgerBench, number: int
) -> None:
    good, bomb = encode_frame([bench.jwt("signing.initiated", CASE)]), bombs()[number]
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="frame"):
            bench.application.process([good, bomb], bench.intake)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_proposal_with_a_high_s_is_refused_whole(bench: LedgerBench) -> None:
    """Only the edge of a node turns one low; a validator that proposes it is at fault."""
    jwt = bench.jwt("signing.initiated", CASE)
    for warm in (False, True):
        if warm:
            bench.application.process([encode_frame([jwt])], bench.intake)
        with pytest.raises(InvalidInput, match="s is high"):
            bench.application.process([encode_frame([respelled(jwt, "high", "")])], bench.intake)


# -- roots, by definition -------------------------------------------------------------------------


def test_roots_are_those_of_all_entries_and_all_values(busy: LedgerBench) -> None:
    meta = busy.application.need_meta()
    state = state_of(busy.store)
    with busy.reader() as reader:
        leaves = [leaf_hash(reader.genesis_document())]
        leaves += [leaf_hash(reader.entry(index).text) for index in range(1, meta.size)]
    assert meta.size > 100
    assert meta.root == root_of_leaves(leaves)
    assert meta.state_root == map_root(state)
    assert meta.app_hash == app_hash(meta.size, meta.root, meta.state_root)


def test_every_value_of_the_state_is_canonical(busy: LedgerBench) -> None:
    for key, raw in state_of(busy.store).items():
        value = decode_canonical_json(raw, place=key, max_bytes=1 << 20)
        assert canonical_state(value) == canonical_json(value) == raw


def test_every_row_of_a_block_says_what_its_headers_say(busy: LedgerBench) -> None:
    with busy.reader() as reader:
        size = 1
        for height in range(1, busy.application.need_meta().height):
            row = reader.need_block(height)
            after, _ = reader.need_kept(height + 1)
            assert row.first_index == size
            assert after.app_hash == app_hash(row.size, row.root, row.state_root) == row.app_hash
            assert reader.root(row.size) == row.root
            size = row.size


# -- the same whatever the way --------------------------------------------------------------------


def play(bench: LedgerBench, seed: int) -> list[bytes]:
    """The app_hash after each block of a seed's traffic."""
    steps = traffic(seed, seals=4, cases=4, records=2)
    hashes: list[bytes] = []
    jwts: list[bytes] = []
    for step in steps:
        jwts.append(bench.jwt_of(step))
        if len(jwts) == 7:
            bench.block(jwts[:3], jwts[3:])
            hashes.append(bench.app_hash)
            jwts = []
    return hashes


def test_disk_and_memory_hold_the_same(make_bench: Callable[[str], LedgerBench]) -> None:
    memory, disk = make_bench("memory"), make_bench("disk")
    assert play(memory, 3) == play(disk, 3)
    assert rows_of(memory.store) == rows_of(disk.store)
    assert segments_of(memory.bodies) == segments_of(disk.bodies)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_opened_again_it_goes_on_as_if_it_had_not_been_closed(
    make_bench: Callable[[str], LedgerBench], where: str
) -> None:
    bench, other = make_bench(where), LedgerBench()
    for made in (bench, other):
        play(made, 4)
    for number in range(3):
        bench.application = Application(bench.store, bench.bodies)
        if number == 1:
            bench.application.close()
            bench.application = Application(bench.store, bench.bodies)
        for made in (bench, other):
            jwts = [
                made.jwt("signing.initiated", case_sub(100 + number), jti=f"again-{number}"),
                made.jwt("signing.initiated", case_sub(1), jti=f"again-x-{number}"),
            ]
            made.block(jwts)
        assert bench.application.need_meta().app_hash == other.app_hash
        assert bench.application.statistics.row() == other.application.statistics.row()
    assert state_of(bench.store) == state_of(other.store)


def test_finalizing_may_run_ahead_of_writing(bench: LedgerBench) -> None:
    steps = list(traffic(5, seals=4, cases=4, records=2))
    jwts = [bench.jwt_of(step) for step in steps if step.about is None]
    groups = [jwts[start : start + 6] for start in range(0, len(jwts), 6)]
    ahead = LedgerBench()
    expected, found = [], []
    for number, group in enumerate(groups):
        at = bench.time()
        expected.append(names_of(bench.finalize(bench.open(group), time=at)))
        bench.persist()
        found.append(names_of(ahead.finalize(ahead.open(group), time=at)))
        if number % 4 == 3:
            ahead.persist()
    ahead.persist()
    assert found == expected
    assert rows_of(ahead.store) == rows_of(bench.store)
    assert segments_of(ahead.bodies) == segments_of(bench.bodies)


def test_one_thread_finalizes_while_another_writes_and_others_read(
    make_bench: Callable[[str], LedgerBench],
) -> None:
    bench, plain = make_bench("disk"), LedgerBench()
    jwts = [bench.jwt_of(step) for step in traffic(6) if step.about is None]
    groups = [jwts[start : start + 5] for start in range(0, len(jwts), 5)]
    times = [plain.time(2 * number + 1) for number in range(len(groups))]
    for group, at in zip(groups, times):
        plain.finalize(plain.open(group), time=at)
    plain.persist()
    steps: queue.Queue[tuple[list[Finalized], list[Any]] | None] = queue.Queue(2)
    written: queue.SimpleQueue[list[Finalized]] = queue.SimpleQueue()
    done = threading.Event()
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write_steps, bench, steps, written)
        reading = [pool.submit(read_until, bench, done) for _ in range(2)]
        for group, at in zip(groups, times):
            while not written.empty():
                bench.application.release(written.get())
            bench.finalize(bench.open(group), time=at)
            steps.put(bench.waiting.pop(), timeout=60)
        steps.put(None)
        writing.result()
        done.set()
        assert all(reader.result() > 0 for reader in reading)
    assert rows_of(bench.store) == rows_of(plain.store)
    assert segments_of(bench.bodies) == segments_of(plain.bodies)


def write_steps(
    bench: LedgerBench,
    steps: queue.Queue[tuple[list[Finalized], list[Any]] | None],
    written: queue.SimpleQueue[list[Finalized]],
) -> None:
    while (step := steps.get()) is not None:
        blocks, kept = step
        bench.application.persist(blocks, kept, encode_seal(kept))
        written.put(blocks)


def read_until(bench: LedgerBench, done: threading.Event) -> int:
    """Read the newest ledger again and again, verifying all; returns how often."""
    reads = 0
    while not done.is_set() or not reads:
        with bench.reader() as reader:
            root = reader.meta.state_root
            for key in ("parameter/late_after_ms", "seal/none", "dossier/case:platform-a:0001"):
                verify_state_proof(reader.prove(key), root)
            assert reader.root(reader.meta.size) == reader.meta.root
            if reader.meta.size > 1:
                reader.entry(reader.meta.size - 1)
        reads += 1
    return reads


def test_several_blocks_may_be_written_in_one_batch(bench: LedgerBench) -> None:
    one, other = bench, LedgerBench()
    jwts = [one.jwt("signing.initiated", case_sub(number)) for number in range(6)]
    times = [one.time() + number * BLOCK_MS for number in range(3)]
    for number, at in enumerate(times):
        block = one.application.finalize(number + 1, at, one.open(jwts[2 * number :][:2]))
        one.application.persist([block], seal=b"s")
        one.application.release([block])
    blocks = []
    batch = other.store.batch()
    for number, at in enumerate(times):
        frames = other.open(jwts[2 * number :][:2])
        blocks.append(other.application.finalize(number + 1, at, frames, batch))
    other.application.persist(blocks, seal=b"s")
    other.application.release(blocks)
    assert rows_of(one.store) == rows_of(other.store)
    assert segments_of(one.bodies) == segments_of(other.bodies)


def test_statistics_count_what_was_recorded_and_refused(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    bench.record("signing.identity_verified", CASE)
    first = bench.jwt("signing.initiated", CASE)
    bench.block([first], [first])
    assert bench.application.statistics.to_json() == {
        "dossiers": {"case": 1},
        "records": {"signing.identity_verified": 1, "signing.initiated": 1},
        "refused": {"already_refused": 1, "dossier_exists": 1},
    }
    reopened = Application(bench.store, bench.bodies)
    assert reopened.statistics.to_json() == bench.application.statistics.to_json()


# -- what cannot be right -------------------------------------------------------------------------


def test_a_ledger_that_is_not_what_it_says_is_not_opened(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    raw = bench.store.get(META)
    assert raw is not None
    meta = decode_meta(raw)
    for name in ("root", "state_root"):
        changed = {field: getattr(meta, field) for field in meta.__struct_fields__}
        changed[name] = bytes(32)
        batch = bench.store.batch()
        batch.put(META, encode_row(type(meta)(**changed)))
        bench.store.write(batch, sync=True)
        with pytest.raises(LedgerFault, match="not what the last block left"):
            Application(bench.store, bench.bodies)
    batch = bench.store.batch()
    batch.put(META, raw)
    bench.store.write(batch, sync=True)
    assert Application(bench.store, bench.bodies).need_meta() == meta
    batch = bench.store.batch()
    batch.put(META, raw[:-1])
    bench.store.write(batch, sync=True)
    with pytest.raises(LedgerFault, match="cannot be read"):
        Application(bench.store, bench.bodies)


def test_a_node_that_is_none_stops_the_ledger(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    bench.application.close()
    batch = bench.store.batch()
    batch.put(node_key(1), b"\x00\x01\x00\x00")
    bench.store.write(batch, sync=True)
    with pytest.raises(LedgerFault, match=r"state map: node 1 .*audit"):
        Application(bench.store, bench.bodies)
    with bench.reader() as reader, pytest.raises(LedgerFault, match="state map: node 1 "):
        reader.prove("parameter/late_after_ms")


def test_key_rings_hold_every_key_of_the_genesis() -> None:
    bench = LedgerBench()
    ring = bench.application.key_ring()
    kids = [key[4:] for key in state_of(bench.store) if key.startswith("key/")]
    assert set(bench.application.public_keys()) == set(kids)
    assert all(ring.get(kid) is not None for kid in kids)
    assert ring.get("A" * 43) is None


def new_key_case(bench: LedgerBench) -> tuple[MemberKey, bytes, bytes]:
    """A key that is not registered, an event signed with it, and the same badly signed."""
    key = MemberKey("another of platform-a")
    good, other = (bench.jwt("signing.initiated", case_sub(n), key=key) for n in (901, 902))
    return key, good, good[: good.rindex(b".")] + other[other.rindex(b".") :]


def register(bench: LedgerBench, key: MemberKey, block: Finalized) -> None:
    """What an event in ``block`` would do: the key stands in the state, and everybody is told."""
    assert block.height == bench.application.need_meta().height
    bench.application._working.state.set(
        f"key/{key.kid}", {"from": block.height, "jwk": key.jwk.to_json(), "member": "platform-a"}
    )
    bench.application.keys_registered({key.kid: key.jwk})


def one(bench: LedgerBench, frames: list[OpenedFrame]) -> Finalized:
    """A block alone, without the empty one that follows."""
    block = bench.application.finalize(bench.height, bench.time(), frames)
    bench.application.persist([block])
    bench.application.release([block])
    return block


def test_a_key_counts_from_the_block_after_the_one_that_registers_it(bench: LedgerBench) -> None:
    """Frames opened before are opened anew, without their saying so."""
    key, good, bad = new_key_case(bench)
    early_good, early_bad = bench.open([good], [bad])
    assert early_good.unknown_kids() == early_bad.unknown_kids() == {key.kid}
    block = one(bench, [early_bad, early_good])
    assert names_of(block) == ["unknown_key", "unknown_key"], "whatever its signature"
    told: list[object] = []
    bench.application.on_keys(told.append)
    register(bench, key, block)
    assert told == [{key.kid: key.jwk}]
    assert bench.application.public_keys()[key.kid] == key.jwk
    with pytest.raises(InvalidInput, match="does not hold"):
        bench.open([bad])
    with pytest.raises(LedgerFault, match=r"height 2 .*frame\[0\].signature: does not hold"):
        bench.application.finalize(2, bench.time(), [early_bad])
    assert not bench.open([good])[0].unknown_kids()
    assert names_of(one(bench, [early_good])) == ["accepted"]
    assert bench.application.opened_now(early_good).taken == bench.open([good])[0].taken


def test_frames_opened_before_and_after_a_key_came_give_one_block() -> None:
    ends = []
    for early in (True, False):
        bench = LedgerBench()
        key, good, _ = new_key_case(bench)
        frames = bench.open([good])
        register(bench, key, one(bench, bench.open([bench.jwt("signing.initiated", CASE)])))
        block = one(bench, frames if early else bench.open([good]))
        ends.append((block.results, block.app_hash))
    assert ends[0] == ends[1]


def test_opened_frames_come_from_process_or_from_elsewhere(bench: LedgerBench) -> None:
    """What a worker hands over are plain tuples; they must do as well."""
    jwt = bench.jwt("signing.initiated", CASE, data_of("signing.initiated"))
    frame = encode_frame([jwt])
    taken = Intake(bench.application.key_ring()).open_frame(frame)
    plain = [OpenedFrame(frame, [(*item[:4], tuple(item[4])) for item in taken])]
    assert names_of(bench.finalize(plain)) == ["accepted"]
