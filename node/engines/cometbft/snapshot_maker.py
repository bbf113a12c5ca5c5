"""Takes snapshots of a running node's ledger, while blocks go on.

At the height where one is due it keeps a view of the store, and when the headers that prove that
height are kept, it writes the snapshot in a thread of its own.
"""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import Future
from pathlib import Path

import structlog

from node.core.errors import EvidenceError
from node.core.genesis import Genesis
from node.ledger.application import Application
from node.ledger.snapshots.format import Manifest
from node.ledger.snapshots.shelf import Shelf
from node.ledger.snapshots.taking import SnapshotTaker
from node.storage.ports import Reader

__all__ = ["SnapshotMaker", "SnapshotRefused"]

_PROVEN_BY = 2
"""A joining node needs the two headers behind a snapshot's height (CometBFT 0.38, state sync)."""


class SnapshotRefused(EvidenceError):
    """No snapshot can be taken now; says why."""


class SnapshotMaker:
    """Takes snapshots of a running node's ledger. Safe for threads.

    ``every`` is the number of blocks from one to the next, 0 for those asked for alone; none is
    taken where less than ``min_free`` bytes of disk would be left.
    """

    def __init__(
        self,
        application: Application,
        genesis: Genesis,
        shelf: Shelf,
        every: int,
        min_free: int = 0,
    ) -> None:
        self._application = application
        self._genesis = genesis
        self._shelf = shelf
        self._every = every
        self._min_free = min_free
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
            SnapshotRefused: the node is stopping, or the chain continues another: a snapshot holds
                the blocks of one chain alone.
        """
        if self._genesis.predecessor is not None:
            raise SnapshotRefused("a chain that continues another has no snapshots")
        future: Future[Manifest] = Future()
        future.set_running_or_notify_cancel()  # whoever gives up waiting must not end the others'
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
            if self._genesis.predecessor is not None:
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
                    told=lambda count: self._goes_on(folder),
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

    def _goes_on(self, folder: Path) -> None:
        if self._stopping:
            raise SnapshotRefused("the node is stopping")
        free = shutil.disk_usage(folder).free
        if free < self._min_free:
            raise SnapshotRefused(
                f"only {free >> 20} MiB are free on the disk of {folder}, at least "
                f"{self._min_free >> 20} must be"
            )
