"""Single posts over HTTP to their receipts, against a bare FastAPI route that echoes the same body.

Both servers are one uvicorn process with httptools and uvloop (the node's workers check signatures
beside it), loaded by one thread of wrk with 64 connections, in turn. Each post is a record of its
own, signed beforehand, and is answered 201 once it is committed and synced.
"""

from __future__ import annotations

import re
import secrets
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

from node.client.keys import SigningKey
from node.client.records import build_submission, new_reference
from node.demo.home import create_demo_home
from node.demo.members import DEMO_CHAIN
from node.wiring import system_time

_SCRIPT = Path(__file__).with_suffix(".lua")
_CONNECTIONS = 64
_MOST_A_SECOND = 12_000
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
    made = create_demo_home(home / "node", system_time, port=0)
    count = _MOST_A_SECOND * seconds
    load = home / "load.txt"
    _write_load(load, made.keys["anyunyin"], count * rounds)
    with _node(home / "node") as node, _echo() as echo:
        parts = iter(range(rounds))
        figure = interleave(
            name,
            "receipts/s",
            "echoes/s of a bare FastAPI route",
            lambda: _wrk(node, load, next(parts) * count, count, seconds),
            lambda: _wrk(echo, load, 0, count, seconds, once=False),
            rounds,
            note=f"{_CONNECTIONS} connections, bodies of {load.stat().st_size // (count * rounds)} "
            "bytes, each a new record, committed and synced",
        )
    return [figure]


def _write_load(path: Path, key: SigningKey, count: int) -> None:
    """Records that each open a case of their own, so that their order does not matter."""
    now = system_time()
    with path.open("wb") as file:
        for _ in range(count):
            reference = secrets.token_hex(12)
            digits = int(reference[:14], 16) % 10**18
            document = {
                "media_type": "application/pdf",
                "sha256": secrets.token_hex(32),
                "size": 48_213,
            }
            submission = build_submission(
                key,
                chain_id=DEMO_CHAIN,
                member="anyunyin",
                event_id=reference,
                event_type="signing.initiated",
                subject=f"case:anyunyin:{reference}",
                data={
                    "channel": "API接口",
                    "documents": [document],
                    "origin": "安云印电子印章平台",
                    "parties": [{"kind": "organisation", "party_ref": new_reference()}],
                    "sign_no": f"QY{digits:018d}-1",
                },
                source={"system": "安云印电子印章平台", "method": "api"},
                occurred_at=now,
                issued_at=now,
                lifetime=86_400,
            )
            file.write(submission.encode() + b"\n")


def _wrk(url: str, load: Path, first: int, count: int, seconds: int, *, once: bool = True) -> float:
    """Requests per second, all answered with success; ``once``: and none sent twice."""
    command = [
        *("wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"),
        *("-s", str(_SCRIPT), url, "--", str(load), str(first), str(count)),
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", told)
    done = re.search(r"(\d+) requests in", told)
    if rate is None or done is None or "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"not every post was answered with success:\n{told}")
    if once and int(done[1]) > count:
        raise RuntimeError("the load was too small: records were sent twice")
    return float(rate[1])


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
