"""Snapshots in a consortium: taken now and then, offered to others, fetched by who joins.

`SnapshotCalls` is the application's side of state sync. `SnapshotMaker` takes snapshots while
blocks go on: at the height where one is due it keeps a view of the store, and when the headers that
prove that height are kept, it writes the snapshot in a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

import structlog

from node.core.errors import EvidenceError, InvalidInput
from node.core.genesis import Genesis
from node.engines.cometbft.proto import abci_pb2 as abci
from node.ledger.application import Application
from node.ledger.snapshots.format import FORMAT, Manifest, decode_manifest
from node.ledger.snapshots.restoring import AlteredChunk, Restoring, TrustedHeader
from node.ledger.snapshots.shelf import Kept, Shelf
from node.ledger.snapshots.taking import SnapshotTaker
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, Reader

__all__ = ["SnapshotCalls", "SnapshotMaker", "SnapshotRefused"]

_PROVEN_BY = 2
"""A joining node needs the two headers behind a snapshot's height (CometBFT 0.38, state sync)."""

_Offer = abci.ResponseOfferSnapshot
_Apply = abci.ResponseApplySnapshotChunk
T = TypeVar("T")


class SnapshotRefused(EvidenceError):
    """No snapshot can be taken now; says why."""


class SnapshotCalls:
    """Answers the four calls of state sync; a `SnapshotHandler`.

    Args:
        application: the ledger, without blocks where a snapshot is to be restored.
        genesis: the chain's.
        shelf: the node's own snapshots.
        consensus: runs what reads and writes the ledger, one thing at a time.
        trusted: a header that the operator was told of, where the node joins.
        began: called in ``consensus`` before the ledger's rows are replaced.
        restored: called in the event loop when a snapshot has been restored.
    """

    def __init__(
        self,
        application: Application,
        genesis: Genesis,
        shelf: Shelf,
        consensus: Executor,
        trusted: TrustedHeader | None,
        began: Callable[[], None],
        restored: Callable[[], None],
    ) -> None:
        self._application = application
        self._genesis = genesis
        self._shelf = shelf
        self._consensus = consensus
        self._trusted = trusted
        self._began = began
        self._restored = restored
        self._restoring: Restoring | None = None
        self._first_rows: list[tuple[bytes, bytes]] = []
        self._log = structlog.get_logger("snapshots")

    async def list_snapshots(
        self, request: abci.RequestListSnapshots
    ) -> abci.ResponseListSnapshots:
        """The node's own."""
        found = await asyncio.to_thread(self._shelf.snapshots)
        return abci.ResponseListSnapshots(snapshots=[_announced(kept) for kept in found])

    async def load_snapshot_chunk(
        self, request: abci.RequestLoadSnapshotChunk
    ) -> abci.ResponseLoadSnapshotChunk:
        """A chunk as it lies on disk: whoever gets it checks it."""
        if request.format != FORMAT:
            return abci.ResponseLoadSnapshotChunk()
        chunk = await asyncio.to_thread(self._shelf.chunk, request.height, request.chunk)
        return abci.ResponseLoadSnapshotChunk(chunk=chunk or b"")

    async def offer_snapshot(
        self, request: abci.RequestOfferSnapshot
    ) -> abci.ResponseOfferSnapshot:
        """Take it if its metadata give the app_hash that the light client has verified."""
        offered = request.snapshot
        log = self._log.bind(height=offered.height, hash=offered.hash.hex())
        if self._application.written_height >= self._genesis.initial_height:
            log.error("a snapshot is offered, but this node has blocks already")
            return abci.ResponseOfferSnapshot(result=_Offer.ABORT)
        if offered.format != FORMAT:
            return abci.ResponseOfferSnapshot(result=_Offer.REJECT_FORMAT)
        try:
            manifest = self._checked(offered, request.app_hash)
        except InvalidInput as error:
            log.warning("a snapshot is refused", why=str(error))
            return abci.ResponseOfferSnapshot(result=_Offer.REJECT)
        log.info("restoring a snapshot", chunks=len(manifest.chunks), entries=manifest.size)
        await self._in_turn(self._begin, manifest)
        return abci.ResponseOfferSnapshot(result=_Offer.ACCEPT)

    def _checked(self, offered: abci.Snapshot, app_hash: bytes) -> Manifest:
        manifest = decode_manifest(offered.metadata)
        expected = {
            "hash": (offered.hash, Kept(manifest, offered.metadata).hash),
            "height": (offered.height, manifest.height),
            "chunks": (offered.chunks, len(manifest.chunks)),
            "chain_id": (manifest.chain_id, self._genesis.chain_id),
            "genesis": (manifest.genesis, self._genesis.hash),
            "app_hash": (manifest.app_hash, app_hash),
        }
        for name, (told, right) in expected.items():
            if told != right:
                raise InvalidInput(f"snapshot.{name}", "is not what its metadata or chain give")
        return manifest

    def _begin(self, manifest: Manifest) -> None:
        store = self._application.store
        if not self._first_rows:
            self._first_rows = list(store.scan(FIRST_KEY, BEHIND_LAST_KEY))
        self._began()
        self._restoring = Restoring(
            store,
            self._application.bodies,
            self._genesis,
            self._first_rows,
            manifest,
            self._trusted,
        )

    async def apply_snapshot_chunk(
        self, request: abci.RequestApplySnapshotChunk
    ) -> abci.ResponseApplySnapshotChunk:
        """Take the next chunk: one that was altered is asked for again from somebody else; a
        snapshot that is false is given up."""
        restoring = self._restoring
        if restoring is None:
            return abci.ResponseApplySnapshotChunk(result=_Apply.ABORT)
        log = self._log.bind(chunk=request.index, sender=request.sender)
        if request.index != restoring.next_chunk:
            log.warning("a chunk comes out of turn", expected=restoring.next_chunk)
            return abci.ResponseApplySnapshotChunk(result=_Apply.RETRY_SNAPSHOT)
        senders = [request.sender] if request.sender else []
        try:
            await self._in_turn(self._take, restoring, request.chunk)
        except AlteredChunk as error:
            log.error("a chunk of a snapshot was altered; its sender is not asked", why=str(error))
            return abci.ResponseApplySnapshotChunk(
                result=_Apply.RETRY, refetch_chunks=[request.index], reject_senders=senders
            )
        except InvalidInput as error:
            log.error("a snapshot is false and is given up", why=str(error))
            self._restoring = None
            return abci.ResponseApplySnapshotChunk(
                result=_Apply.REJECT_SNAPSHOT, reject_senders=senders
            )
        if restoring.is_complete:
            self._restoring = None
            log.info("a snapshot has been restored", height=self._application.written_height)
            self._restored()
        return abci.ResponseApplySnapshotChunk(result=_Apply.ACCEPT)

    def _take(self, restoring: Restoring, chunk: bytes) -> None:
        restoring.take(chunk)
        if restoring.is_complete:
            self._application.reopen()

    async def _in_turn(self, work: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._consensus, work, *arguments)


