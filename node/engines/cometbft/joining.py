"""How a node without blocks comes by the others': it waits for a snapshot, and shows nothing before
what it restored is proven."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import structlog

from node.core.genesis import Genesis
from node.engines.cometbft.engine_home import StateSync
from node.engines.cometbft.snapshots import SnapshotCalls
from node.ledger.application import Application
from node.ledger.published import Published
from node.ledger.snapshots.headers import TrustedHeader
from node.ledger.snapshots.restoring import settle_restored
from node.ledger.snapshots.shelf import Shelf

__all__ = ["Joining"]

_REMIND_SECONDS = 60.0


class Joining:
    """The state of one node's joining. Made in the event loop in which the engine lives.

    ``sync`` is how it joins; None where it has blocks, or replays those of the others. ``restored``
    is called in the event loop when a snapshot has become the ledger.
    """

    def __init__(
        self,
        application: Application,
        published: Published,
        genesis: Genesis,
        sync: StateSync | None,
        restored: Callable[[], None],
    ) -> None:
        self._application = application
        self._published = published
        self._genesis = genesis
        self._sync = sync
        self._tell_restored = restored
        self._loop = asyncio.get_running_loop()
        self._has_blocks = asyncio.Event()
        self._is_proven = asyncio.Event()
        self._unsettled = False
        self._log = structlog.get_logger("joining")
        if sync is None:
            self._has_blocks.set()
            self._is_proven.set()

    def calls(self, shelf: Shelf, consensus: Executor) -> SnapshotCalls:
        """What answers the engine's calls of state sync."""
        sync = self._sync
        return SnapshotCalls(
            self._application,
            self._genesis,
            shelf,
            consensus,
            None if sync is None else TrustedHeader(sync.height, sync.hash),
            self._begin,
            self._end,
        )

    def _begin(self) -> None:
        """The store's rows are about to be replaced: readers stay with what they were."""
        self._published.proven(self._genesis.initial_height - 1)

    def _end(self) -> None:
        self._unsettled = True
        self._published.written()
        self._tell_restored()
        self._has_blocks.set()

    async def has_blocks(self) -> None:
        """Wait for a snapshot, and say now and then that there is none."""
        if not self._has_blocks.is_set():
            self._log.info("joining: the peers are asked for a snapshot")
        while not self._has_blocks.is_set():
            try:
                await asyncio.wait_for(self._has_blocks.wait(), _REMIND_SECONDS)
            except TimeoutError:
                self._log.warning(
                    "no snapshot has been restored yet; a peer that has none takes one with "
                    "`evidence-node snapshot`"
                )

    async def is_proven(self) -> None:
        """Wait until there is something that can be shown."""
        await self._is_proven.wait()

    def written(self) -> None:
        """A block has been written: what was restored before it stays. In the writing thread."""
        if self._unsettled:
            settle_restored(self._application.store)
            self._unsettled = False

    def kept(self) -> None:
        """A header is kept, which proves what the block before it left. In any thread."""
        if not self._is_proven.is_set():
            self._loop.call_soon_threadsafe(self._is_proven.set)
