"""Running a node: its interface and its admin socket in one event loop, until it is told to stop.

Exit codes: 0 stopped when asked · 3 another process has the home or the port · 65 configuration,
genesis or a key is wrong · 70 the ledger holds something that cannot be right · 74 the system
refused to read or write.
"""

from __future__ import annotations

import asyncio
import errno
import json
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
import uvloop
from starlette.applications import Starlette

from node.api.admin import create_admin
from node.api.app import NodeApp
from node.api.hub import Hub
from node.api.joined_writes import Protocol
from node.api.logs import configure_logs
from node.api.service import Service
from node.api.sockets import admin_listener, listen, url_of
from node.config import NodeConfig
from node.core.errors import EvidenceError, InvalidInput, LedgerFault
from node.storage.errors import StorageError, StoreLocked
from node.vault.errors import VaultError
from node.wiring import Node

__all__ = ["run_server"]

_OK, _TAKEN, _BAD_INPUT, _FAULT, _INPUT_OUTPUT = 0, 3, 65, 70, 74
_WATCH_SECONDS = 0.25
_GRACEFUL_SECONDS = 20
_KEEP_ALIVE_SECONDS = 75


def run_server(config: NodeConfig, *, as_json: bool = False) -> int:
    """Run the node until it is told to stop; return the process's exit code.

    Prints one line with the URL to standard output once it is ready, and in the end, on standard
    error, why it did not start or could not go on: in words, or as JSON documents.
    """
    code, error = _serve(config, as_json=as_json)
    if error is not None:
        print(_refusal(code, error) if as_json else f"evidence-node: {error}", file=sys.stderr)
    return code


def _refusal(code: int, error: BaseException) -> str:
    told = {"code": code, "kind": type(error).__name__, "message": str(error)}
    for name in ("place", "rule"):
        value = getattr(error, name, None)
        if isinstance(value, str):
            told[name] = value
    return json.dumps({"error": told}, sort_keys=True)


def _serve(config: NodeConfig, *, as_json: bool) -> tuple[int, BaseException | None]:
    """Run the node; the exit code, and what ended it if it was no wish."""
    try:
        configure_logs(config.log)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            fault = runner.run(_run(config, as_json=as_json))
            return (_OK, None) if fault is None else (_FAULT, fault)
    except StoreLocked as error:
        return _TAKEN, error
    except (InvalidInput, VaultError) as error:
        return _BAD_INPUT, error
    except LedgerFault as error:
        return _FAULT, error
    except OSError as error:
        taken = error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL)
        return _TAKEN if taken else _INPUT_OUTPUT, error
    except EvidenceError as error:
        return _INPUT_OUTPUT if isinstance(error, StorageError) else _BAD_INPUT, error


async def _run(config: NodeConfig, *, as_json: bool) -> LedgerFault | None:
    """Open what the node needs, serve, and close it again, whatever happens meanwhile."""
    hub = Hub()
    with ExitStack() as stack:
        node = Node(config, hub.deliver)
        stack.callback(node.stores.close)
        listener = stack.enter_context(listen(config.api.host, config.api.port))
        admin = stack.enter_context(admin_listener(config.home))
        return await _Serving(node, hub, listener, admin, as_json=as_json).run()


class _Server(uvicorn.Server):
    """A server that leaves signals to the node, which has two servers to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Serving:
    """A node being served."""

    def __init__(
        self,
        node: Node,
        hub: Hub,
        listener: socket.socket,
        admin: socket.socket,
        *,
        as_json: bool,
    ) -> None:
        self._node = node
        self._hub = hub
        self._listener = listener
        self._admin = admin
        self._stop = asyncio.Event()
        self._as_json = as_json
        self._fault: LedgerFault | None = None
        self._is_up = False
        service = Service(node, hub)
        self._servers = [
            (_server(NodeApp(service)), listener),
            (_server(create_admin(service, self._stop.set)), admin),
        ]

    async def run(self) -> LedgerFault | None:
        """Serve until told to stop, or until the ledger cannot be right, and why it cannot."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        serving = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in self._servers
        ]
        try:
            if await self._start():
                print(self._greeting(), flush=True)
                await self._until_told(serving)
        finally:
            await self._end(serving)
            await asyncio.to_thread(self._node.stop if self._is_up else self._node.abandon)
        return self._fault

    async def _start(self) -> bool:
        """Start the node; whether it is ready. One of a consortium may take as long as it takes to
        catch up with the others, and is not waited for where it is told to stop meanwhile."""
        starting = asyncio.create_task(asyncio.to_thread(self._node.start))
        told = asyncio.create_task(self._stop.wait())
        waits = self._node.config.engine.kind == "solo"
        await asyncio.wait(
            (starting,) if waits else (starting, told), return_when="FIRST_COMPLETED"
        )
        told.cancel()
        if starting.done():
            starting.result()
            self._is_up = True
            return True
        await asyncio.to_thread(self._node.engine.stop)
        try:
            await starting
        except EvidenceError:  # it was stopped before it was ready
            pass
        self._is_up = True
        return False

    def _greeting(self) -> str:
        chain, url = self._node.genesis.chain_id, url_of(self._listener)
        if self._as_json:
            return json.dumps({"chain_id": chain, "event": "ready", "url": url}, sort_keys=True)
        return f"evidence-node: {chain} at {url}, ready"

    async def _until_told(self, serving: list[asyncio.Task[None]]) -> None:
        """Until a signal, a stop over the admin socket, a server's end, or the node's failure.

        A node that cannot write any more stays up to be read; one whose ledger cannot be right
        ends.
        """
        told = asyncio.create_task(self._stop.wait())
        hurried = False
        try:
            while not told.done() and not any(task.done() for task in serving):
                await asyncio.wait(
                    (told, *serving), timeout=_WATCH_SECONDS, return_when="FIRST_COMPLETED"
                )
                if self._node.failed.is_set() and not hurried:
                    hurried = True
                    self._hub.hurry()
                    if isinstance(self._node.failure, LedgerFault):
                        self._fault = self._node.failure
                        return
        finally:
            told.cancel()

    async def _end(self, serving: list[asyncio.Task[None]]) -> None:
        """Answer what is under way, take nothing more, end the servers."""
        self._hub.stop()
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*serving, return_exceptions=True)


def _server(app: NodeApp | Starlette) -> _Server:
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )
    return _Server(config)
