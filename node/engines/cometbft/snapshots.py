"""The application's side of state sync: snapshots announced, handed out, and restored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import structlog

from node.core.errors import InvalidInput
from node.core.genesis import Genesis
from node.engines.cometbft.proto import abci_pb2 as abci
from node.ledger.application import Application
from node.ledger.snapshots.format import FORMAT, Manifest, decode_manifest
from node.ledger.snapshots.headers import TrustedHeader
from node.ledger.snapshots.restoring import AlteredChunk, Restoring
from node.ledger.snapshots.shelf import Kept, Shelf
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY

__all__ = ["SnapshotCalls"]

_Offer = abci.ResponseOfferSnapshot
_Apply = abci.ResponseApplySnapshotChunk
T = TypeVar("T")


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
        if self._genesis.predecessor is not None:
            log.error("a snapshot is offered, but this chain continues another and has none")
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
