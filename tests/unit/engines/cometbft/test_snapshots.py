"""State sync's calls: what is offered and sent is checked, and whoever lies is named."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from builders.ledger import rows_of
from builders.snapshots import ConsortiumBench, Taken, Target, comparable

from node.core.genesis import Predecessor
from node.engines.cometbft.proto import abci_pb2 as abci
from node.engines.cometbft.snapshots import SnapshotCalls
from node.ledger.snapshots.format import decode_items
from node.ledger.snapshots.restoring import settle_restored
from node.ledger.snapshots.shelf import Shelf
from node.ledger.snapshots.taking import SnapshotTaker

T = TypeVar("T")
_Offer, _Apply = abci.ResponseOfferSnapshot, abci.ResponseApplySnapshotChunk


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    return Taken(tmp_path_factory.mktemp("snapshot"), 20_000)


@dataclass
class Joiner:
    """A node without blocks, and what its calls told."""

    target: Target
    calls: SnapshotCalls
    told: list[str] = field(default_factory=list)

    def offer(self, taken: Taken, app_hash: bytes = b"", **changes: Any) -> int:
        metadata = taken.manifest.encode()
        snapshot = {
            "height": taken.manifest.height,
            "format": 1,
            "chunks": len(taken.chunks),
            "hash": sha256(metadata).digest(),
            "metadata": metadata,
            **changes,
        }
        request = abci.RequestOfferSnapshot(
            snapshot=abci.Snapshot(**snapshot), app_hash=app_hash or taken.manifest.app_hash
        )
        return _run(self.calls.offer_snapshot(request)).result

    def apply(self, index: int, chunk: bytes, sender: str = "liar") -> Any:
        request = abci.RequestApplySnapshotChunk(index=index, chunk=chunk, sender=sender)
        return _run(self.calls.apply_snapshot_chunk(request))


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def joiner(taken: Taken, tmp_path: Path) -> Iterator[Joiner]:
    told: list[str] = []
    target = Target(taken)
    with ThreadPoolExecutor(1) as executor:
        calls = SnapshotCalls(
            target.bench.application,
            target.bench.genesis,
            Shelf(tmp_path / "snapshots", 2),
            executor,
            None,
            lambda: told.append("began"),
            lambda: told.append("restored"),
        )
        yield Joiner(target, calls, told)


def test_a_snapshot_becomes_the_ledger(joiner: Joiner, taken: Taken) -> None:
    assert joiner.offer(taken) == _Offer.ACCEPT
    for index, chunk in enumerate(taken.chunks):
        assert joiner.apply(index, chunk).result == _Apply.ACCEPT
    assert joiner.told == ["began", "restored"]
    application = joiner.target.bench.application
    assert application.written_height == taken.manifest.height
    assert application.need_meta().app_hash == taken.manifest.app_hash
    settle_restored(joiner.target.store)
    assert comparable(rows_of(joiner.target.store)) == taken.replayed()
    assert joiner.offer(taken) == _Offer.ABORT, "it has blocks now"


def test_metadata_that_lie_are_refused_before_anything_is_fetched(
    joiner: Joiner, taken: Taken
) -> None:
    def lying(**changes: Any) -> dict[str, Any]:
        metadata = msgspec.structs.replace(taken.manifest, **changes).encode()
        return {"metadata": metadata, "hash": sha256(metadata).digest()}

    before = rows_of(joiner.target.store)
    assert joiner.offer(taken, app_hash=bytes(32)) == _Offer.REJECT
    assert joiner.offer(taken, format=2) == _Offer.REJECT_FORMAT
    assert joiner.offer(taken, hash=bytes(32)) == _Offer.REJECT
    assert joiner.offer(taken, height=5) == _Offer.REJECT
    assert joiner.offer(taken, chunks=5) == _Offer.REJECT
    assert joiner.offer(taken, metadata=b"\x90", hash=sha256(b"\x90").digest()) == _Offer.REJECT
    for changes in (
        {"size": 5},
        {"root": bytes(32)},
        {"state_root": bytes(32)},
        {"chain_id": "another"},
        {"genesis": bytes(32)},
        {"height": 4},
        {"headers": 0},
    ):
        assert joiner.offer(taken, **lying(**changes)) == _Offer.REJECT, changes
    assert rows_of(joiner.target.store) == before
    assert joiner.told == []


def test_an_altered_chunk_is_fetched_again_and_its_sender_named(
    joiner: Joiner, taken: Taken
) -> None:
    joiner.offer(taken)
    answer = joiner.apply(0, taken.chunks[0][:-1])
    assert (answer.result, list(answer.refetch_chunks)) == (_Apply.RETRY, [0])
    assert list(answer.reject_senders) == ["liar"]
    assert joiner.apply(0, taken.chunks[0], "honest").result == _Apply.ACCEPT


def test_a_false_snapshot_is_given_up_and_another_taken(joiner: Joiner, taken: Taken) -> None:
    number = taken.manifest.headers
    items = decode_items(taken.content(number), list[Any])[1:]
    manifest, chunks = taken.forged(number, msgspec.msgpack.encode(items))
    metadata = manifest.encode()
    joiner.offer(taken, metadata=metadata, hash=sha256(metadata).digest())
    for index in range(number):
        assert joiner.apply(index, chunks[index]).result == _Apply.ACCEPT
    answer = joiner.apply(number, chunks[number])
    assert answer.result == _Apply.REJECT_SNAPSHOT
    assert list(answer.reject_senders) == ["liar"]
    assert joiner.apply(number + 1, chunks[number + 1]).result == _Apply.ABORT
    assert joiner.offer(taken) == _Offer.ACCEPT
    for index, chunk in enumerate(taken.chunks):
        assert joiner.apply(index, chunk).result == _Apply.ACCEPT


def test_chunks_out_of_turn_begin_it_anew(joiner: Joiner, taken: Taken) -> None:
    assert joiner.apply(0, taken.chunks[0]).result == _Apply.ABORT, "none was accepted"
    joiner.offer(taken)
    assert joiner.apply(1, taken.chunks[1]).result == _Apply.RETRY_SNAPSHOT
    joiner.offer(taken)
    assert joiner.apply(0, taken.chunks[0]).result == _Apply.ACCEPT


def test_own_snapshots_are_announced_and_handed_out(joiner: Joiner, tmp_path: Path) -> None:
    assert not _run(joiner.calls.list_snapshots(abci.RequestListSnapshots())).snapshots
    bench, shelf = ConsortiumBench(), Shelf(tmp_path / "snapshots", 2)
    bench.block()
    with bench.store.snapshot() as view:
        height = bench.application.need_meta().height
        bench.block()
        folder = shelf.begin(height)
        taker = SnapshotTaker(view, bench.store, bench.bodies, bench.genesis, folder)
        manifest = shelf.add(taker, folder)
    [told] = _run(joiner.calls.list_snapshots(abci.RequestListSnapshots())).snapshots
    assert (told.height, told.format, told.chunks) == (height, 1, len(manifest.chunks))
    assert told.hash == sha256(told.metadata).digest()

    def load(**wanted: int) -> bytes:
        request = abci.RequestLoadSnapshotChunk(**{"height": height, "format": 1, **wanted})
        return _run(joiner.calls.load_snapshot_chunk(request)).chunk

    assert load(chunk=1) == shelf.chunk(height, 1)
    assert load(chunk=9) == load(height=99) == load(format=2) == b""


def test_a_chain_that_continues_another_takes_no_snapshot_of_others(
    taken: Taken, tmp_path: Path
) -> None:
    """Restoring one would throw away the ledger of the chain before, which no snapshot holds."""
    target = Target(taken)
    genesis = replace(
        target.bench.genesis, predecessor=Predecessor("old", 1, bytes(32), bytes(32), bytes(32))
    )
    before = rows_of(target.store)
    with ThreadPoolExecutor(1) as executor:
        calls = SnapshotCalls(
            *(target.bench.application, genesis, Shelf(tmp_path / "snapshots", 2), executor),
            trusted=None,
            began=lambda: None,
            restored=lambda: None,
        )
        assert Joiner(target, calls).offer(taken) == _Offer.ABORT
    assert rows_of(target.store) == before
