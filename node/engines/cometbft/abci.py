"""The ABCI 2.0 server: the engine, CometBFT 0.38, calls the application over a unix socket.

Four connections come (consensus, mempool, query, snapshot); nothing on them says which is which,
and none is taken to come first. `Handler` is what answers.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from node.core.errors import EvidenceError
from node.engines.cometbft.abci_connection import Connection, Serving
from node.engines.cometbft.proto import abci_pb2 as abci
from node.engines.cometbft.wire import MAX_MESSAGE_BYTES

__all__ = ["AbciServer", "Handler", "NoSnapshots", "SnapshotHandler", "SocketTaken"]

_IN_FLIGHT = 1024
_BACKLOG = 16
_CALLS = (
    "echo",
    "info",
    "init_chain",
    "query",
    "check_tx",
    "prepare_proposal",
    "process_proposal",
    "finalize_block",
    "commit",
)
_SNAPSHOT_CALLS = (
    "list_snapshots",
    "offer_snapshot",
    "load_snapshot_chunk",
    "apply_snapshot_chunk",
)


class SocketTaken(EvidenceError):
    """Another server listens where this one was to, or something else is in the way."""


class Handler(Protocol):
    """The application, as "ABCI++: Methods" of CometBFT 0.38 describes each call.

    Calls of one connection come one at a time and in order, but for `check_tx` and `query`, which
    overlap; calls of different connections overlap. When the engine goes away, calls under way are
    cancelled, all but `finalize_block` and `commit`; nothing else is called until those have ended.

    What a method raises ends the connection and is told to the server's ``failed``. Vote extensions
    are not enabled and not asked for.
    """

    async def echo(self, request: abci.RequestEcho) -> abci.ResponseEcho:
        """Say the same."""

    async def info(self, request: abci.RequestInfo) -> abci.ResponseInfo:
        """The last height that was committed, and its app hash."""

    async def init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        """Begin a chain."""

    async def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        """Answer a question about what is committed, or whether a peer may connect."""

    async def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        """Whether a transaction may come into the mempool."""

    async def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        """The transactions to propose."""

    async def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        """Whether to vote for a proposal."""

    async def finalize_block(
        self, request: abci.RequestFinalizeBlock
    ) -> abci.ResponseFinalizeBlock:
        """Judge a decided block, and write nothing."""

    async def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        """Write the block that was judged last."""


class SnapshotHandler(Protocol):
    """State sync's side of the application."""

    async def list_snapshots(
        self, request: abci.RequestListSnapshots
    ) -> abci.ResponseListSnapshots:
        """The snapshots that others may fetch."""

    async def offer_snapshot(
        self, request: abci.RequestOfferSnapshot
    ) -> abci.ResponseOfferSnapshot:
        """Whether to begin with a snapshot of another node."""

    async def load_snapshot_chunk(
        self, request: abci.RequestLoadSnapshotChunk
    ) -> abci.ResponseLoadSnapshotChunk:
        """A chunk of one of the own snapshots; empty where there is none."""

    async def apply_snapshot_chunk(
        self, request: abci.RequestApplySnapshotChunk
    ) -> abci.ResponseApplySnapshotChunk:
        """Take a chunk of the snapshot that was accepted last."""


class NoSnapshots:
    """A `SnapshotHandler` of an application that neither makes snapshots nor takes any."""

    async def list_snapshots(
        self, request: abci.RequestListSnapshots
    ) -> abci.ResponseListSnapshots:
        """None."""
        return abci.ResponseListSnapshots()

    async def offer_snapshot(
        self, request: abci.RequestOfferSnapshot
    ) -> abci.ResponseOfferSnapshot:
        """Abort: others would be refused as well."""
        return abci.ResponseOfferSnapshot(result=abci.ResponseOfferSnapshot.ABORT)

    async def load_snapshot_chunk(
        self, request: abci.RequestLoadSnapshotChunk
    ) -> abci.ResponseLoadSnapshotChunk:
        """No such chunk."""
        return abci.ResponseLoadSnapshotChunk()

    async def apply_snapshot_chunk(
        self, request: abci.RequestApplySnapshotChunk
    ) -> abci.ResponseApplySnapshotChunk:
        """Abort: none was accepted."""
        return abci.ResponseApplySnapshotChunk(result=abci.ResponseApplySnapshotChunk.ABORT)


