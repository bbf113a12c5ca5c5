"""A reader written from docs/spec/snapshot.md alone agrees with the node's, on what is genuine and
on what is not."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders.second_opinion import TESTS, load
from builders.snapshots import Taken

from node.ledger.log import TileReader
from node.ledger.rows import KEPT, decode_kept, number_key
from node.ledger.snapshots.format import BlockItem, decode_items

SECOND = Path(__file__).with_name("snapshots.py")
reader = load(SECOND)
restoring = load(TESTS / "unit/ledger/snapshots/test_restoring.py")
governed = load(TESTS / "unit/ledger/snapshots/test_governed.py")
LIES: dict[str, tuple[Callable[..., tuple[int, bytes]], Callable[[list[Any]], None], str]] = (
    restoring.LIES
)


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    return Taken(tmp_path_factory.mktemp("snapshot"), 6_000)


def read(taken: Taken, metadata: bytes, chunks: list[bytes], trusted: Any = None) -> Any:
    offered, document = taken.manifest.app_hash, taken.bench.genesis.document
    return reader.read_snapshot(metadata, chunks, offered, document, trusted)


def test_nothing_of_the_node_is_imported() -> None:
    found = set()
    for part in ast.walk(ast.parse(SECOND.read_bytes())):
        if isinstance(part, ast.Import):
            found |= {alias.name.split(".")[0] for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            found.add((part.module or "").split(".")[0])
    assert "node" not in found


def test_it_reads_what_the_node_takes(taken: Taken) -> None:
    leaves, state = read(taken, taken.manifest.encode(), taken.chunks)
    tiles = TileReader(taken.view)
    assert leaves == [tiles.read(0, index) for index in range(taken.manifest.size)]
    assert any(key.startswith("dossier/") for key in state)
    assert any(key.startswith("refused/") for key in state)


def test_it_reads_what_a_block_shows_of_validators(tmp_path: Path) -> None:
    bench = governed.Bench()
    bench.show(governed.DEED)
    bench.pass_block()
    view = bench.store.snapshot()
    for _ in range(3):
        bench.pass_block()
    taken = Taken.of(bench, view, tmp_path)
    _, state = read(taken, taken.manifest.encode(), taken.chunks)
    assert any(key.startswith("misbehaviour/") for key in state)
    number = taken.manifest.headers
    for forged in ([], [governed.DEED._replace(power=11)]):
        items = decode_items(taken.content(number), BlockItem)
        place = next(place for place, item in enumerate(items) if item.misbehaviour)
        items[place] = msgspec.structs.replace(items[place], misbehaviour=forged)
        manifest, chunks = taken.forged(number, msgspec.msgpack.encode(items))
        with pytest.raises(reader.second.Refused):
            read(taken, manifest.encode(), chunks)


@pytest.mark.parametrize("name", LIES)
def test_what_the_node_refuses_it_refuses(taken: Taken, name: str) -> None:
    make, change, _ = LIES[name]
    manifest, chunks = taken.forged(*make(taken, change))
    with pytest.raises((reader.second.Refused, LookupError, TypeError, ValueError)):
        read(taken, manifest.encode(), chunks)


def test_the_trusted_header_is_compared(taken: Taken) -> None:
    raw = taken.bench.store.get(number_key(KEPT, 5))
    assert raw is not None
    read(taken, taken.manifest.encode(), taken.chunks, (5, decode_kept(raw)[0].hash()))
    with pytest.raises(reader.second.Refused, match="trusted header"):
        read(taken, taken.manifest.encode(), taken.chunks, (5, bytes(32)))
