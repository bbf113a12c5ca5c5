"""A real transparency log for tests: sigstore's rekor-tiles, a server for its tiles, a witness.

The log's own binary takes entries; like the public instance it leaves serving its files to another
server. The witness is the tests' own, by C2SP tlog-witness and tlog-cosignature.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

__all__ = ["RekorLog", "WitnessServer", "rekor_binary", "running_rekor", "witnessing"]

ROOT = Path(__file__).parents[2]
ORIGIN = "rekor.test"
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def rekor_binary() -> Path:
    """The path of the log's binary, built where it is missing. Fails in CI where it cannot be
    built, else skips."""
    built = subprocess.run(
        [str(ROOT / "scripts" / "build-rekor")], capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        message = f"rekor-tiles cannot be built: {built.stderr.strip()[-500:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return Path(built.stdout.strip())


def verifier_key(name: str, kind: int, key: bytes) -> str:
    """A verifier key, made here by C2SP signed-note and not by the code under test."""
    material = key if kind == 2 else name.encode() + b"\n" + bytes([kind]) + key
    key_id = hashlib.sha256(material).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(bytes([kind]) + key).decode()}"


@dataclass
class RekorLog:
    """A log that runs. ``tiles`` is the server of its files, ``log_key`` its verifier key."""

    url: str
    tiles: str
    log_key: str
    storage: Path
    pid: int
    lost: threading.Event = field(default_factory=threading.Event)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _start(binary: Path, home: Path, options: list[str]) -> tuple[subprocess.Popen[str], int]:
    """Start the log on free ports of the loopback; another process may take one first."""
    for _ in range(5):
        http, grpc = _free_port(), _free_port()
        process = subprocess.Popen(
            [
                str(binary),
                "serve",
                f"--storage-dir={home / 'log'}",
                f"--signer-filepath={home / 'log-key.pem'}",
                f"--hostname={ORIGIN}",
                "--http-address=127.0.0.1",
                f"--http-port={http}",
                "--grpc-address=127.0.0.1",
                f"--grpc-port={grpc}",
                "--http-metrics-port=0",
                "--checkpoint-interval=200ms",
                "--batch-max-age=20ms",
                "--persistent-antispam",
                *options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "starting http metrics" in line:
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return process, http
        process.wait()
    raise AssertionError("rekor-tiles did not start")


class _Files(BaseHTTPRequestHandler):
    """The log's storage, read-only."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    storage: Path

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = (self.storage / self.path.lstrip("/")).resolve()
        found = path.is_relative_to(self.storage.resolve()) and path.is_file()
        body = path.read_bytes() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running_rekor(
    home: Path, *, algorithm: str = "ecdsa", witness: WitnessServer | None = None
) -> Iterator[RekorLog]:
    """A log in ``home``, stopped at the end; its key is ``ecdsa`` or ``ed25519``."""
    binary = rekor_binary()
    home.mkdir(parents=True, exist_ok=True)
    key: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ecdsa"
        else ed25519.Ed25519PrivateKey.generate()
    )
    (home / "log-key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    if algorithm == "ecdsa":
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        log_key = verifier_key(ORIGIN, 2, spki)
    else:
        log_key = verifier_key(ORIGIN, 1, key.public_key().public_bytes(*_RAW))
    options = []
    if witness is not None:
        policy = home / "witnesses"
        policy.write_text(f"witness w {witness.key} {witness.url}\ngroup g all w\nquorum g\n")
        options = [f"--witness-policy-path={policy}"]
    process, port = _start(binary, home, options)
    handler = type("Files", (_Files,), {"storage": home / "log"})
    try:
        with _serving(handler) as tiles:
            url = f"http://127.0.0.1:{port}"
            yield RekorLog(url, tiles, log_key, home / "log", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stderr is not None


@dataclass
class WitnessServer:
    """A witness that cosigns whatever grows. ``clock`` is its time in seconds."""

    name: str
    private: ed25519.Ed25519PrivateKey
    url: str = ""
    clock: int | None = None

    @property
    def key(self) -> str:
        """Its verifier key, of type 4."""
        return verifier_key(self.name, 4, self.private.public_key().public_bytes(*_RAW))

    def cosign(self, text: str) -> str:
        """The signature line over a note's text."""
        now = int(time.time()) if self.clock is None else self.clock
        signature = self.private.sign(f"cosignature/v1\ntime {now}\n{text}".encode())
        key_id = bytes.fromhex(self.key.split("+")[1])
        raw = key_id + now.to_bytes(8, "big") + signature
        return f"\u2014 {self.name} {base64.b64encode(raw).decode()}\n"


@contextmanager
def witnessing(name: str = "witness.test") -> Iterator[WitnessServer]:
    """A witness behind a loopback server (tlog-witness, ``POST /add-checkpoint``)."""
    witness = WitnessServer(name, ed25519.Ed25519PrivateKey.generate())
    state = {"size": 0}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *arguments: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            head, _, note = body.partition("\n\n")
            old, text = int(head.split("\n")[0].removeprefix("old ")), note.partition("\n\n")[0]
            size = int(text.split("\n")[1])
            if old != state["size"]:
                self._answer(409, f"{state['size']}\n", "text/x.tlog.size")
                return
            state["size"] = size
            self._answer(200, witness.cosign(text + "\n"), "text/plain")

        def _answer(self, status: int, text: str, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    with _serving(Handler) as url:
        witness.url = url
        yield witness