class AbciServer:
    """Serves ``handler`` on the unix socket ``path``, mode 0600. For one event loop.

    Args:
        failed: called once, in the event loop, with what a call raised, or with an `InvalidInput`
            that names connection, message and rule where the engine sent what ABCI 2.0 does not
            allow. The connection has then been given a ``ResponseException`` that tells nothing
            private, and is closed; the engine cannot go on without it.
        snapshots: answers state sync.
        in_flight: how many calls of one connection may be under way before reading pauses.
        max_bytes: the longest request that is taken.
    """

    def __init__(
        self,
        path: Path,
        handler: Handler,
        failed: Callable[[BaseException], None],
        *,
        snapshots: SnapshotHandler | None = None,
        in_flight: int = _IN_FLIGHT,
        max_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        taking = NoSnapshots() if snapshots is None else snapshots
        calls = {name: getattr(handler, name) for name in _CALLS}
        calls |= {name: getattr(taking, name) for name in _SNAPSHOT_CALLS}
        self._path = path
        self._serving = Serving(calls, failed, in_flight, max_bytes)
        self._server: asyncio.AbstractServer | None = None
        self._directory = -1
        self._inode = 0

    async def start(self) -> None:
        """Listen. The socket that a dead predecessor left is replaced.

        Raises:
            SocketTaken: a server listens there, or what is there is no socket.
            OSError: the socket cannot be made.
        """
        # A socket's path may have 107 bytes only; its directory's descriptor is shorter.
        self._directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._refuse_to_displace()
            listener = self._listen()
            try:
                self._server = await asyncio.get_running_loop().create_unix_server(
                    lambda: Connection(self._serving), sock=listener, backlog=_BACKLOG
                )
            except BaseException:
                listener.close()
                self._unlink()
                raise
        except BaseException:
            self._close_directory()
            raise

    async def stop(self) -> None:
        """Stop listening, end all connections, and wait for calls that must not be torn apart."""
        if self._server is None:
            return
        self._unlink()
        self._server.close()
        self._server = None
        self._serving.has_stopped = True
        connections = tuple(self._serving.connections)
        for connection in connections:
            connection.close()
        for connection in connections:
            await connection.closed
        while self._serving.tasks:
            await asyncio.wait(self._serving.tasks)
            await asyncio.sleep(0)  # their callbacks run
        self._close_directory()

    def _refuse_to_displace(self) -> None:
        try:
            found = os.stat(self._path.name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise SocketTaken(f"{self._path} is in the way: it is no socket; move it away")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self._address(self._path.name))
            except (ConnectionRefusedError, FileNotFoundError):
                return
            except OSError as error:  # whoever is there may have no room for one more
                raise SocketTaken(f"{self._path} is in use: {error.strerror}") from error
        raise SocketTaken(f"{self._path} is in use: another server answers there; stop it first")

    def _listen(self) -> socket.socket:
        """A listening socket, moved to its place when nobody but the own user can connect."""
        hidden = f".{self._path.name[:32]}.{secrets.token_hex(8)}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(self._address(hidden))
            os.chmod(hidden, 0o600, dir_fd=self._directory)
            listener.listen(_BACKLOG)
            self._inode = os.stat(hidden, dir_fd=self._directory).st_ino
            os.rename(
                hidden, self._path.name, src_dir_fd=self._directory, dst_dir_fd=self._directory
            )
        except BaseException:
            listener.close()
            try:
                os.unlink(hidden, dir_fd=self._directory)
            except FileNotFoundError:
                pass
            raise
        return listener

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._directory}/{name}"

    def _unlink(self) -> None:
        """Remove the socket, unless another has been put in its place."""
        name = self._path.name
        try:
            if os.stat(name, dir_fd=self._directory).st_ino == self._inode:
                os.unlink(name, dir_fd=self._directory)
        except FileNotFoundError:
            pass

    def _close_directory(self) -> None:
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1