def _announced(kept: Kept) -> abci.Snapshot:
    return abci.Snapshot(
        height=kept.manifest.height,
        format=FORMAT,
        chunks=len(kept.manifest.chunks),
        hash=kept.hash,
        metadata=kept.metadata,
    )


class SnapshotMaker:
    """Takes snapshots of a running node's ledger. Safe for threads.

    ``every`` is the number of blocks from one to the next, 0 for those asked for alone.
    """

    def __init__(
        self, application: Application, genesis: Genesis, shelf: Shelf, every: int
    ) -> None:
        self._application = application
        self._genesis = genesis
        self._shelf = shelf
        self._every = every
        self._lock = threading.Lock()
        self._asked: list[Future[Manifest]] = []
        self._waiting: tuple[int, Reader] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._log = structlog.get_logger("snapshots")
        self.oldest_height = shelf.oldest_height

    def ask(self) -> Future[Manifest]:
        """Have one taken at the next block.

        Raises:
            SnapshotRefused: the node is stopping.
        """
        future: Future[Manifest] = Future()
        with self._lock:
            if self._stopping:
                raise SnapshotRefused("the node is stopping")
            self._asked.append(future)
        return future

    def written(self, height: int) -> None:
        """The block at ``height`` has been written, and none after it."""
        with self._lock:
            if self._waiting is not None or self._thread is not None or self._stopping:
                return
            if self._asked or (self._every and height % self._every == 0):
                self._waiting = height, self._application.store.snapshot()

    def kept(self, height: int) -> None:
        """The header at ``height`` is kept, and before it the commit that it names."""
        with self._lock:
            if self._waiting is None or self._stopping:
                return
            at, view = self._waiting
            if height < at + _PROVEN_BY:
                return
            asked, self._asked, self._waiting = self._asked, [], None
            self._thread = threading.Thread(
                target=self._take, args=(at, view, asked), name="snapshot", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Give up what is under way."""
        with self._lock:
            self._stopping = True
            waiting, self._waiting = self._waiting, None
            asked, self._asked = self._asked, []
            thread = self._thread
        if waiting is not None:
            waiting[1].close()
        for future in asked:
            future.set_exception(SnapshotRefused("the node is stopping"))
        if thread is not None:
            thread.join()

    def _take(self, height: int, view: Reader, asked: list[Future[Manifest]]) -> None:
        """Take one; what goes wrong is told, and the node goes on without it."""
        application, log = self._application, self._log.bind(height=height)
        try:
            with view:
                folder = self._shelf.begin(height)
                taker = SnapshotTaker(
                    view,
                    application.store,
                    application.bodies,
                    self._genesis,
                    folder,
                    told=self._goes_on,
                )
                manifest = self._shelf.add(taker, folder)
                self.oldest_height = self._shelf.oldest_height
        except (EvidenceError, OSError) as error:
            log.error("no snapshot was taken", why=str(error))
            for future in asked:
                future.set_exception(error)
        else:
            log.info("a snapshot was taken", chunks=len(manifest.chunks))
            for future in asked:
                future.set_result(manifest)
        finally:
            with self._lock:
                self._thread = None

    def _goes_on(self, count: int) -> None:
        if self._stopping:
            raise SnapshotRefused("the node is stopping")
