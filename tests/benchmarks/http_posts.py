"""Single posts over HTTP to their receipts, against a bare FastAPI route that echoes the same body.

Both servers are one uvicorn process with httptools and uvloop (the node's workers check signatures
beside it), loaded by one thread of wrk with 64 connections, in turn. Each post is a record of its
own, signed beforehand, and is answered 201 once it is committed and synced: the generator's mixed
traffic, with 2,000 dossiers under way at a time.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import OUT, Figure, interleave

from node.demo.home import create_demo_home
from node.demo.load import read_load, write_load
from node.wiring import system_time

_SCRIPT = Path(__file__).with_suffix(".lua")
_CONNECTIONS = 64
_MOST_A_SECOND = 8_000
_READY = re.compile(r"at (http://\S+), ready")
_NODE = (
    "import sys; from node.api.server import run_server; from node.config import load_config; "
    "sys.exit(run_server(load_config(sys.argv[1])))"
)
_ECHO = """
import sys, uvicorn
from fastapi import FastAPI, Request, Response
app = FastAPI()
@app.post("/v1/submissions")
async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/sd-jwt")
uvicorn.run(app, port=int(sys.argv[1]), http="httptools", loop="uvloop", log_level="error")
"""


def posts(seconds: int, rounds: int, *, name: str = "http.posts") -> list[Figure]:
    """``http.posts``: receipts per second, and the echo's rate that they are set against.

    Raises:
        RuntimeError: wrk is missing, or a post was not answered with a receipt.
    """
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is missing: scripts/install-debian bench")
    home = OUT / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    create_demo_home(home / "node", system_time, port=0)
    count = _MOST_A_SECOND * seconds * rounds
    load = _Load(home / "load.txt", home / "members", count)
    with _node(home / "node") as node, _echo() as echo:
        figure = interleave(
            name,
            "receipts/s",
            "echoes/s of a bare FastAPI route",
            lambda: load.send(node, seconds),
            lambda: _wrk(echo, load.path, 0, _MOST_A_SECOND * seconds, seconds)[0],
            rounds,
            note=f"{_CONNECTIONS} connections, mixed records of the generator, each a new "
            "one, committed and synced",
        )
    return [figure]


class _Load:
    """A file of submissions, a line each, of which every round takes those that come next."""

    def __init__(self, path: Path, members: Path, count: int) -> None:
        self.path = path
        raw = path.with_suffix(".bin")
        write_load(raw, members, seed=9, count=count)
        with path.open("wb") as file:
            for group in read_load(raw):
                file.writelines(transaction + b"\n" for transaction in group)
        self._first = 0

    def send(self, url: str, seconds: int) -> float:
        """Requests answered per second. What was under way at the end of a round is sent again."""
        rate, done = _wrk(url, self.path, self._first, _MOST_A_SECOND * seconds, seconds)
        if done > _MOST_A_SECOND * seconds - _CONNECTIONS:
            raise RuntimeError("the load was too small: records were sent twice")
        self._first += max(0, done - _CONNECTIONS)
        return rate


def _wrk(url: str, load: Path, first: int, count: int, seconds: int) -> tuple[float, int]:
    """Requests per second and in all, every one answered with success."""
    command = [
        *("wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"),
        *("-s", str(_SCRIPT), url, "--", str(load), str(first), str(count)),
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", told)
    done = re.search(r"(\d+) requests in", told)
    if rate is None or done is None or "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"not every post was answered with success:\n{told}")
    return float(rate[1]), int(done[1])


@contextmanager
def _node(home: Path) -> Iterator[str]:
    """A node in a process of its own; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", _NODE, str(home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ready = _READY.search(process.stdout.readline())
        if ready is None:
            raise RuntimeError("the node did not start")
        yield ready[1]
        process.send_signal(signal.SIGTERM)
        if process.wait(60):
            raise RuntimeError(f"the node ended with {process.returncode}")
    finally:
        process.kill()


@contextmanager
def _echo() -> Iterator[str]:
    """The bare FastAPI application in a process of its own; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", _ECHO, str(port)])
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    for made_figure in posts(5, 3):
        print(made_figure)
