"""Whatever comes in and however it is cut into blocks: the roots are those of the definitions, and
the same frames give the same ledger again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from builders.events import NOW, case_sub
from builders.ledger import LedgerBench, names_of, rows_of
from builders.traffic import traffic
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.apphash import app_hash
from node.core.merkle import leaf_hash, root_of_leaves
from node.core.statemap import map_root
from node.core.transaction import transaction_id
from node.ledger.audit import audit_ledger
from node.ledger.rows import VALUE, decode_value_row
from node.rules.rejections import REJECTIONS
from node.storage.memory import MemoryStore

TESTS = Path(__file__).parents[1]

Plan = list[list[list[bytes]]]
"""Blocks of frames of transactions."""


def planned(bench: LedgerBench, seed: int) -> Plan:
    """The traffic of ``seed`` and some of it once more, cut into frames and blocks at random."""
    rng = random.Random(seed)
    jwts: list[bytes] = []
    for step in traffic(seed, seals=3, cases=3, records=2, proposals=2):
        if step.about is None:
            jwts.append(bench.jwt_of(step))
            if rng.random() < 0.1:
                jwts.append(rng.choice(jwts))
    plan: Plan = []
    while jwts:
        block: list[list[bytes]] = []
        for _ in range(rng.randint(0, 3)):
            size = rng.randint(1, 8)
            frame: list[bytes] = []
            while jwts and len(frame) < size and jwts[0] not in frame:  # none may hold it twice
                frame.append(jwts.pop(0))
            if frame:
                block.append(frame)
        plan.append(block)
    return plan


def check_definitions(bench: LedgerBench) -> None:
    """Roots by definition, from every entry and every value read back."""
    rows = rows_of(bench.store)
    values = dict(decode_value_row(row) for key, row in rows.items() if _is_value(key))
    with bench.reader() as reader:
        meta = reader.meta
        leaves = [leaf_hash(reader.genesis_document())]
        leaves += [leaf_hash(item.text) for item in reader.entries(range(1, meta.size))]
    assert meta.root == root_of_leaves(leaves)
    assert meta.state_root == map_root(values)
    assert meta.app_hash == app_hash(meta.size, meta.root, meta.state_root)


def _is_value(key: bytes) -> bool:
    return len(key) == 33 and key[:1] == VALUE


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_the_same_frames_give_the_same_ledger(seed: int, written_every: int) -> None:
    one, other = LedgerBench(), LedgerBench()
    for number, block in enumerate(planned(one, seed)):
        at = one.time()
        first = one.finalize(one.open(*block), time=at)
        one.persist()
        second = other.finalize(other.open(*block), time=at)
        if number % written_every == 0:
            other.persist()
        assert names_of(first) == names_of(second)
        assert first.app_hash == second.app_hash
        assert len(first.results) == len(block)
    other.persist()
    assert rows_of(one.store) == rows_of(other.store)
    check_definitions(one)
    report = audit_ledger(one.store, one.bodies, MemoryStore(), 0, lambda *_: None)
    assert report.clean, report.findings


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_every_transaction_is_recorded_once_or_refused_for_a_reason(seed: int) -> None:
    bench = LedgerBench()
    recorded: set[bytes] = set()
    for block in planned(bench, seed):
        ends = bench.block(*block)
        for jwt, end in zip([jwt for frame in block for jwt in frame], ends):
            assert end in {"accepted", *(item.name for item in REJECTIONS.values())}
            if end == "accepted":
                assert jwt not in recorded
                recorded.add(jwt)
            elif end == "duplicate":
                assert jwt in recorded
    with bench.reader() as reader:
        entries = list(reader.entries(range(1, reader.meta.size)))
        assert {item.entry.tx.encode() for item in entries} == recorded
        assert len(entries) == len(recorded)
        for jwt in recorded:
            found = reader.judged(transaction_id(jwt))
            assert found is not None
            assert found.index is not None


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_how_blocks_are_cut_decides_nothing_but_heights_and_times(seed: int) -> None:
    """Cut otherwise, at one time and with valid steps alone, the same transactions end alike."""
    one, other = LedgerBench(), LedgerBench()
    jwts = [one.jwt("signing.initiated", case_sub(number), jti=f"{seed}-{number}")
            for number in range(20)]  # fmt: skip
    rng = random.Random(seed)
    ends: list[list[str]] = []
    for bench in (one, other):
        left, found = list(jwts), []
        while left:
            size = rng.randint(1, 7)
            found += bench.block(left[:size], time=NOW + 60_000 + bench.height)
            del left[:size]
        ends.append(found)
    assert ends[0] == ends[1] == ["accepted"] * 20
    with one.reader() as left_reader, other.reader() as right_reader:
        codes = [
            [item.entry.code for item in reader.entries(range(1, 21))]
            for reader in (left_reader, right_reader)
        ]
    assert codes[0] == codes[1]


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from builders.ledger import LedgerBench
from builders.traffic import traffic
for seed in range(2):
    bench = LedgerBench()
    bench.play(traffic(seed))
    print(bench.app_hash.hex())
"""


def test_every_process_comes_to_the_same_app_hash() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(TESTS)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(said) == 1
    assert len(set(said.pop().split())) == 2
