"""``evidence-node testnet``: a consortium on one machine, to try things with."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.output import say, write_json
from node.cli.parsers import add_command

__all__ = ["add_parser", "run"]

_READY = re.compile(r"at (http://\S+), ready")
_DESCRIPTION = """
Makes and runs a net of nodes on this machine, each with a home, a key and an engine of its own, run
by members of different roles, all listening on the loopback only. Where the directory holds a net
already, that one goes on. It runs until Ctrl-C; each node writes its log beside its home.

The engine's program is found by --engine, by EVIDENCE_ENGINE in the environment, or on the PATH as
evidence-engine; scripts/build-engine builds it.
"""
_EXAMPLES = """
evidence-node testnet --dir net                       # four nodes
evidence-node testnet --dir net --nodes 7
evidence-node testnet --dir net --only-make           # homes, and nothing started
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "testnet", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--dir", required=True, metavar="DIR", help="where the homes are")
    parser.add_argument("--nodes", type=int, default=4, metavar="N", help="how many; default 4")
    parser.add_argument("--engine", metavar="FILE", help="the engine's program")
    parser.add_argument("--only-make", action="store_true", help="make the homes, start nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the net where there is none, and run it."""
    path = Path(args.dir).resolve()
    if not path.exists():
        _make(path, args)
    homes = sorted(item.parent for item in path.glob("*/node.toml"))
    if not homes:
        raise CommandFailure(
            ExitCode.USAGE, f"{path} holds no net", "give a directory that does not exist yet"
        )
    if args.only_make:
        if args.json:
            write_json({"homes": [str(home) for home in homes]})
        return ExitCode.OK
    return _run(homes, as_json=args.json)


def _make(path: Path, args: argparse.Namespace) -> None:
    from node.demo.testnet import create_testnet
    from node.wiring import system_time

    net = create_testnet(path, args.nodes, _engine(args.engine), system_time)
    if args.json:
        return
    say("Chain {}, {} nodes in {}", net.genesis.chain_id, len(net.nodes), path)
    for node in net.nodes:
        say("  {:<14} {}  peers on port {}", node.member, node.url, node.p2p_port)


def _engine(given: str | None) -> Path:
    found = given or os.environ.get("EVIDENCE_ENGINE") or shutil.which("evidence-engine")
    if not found or not os.access(found, os.X_OK):
        raise CommandFailure(
            ExitCode.USAGE,
            f"{found} is no program" if found else "the engine's program is not found",
            "`scripts/build-engine` builds it and prints its path; give that as --engine",
        )
    return Path(found).resolve()


def _run(homes: list[Path], *, as_json: bool) -> int:
    """Run a node in each home until somebody ends it; the worst of their exit codes."""
    ended = threading.Event()
    codes: dict[str, int] = {}
    with ExitStack() as stack:
        nodes = {home.name: _start(home, stack) for home in homes}

        def stop(*_: object) -> None:
            ended.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        for name, process in nodes.items():
            url = _wait_for(process)
            if url is None:
                ended.set()
                break
            if as_json:
                write_json({"event": "ready", "member": name, "pid": process.pid, "url": url})
            else:
                say("{} at {}, ready", name, url)
        while not ended.wait(0.25) and any(item.poll() is None for item in nodes.values()):
            for name, process in nodes.items():
                if process.poll() is not None and name not in codes:
                    codes[name] = process.returncode
                    say("{} ended with exit code {}", name, process.returncode)
        for process in nodes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name, process in nodes.items():
            codes[name] = process.wait()
    return max(codes.values(), key=abs, default=ExitCode.OK)


def _start(home: Path, stack: ExitStack) -> subprocess.Popen[str]:
    log: IO[bytes] = stack.enter_context((home.parent / f"{home.name}.log").open("ab"))
    return subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-m", "node.cli", "run", "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )


def _wait_for(process: subprocess.Popen[str]) -> str | None:
    """Where a node that is ready is reached; None if it ended before it was."""
    assert process.stdout is not None
    found = _READY.search(process.stdout.readline())
    return None if found is None else found[1]
