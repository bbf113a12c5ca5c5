"""A reader written from docs/spec/snapshot.md alone agrees with the node's, on what is genuine and
on what is not."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders.second_opinion import TESTS, load
from builders.snapshots import Taken

from node.ledger.log import TileReader
from node.ledger.rows import KEPT, decode_kept, number_key

SECOND = Path(__file__).with_name("snapshots.py")
reader = load(SECOND)
restoring = load(TESTS / "unit/ledger/snapshots/test_restoring.py")
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
