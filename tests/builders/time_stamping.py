"""Time-stamp authorities for tests: two real ones, and what speaks to them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builders.certificates import Held

from chaincode_adapters.port import Surroundings
from chaincode_adapters.rfc3161.adapter import TsaAdapter
from chaincode_adapters.rfc3161.building import build
from chaincode_adapters.rfc3161.settings import TsaSettings
from node.core.anchors.point import AnchorPoint
from node.demo.tsa import OpensslTsa, TsaFiles, run_tsa

__all__ = [
    "POINT",
    "adapter_of",
    "go_tsa",
    "missing",
    "need_openssl",
    "openssl_authority",
    "openssl_tsa",
    "openssl_verify",
    "system_now",
]

POINT = AnchorPoint("chain-1", 7, 40, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
_ROOT = Path(__file__).resolve().parents[2]
_LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:\d+/\S+)")


def system_now() -> int:
    """The system's clock, in ms."""
    return time.time_ns() // 1_000_000


def missing(what: str) -> None:
    """Skip the test, but in CI fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def need_openssl() -> None:
    """Skip the test where there is no openssl command, but in CI fail."""
    if shutil.which("openssl") is None:
        missing("the openssl command is missing: apt-get install openssl")


def adapter_of(
    url: str, folder: Path, *roots: bytes, now: Callable[[], int] = system_now, **settings: Any
) -> TsaAdapter:
    """An adapter with these roots (PEM), as its settings make it."""
    names = []
    for number, root in enumerate(roots):
        names.append(f"root-{number}.pem")
        (folder / names[-1]).write_bytes(root)
    given = {"name": "tsa", "operator": "测试", "timeout_ms": 20_000, "roots": names, **settings}
    around = Surroundings(folder, "chain-1", bytes(32), "platform-a", now)
    adapter = build(TsaSettings(url=url, **given), around)
    assert isinstance(adapter, TsaAdapter)
    return adapter


def _files_of(held: Held, folder: Path) -> TsaFiles:
    certificate, key, chain = held.write(folder)
    root = folder / "root.pem"
    root.write_bytes(held.root_pem)
    return TsaFiles(certificate, key, chain, root)


def openssl_authority(folder: Path, held: Held, **options: Any) -> OpensslTsa:
    """`openssl ts -reply` with this certificate and key, without a server."""
    need_openssl()
    return OpensslTsa(folder, _files_of(held, folder), **options)


@contextmanager
def openssl_tsa(folder: Path, held: Held, **options: Any) -> Iterator[str]:
    """`openssl ts -reply` behind HTTP; its URL."""
    with run_tsa(openssl_authority(folder, held, **options)) as url:
        yield url


@contextmanager
def go_tsa(folder: Path, held: Held, *options: str) -> Iterator[str]:
    """sigstore's timestamp-authority with this certificate and key; its URL. It ends with us."""
    script = _ROOT / "scripts" / "build-timestamp-authority"
    built = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    if built.returncode:
        missing(f"sigstore's timestamp-authority (Go) cannot be built: {built.stderr[-500:]}")
    _, key, above = held.write(folder)
    chain = folder / "whole-chain.pem"
    chain.write_bytes(held.pem + above.read_bytes())
    process = subprocess.Popen(
        [built.stdout.strip(), "-chain", chain, "-key", key, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = _Output(process.stdout)
    try:
        yield output.listening_at()
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            output.join(10)


class _Output(threading.Thread):
    """Reads to the end: the authority logs each request, and stops once nobody takes that."""

    def __init__(self, lines: Iterable[str] | None) -> None:
        super().__init__(daemon=True)
        self._lines, self._said, self._heard = lines or (), "", threading.Event()
        self.start()

    def run(self) -> None:
        for line in self._lines:
            self._said += line
            if _LISTENING.search(line):
                self._heard.set()
        self._heard.set()

    def listening_at(self) -> str:
        """The URL, once it is said."""
        assert self._heard.wait(60), self._said
        found = _LISTENING.search(self._said)
        assert found, self._said
        return found[1]


def openssl_verify(token: bytes, digest: bytes, root: bytes, at: int, folder: Path) -> str:
    """What `openssl ts -verify` has against a token as of ``at`` (s): "" if nothing."""
    (folder / "token.der").write_bytes(token)
    (folder / "verify-root.pem").write_bytes(root)
    done = subprocess.run(
        [
            *("openssl", "ts", "-verify", "-token_in", "-in", folder / "token.der"),
            *("-digest", digest.hex(), "-CAfile", folder / "verify-root.pem", "-attime", str(at)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
