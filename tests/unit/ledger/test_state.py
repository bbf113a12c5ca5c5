"""The state map while blocks are made, written late, and made again after a crash."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest
from builders.ledger import LedgerBench, names_of, rows_of
from builders.traffic import traffic

from node.core.encoding import canonical_json
from node.core.errors import LedgerFault
from node.core.statemap import map_root, verify_state_proof
from node.ledger import state as state_module
from node.ledger.application import Application
from node.ledger.rows import CHANGED, NODE, VALUE, encode_value_row
from node.ledger.state import WorkingState, canonical_state, read_value
from node.storage.memory import MemoryStore

Values = dict[str, dict[str, Any]]


def root_of(values: Values) -> bytes:
    return map_root({key: canonical_json(value) for key, value in values.items()})


def stored(store: MemoryStore) -> dict[str, bytes]:
    rows = rows_of(store)
    found = {}
    for key, row in rows.items():
        if key[:1] == VALUE:
            end = 2 + int.from_bytes(row[:2], "big")
            found[row[2:end].decode()] = row[end:]
    return found


@pytest.mark.parametrize("most", [1, 40, 120_000])
@pytest.mark.parametrize("seed", range(3))
def test_any_changes_in_any_order_written_early_or_late(
    seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that set and remove, some of them not written for a while, with crashes between."""
    monkeypatch.setattr(state_module, "_MAX_DIRTY", most)
    monkeypatch.setattr(state_module, "_GENERATION", 8)
    monkeypatch.setattr(state_module, "_MAX_NODES", 4)
    rng = random.Random(seed)
    store = MemoryStore()
    working = WorkingState(store, -1)
    values: Values = {}
    written: tuple[Values, int, int] = ({}, -1, -1)
    waiting: list[tuple[int, Any, Any, Values, int]] = []
    for height in range(60):
        for _ in range(rng.randint(0, 12)):
            key = f"key/{rng.randrange(40)}"
            if rng.random() < 0.4:
                values.pop(key, None)
                working.set(key, None)
            else:
                values[key] = {"n": rng.randrange(1000), "text": "文字"}
                working.set(key, values[key])
            assert working.get(key) == values.get(key)
        batch = store.batch()
        changes = working.close_block(height, batch)
        assert working.tree.root == root_of(values)
        assert not working.changed
        waiting.append((height, batch, changes, dict(values), working.flushed))
        while waiting and rng.random() < 0.6:
            at, batch, changes, then, flushed = waiting.pop(0)
            store.write(batch, sync=True)
            working.release(changes)
            written = (then, at, flushed)
        for key in {f"key/{rng.randrange(40)}" for _ in range(5)}:
            assert working.get(key) == values.get(key)
        if rng.random() < 0.1:  # a crash: what was not written is gone
            values, _, flushed = dict(written[0]), *written[1:]
            waiting.clear()
            working = WorkingState(store, flushed)
            working.recover()
            assert working.tree.root == root_of(values)
            assert stored(store) == {key: canonical_json(v) for key, v in values.items()}


def test_values_are_canonical_json() -> None:
    for value in (
        {},
        {"b": 1, "a": {"d": [], "c": ["x", 2]}},
        {"text": '\u2028\x7f\U0001f600\ue000"\\/\b\f\n\r\t\x01中文'},
        {"n": 2**53 - 1, "m": -(2**53 - 1), "z": 0},
        {"A": "", "Z": "", "a": "", "0": "", "_": "", "-": ""},
    ):
        assert canonical_state(value) == canonical_json(value)


def test_a_row_of_another_key_is_a_fault() -> None:
    store = MemoryStore()
    batch = store.batch()
    path = hashlib.sha256(b"seal/a").digest()
    batch.put(VALUE + path, encode_value_row("seal/b", b"{}"))
    store.write(batch, sync=True)
    with pytest.raises(LedgerFault, match="row of seal/a holds seal/b"):
        read_value(store, "seal/a")
    assert read_value(store, "seal/b") is None


# -- nodes written late, in a whole ledger --------------------------------------------------------


def groups(bench: LedgerBench) -> list[list[bytes]]:
    steps = [step for step in traffic(21) if step.about is None]
    jwts = [bench.jwt_of(step) for step in steps]
    return [jwts[start : start + 9] for start in range(0, len(jwts), 9)]


@pytest.mark.parametrize("most", [1, 60, 120_000])
def test_when_nodes_are_written_decides_nothing(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = LedgerBench()
    expected = [(plain.block(group), plain.app_hash) for group in groups(plain)]
    monkeypatch.setattr(state_module, "_MAX_DIRTY", most)
    bench = LedgerBench()
    for number, (group, (ends, app_hash)) in enumerate(zip(groups(bench), expected)):
        assert names_of(bench.finalize(bench.open(group))) == ends
        if number % 3 != 1:
            bench.persist()
            with bench.reader() as reader:
                for key in ("parameter/late_after_ms", "seal/none", "dossier/case:platform-a:0001"):
                    verify_state_proof(reader.prove(key), reader.meta.state_root)
        assert bench.app_hash == app_hash
        if number % 5 == 4:
            bench.persist()
            bench.application = Application(bench.store, bench.bodies)
            assert bench.app_hash == app_hash
    bench.persist()
    plain.application.close()
    bench.application.close()
    rows, other = rows_of(plain.store), rows_of(bench.store)
    assert {key: row for key, row in rows.items() if key != b"meta"} == {
        key: row for key, row in other.items() if key != b"meta"
    }
    assert not [key for key in rows if key[:1] == CHANGED]
    assert [key for key in rows if key[:1] == NODE]


def test_nodes_are_written_when_few_values_change_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise what a crash costs would grow for ever."""
    monkeypatch.setattr(state_module, "_MAX_CHANGES", 25)
    store = MemoryStore()
    working = WorkingState(store, -1)
    flushed = []
    for height in range(30):
        batch = store.batch()
        for name in range(5):
            working.set(f"key/{name}", {"height": height})
        if working.close_block(height, batch).written is not None:
            flushed.append(height)
        store.write(batch, sync=False)
    assert flushed == [4, 9, 14, 19, 24, 29]
    assert not list(store.scan(CHANGED, CHANGED + b"\xff" * 7))


@pytest.mark.parametrize("most", [1, 60, 90, 130, 200])
def test_readers_of_several_blocks_in_one_batch(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes of a block behind one that wrote all before it, in the same batch."""
    monkeypatch.setattr(state_module, "_MAX_DIRTY", most)
    bench = LedgerBench()
    made = groups(bench)[:9]
    for start in range(0, 9, 3):
        batch = bench.store.batch()
        blocks = [
            bench.application.finalize(bench.height, bench.time(), bench.open(group), batch)
            for group in made[start : start + 3]
        ]
        bench.application.persist(blocks)
        bench.application.release(blocks)
        with bench.reader() as reader:
            for key in ("parameter/late_after_ms", "seal/none", "code/0000000000000"):
                verify_state_proof(reader.prove(key), reader.meta.state_root)
