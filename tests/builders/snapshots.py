"""Ledgers of which snapshots can be taken, and empty ones to restore them into."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec
from builders.ledger import LedgerBench, rows_of
from builders.traffic import traffic

from node.ledger.opening import FrameOpener
from node.ledger.replay import replay_ledger
from node.ledger.rows import ANCHOR_POINT, RESTORED
from node.ledger.snapshots.format import Manifest, pack_chunk, unpack_chunk
from node.ledger.snapshots.headers import TrustedHeader
from node.ledger.snapshots.restoring import Restoring
from node.ledger.snapshots.taking import SnapshotTaker
from node.storage.memory import MemoryStore
from node.storage.ports import Reader

__all__ = ["ConsortiumBench", "Taken", "Target", "comparable"]


class ConsortiumBench(LedgerBench):
    """A ledger whose bodies hold no seal, like those of a consortium."""

    def persist(self) -> None:
        waiting, self.waiting = self.waiting, []
        for blocks, kept in waiting:
            self.application.persist(blocks, kept)
            self.application.release(blocks)


class Taken:
    """A snapshot of a busy ledger, in memory, and what it was taken of.

    ``view`` shows the ledger as of the snapshot's height; ``chunks`` can be exchanged.
    """

    def __init__(self, folder: Path, chunk_bytes: int, **traffic_options: int) -> None:
        bench = ConsortiumBench()
        bench.play(traffic(11, **traffic_options), in_block=7, in_frame=3)
        view = bench.store.snapshot()
        bench.play(traffic(12, seals=1, cases=0, records=0))
        self._take(bench, view, folder, chunk_bytes)

    @classmethod
    def of(cls, bench: LedgerBench, view: Reader, folder: Path, chunk_bytes: int = 6_000) -> Taken:
        """A snapshot of what ``view`` showed of a ledger that has gone on since."""
        taken = cls.__new__(cls)
        taken._take(bench, view, folder, chunk_bytes)
        return taken

    def _take(self, bench: LedgerBench, view: Reader, folder: Path, chunk_bytes: int) -> None:
        self.bench, self.view = bench, view
        taker = SnapshotTaker(
            self.view, self.bench.store, self.bench.bodies, self.bench.genesis, folder, chunk_bytes
        )
        self.manifest = taker.take()
        self.chunks = [
            (folder / str(number)).read_bytes() for number in range(len(self.manifest.chunks))
        ]

    def content(self, number: int) -> bytes:
        """The content of a chunk."""
        return unpack_chunk(self.chunks[number], self.manifest.chunks[number])

    def forged(
        self, number: int, content: bytes, **changes: object
    ) -> tuple[Manifest, list[bytes]]:
        """The snapshot of a liar: its metadata name the chunk ``number`` that he made."""
        hashes, chunks = list(self.manifest.chunks), list(self.chunks)
        hashes[number], chunks[number] = sha256(content).digest(), pack_chunk(content)
        return msgspec.structs.replace(self.manifest, chunks=hashes, **changes), chunks

    def replayed(self) -> dict[bytes, bytes]:
        """The rows that making the ledger again from its blocks gives, up to the height."""
        made = MemoryStore()
        with FrameOpener(self.bench.application.public_keys(), 0) as opener:
            replay_ledger(self.view, self.bench.bodies, made, opener, lambda *_: None)
        return comparable(rows_of(made))


def comparable(rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """All but what a snapshot tells nothing of: the anchor points, and that it was restored."""
    return {key: row for key, row in rows.items() if key[:1] not in (ANCHOR_POINT, RESTORED)}


class Target:
    """An empty ledger of the same chain."""

    def __init__(self, taken: Taken) -> None:
        self.bench = ConsortiumBench(genesis=taken.bench.genesis)
        self.store, self.bodies = self.bench.store, self.bench.bodies
        self.first_rows = list(rows_of(self.store).items())

    def restoring(self, manifest: Manifest, trusted: TrustedHeader | None = None) -> Restoring:
        return Restoring(
            self.store, self.bodies, self.bench.genesis, self.first_rows, manifest, trusted
        )
