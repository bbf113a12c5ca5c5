"""CometBFT's own light client as a judge of headers: the engine's ``light`` command."""

from __future__ import annotations

import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from builders.testnet import RunningNode, until

__all__ = ["LightClient", "light_client"]


class _Forward(socketserver.BaseRequestHandler):
    """Passes a connection on to the socket of an engine's RPC."""

    def handle(self) -> None:
        engine = socket.socket(socket.AF_UNIX)
        directory = os.open(self.server.target.parent, os.O_RDONLY)  # type: ignore[attr-defined]
        try:
            engine.connect(f"/proc/self/fd/{directory}/{self.server.target.name}")  # type: ignore[attr-defined]
        finally:
            os.close(directory)
        back = threading.Thread(target=_copy, args=(engine, self.request), daemon=True)
        back.start()
        _copy(self.request, engine)
        back.join()
        engine.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while some := source.recv(1 << 16):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, target: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.target = target


@contextmanager
def _rpc_of(node: RunningNode) -> Iterator[str]:
    """Where an engine's RPC is reached by TCP."""
    with _Server(node.node.home / "engine/rpc.sock") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class LightClient:
    """A running light client: ``header_hash`` is what it has verified, from its trusted height on.

    ``output`` is the file with all that it says.
    """

    def __init__(self, url: str, process: subprocess.Popen[bytes], output: Path) -> None:
        self._url = url
        self.process = process
        self.output = output

    def answers(self) -> bool:
        """Whether it serves yet."""
        assert self.process.poll() is None, self.output.read_text("utf-8")
        try:
            return httpx.get(f"{self._url}/status", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def header_hash(self, height: int) -> bytes:
        """The hash of the header that it has verified at a height."""
        answer = httpx.get(f"{self._url}/commit", params={"height": height}, timeout=30).json()
        assert "result" in answer, (answer, self.output.read_text("utf-8"))
        signed = answer["result"]["signed_header"]
        assert signed["header"]["height"] == str(height)
        return bytes.fromhex(signed["commit"]["block_id"]["hash"])


@contextmanager
def light_client(
    binary: Path,
    folder: Path,
    chain_id: str,
    nodes: Sequence[RunningNode],
    trusted: tuple[int, bytes],
) -> Iterator[LightClient]:
    """A light client that asks the first node, has the others as witnesses, and trusts one header.

    Args:
        binary: CometBFT, or the project's engine.
        folder: for its own store.
        chain_id: the chain.
        nodes: at least two.
        trusted: a height and its header's hash.
    """
    with ExitStack() as stack:
        urls = [stack.enter_context(_rpc_of(node)) for node in nodes]
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        folder.mkdir(parents=True)
        output = folder / "output"
        command = [str(binary), "light", chain_id, "--primary", urls[0]]
        command += ["--witnesses", ",".join(urls[1:]), "--home-dir", str(folder / "home")]
        command += ["--height", str(trusted[0]), "--hash", trusted[1].hex()]
        command += ["--laddr", f"tcp://127.0.0.1:{port}", "--verbose"]
        file = stack.enter_context(output.open("wb"))
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            client = LightClient(f"http://127.0.0.1:{port}", process, output)
            until(client.answers)
            yield client
        finally:
            process.kill()
            process.wait()
