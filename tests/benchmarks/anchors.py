"""What anchoring costs the ledger: commits with four outside chains, two of them dead, and none."""

from __future__ import annotations

import multiprocessing
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from harness import OUT, Figure, interleave

from node.config import load_config
from node.demo.home import create_demo_home
from node.demo.load import feed, read_load, write_load
from node.demo.tsa import OpensslTsa, TsaFiles, make_tsa_files, run_tsa
from node.wiring import Node, system_time

_UNDER_WAY = 24_000
_CHAINS = """
[[anchors.to]]
kind = "evm-embedded"
name = "embedded"
operator = "this machine"
from = "first"

[[anchors.to]]
kind = "rfc3161"
name = "authority"
operator = "openssl"
url = "{alive}"
roots = ["{root}"]
from = "first"

[[anchors.to]]
kind = "rfc3161"
name = "hanging"
operator = "nobody"
url = "http://127.0.0.1:{silent}/"
roots = ["{root}"]
from = "first"

[[anchors.to]]
kind = "evm"
name = "closed"
operator = "nobody"
url = "http://127.0.0.1:{closed}/"
chain_id = 1
contract = "0x{zeros}"
key = "keys/anchor.key"
from = "first"
"""


def anchors(count: int, rounds: int, *, name: str = "anchors.commit") -> list[Figure]:
    """``anchors.commit``: ``count`` transactions into an empty ledger, whose points come every
    10,000 records, as by default, with four adapters set against none, in turn.

    Alive are the embedded EVM chain and an RFC 3161 authority; dead are one that takes connections
    and never answers, and one whose port is closed.
    """
    home = OUT / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    create_demo_home(home / "none", system_time)
    load = home / "load.bin"
    total = write_load(load, home / "members", seed=2026, count=count)
    with ExitStack() as stack:
        files = make_tsa_files(home / "tsa", datetime.now(UTC))
        alive = stack.enter_context(_authority(home / "tsa", files))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        with socket.create_server(("127.0.0.1", 0)) as closing:
            closed = closing.getsockname()[1]
        shutil.copytree(home / "none", home / "four")
        key = home / "four/keys/anchor.key"
        key.touch(0o600)
        key.write_text("11" * 32)
        with (home / "four/node.toml").open("a", encoding="utf-8") as file:
            text = _CHAINS.format(
                alive=alive,
                root=files.root,
                silent=silent.getsockname()[1],
                closed=closed,
                zeros="00" * 20,
            )
            file.write(text)
        told: list[int] = []
        figure = interleave(
            name,
            "transactions/s",
            "the same without outside chains",
            lambda: _commit_all(home, "four", load, told),
            lambda: _commit_all(home, "none", load, []),
            rounds,
            note=f"{total} transactions, a point every 10,000",
        )
    print(f"anchors final in a round, on the two that live: {told}", flush=True)
    return [figure]


@contextmanager
def _authority(folder: Path, files: TsaFiles) -> Iterator[str]:
    """The URL of an authority in a process of its own, as others are elsewhere."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(folder, files, there))
    process.start()
    try:
        yield str(here.recv())
    finally:
        here.send(None)
        process.join()


def _serve(folder: Path, files: TsaFiles, parent: Connection) -> None:
    with run_tsa(OpensslTsa(folder, files)) as url:
        parent.send(url)
        parent.recv()


def _commit_all(home: Path, kind: str, load: Path, told: list[int]) -> float:
    """Transactions a second, once the workers have come up over a thousand others."""
    shutil.rmtree(home / "node", ignore_errors=True)
    shutil.copytree(home / kind, home / "node")
    node = Node(load_config(home / "node"))
    node.start()
    try:
        groups = read_load(load)
        feed(node.submission, iter([next(groups)]), _UNDER_WAY)
        started = time.perf_counter()
        outcomes = feed(node.submission, groups, _UNDER_WAY)
        took = time.perf_counter() - started
        if node.anchoring is not None:
            told.append(sum(one["jobs"]["final"] for one in node.anchoring.standing()))
    finally:
        node.stop()
    if set(outcomes) != {"recorded"}:
        raise AssertionError(f"the load should be accepted whole: {outcomes}")
    return outcomes.total() / took
