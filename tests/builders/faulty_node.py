"""A node whose application can be made to fail or to lie, run as a program of its own.

``faulty_node.py --home DIR [--trace FILE] [--die WHERE] [--lie]`` is ``evidence-node run`` but for
what the options change. Nothing of this can be reached in the product.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

DEATHS = ("finalize", "before_commit", "after_commit")
"""Where an application dies: in FinalizeBlock of the first block with frames, or about to write it,
or when it is written and the engine has not been told."""
LIES = ("undecodable", "empty", "endless", "bulky")
"""What a proposer puts into its blocks, one after the other; where it has frames, every other time
one of those with a bad signature."""

_CALLS = (
    *("echo", "info", "init_chain", "query", "check_tx"),
    *("prepare_proposal", "process_proposal", "finalize_block", "commit"),
)
_WITH_HEIGHT = frozenset({"prepare_proposal", "process_proposal", "finalize_block"})


def die() -> NoReturn:
    """End as by a power failure."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def trace_calls(machine: Any, path: Path) -> None:
    """Note each call of the engine in a file, in the order in which they come."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(call: str, height: int | None = None) -> None:
        os.write(descriptor, json.dumps([call, height]).encode("ascii") + b"\n")

    def traced(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        async def call(self: Any, request: Any) -> Any:
            if name == "info":
                answer = await plain(self, request)
                note(name, answer.last_block_height)
                return answer
            note(name, request.height if name in _WITH_HEIGHT else None)
            return await plain(self, request)

        return call

    note("start")
    for name in _CALLS:
        setattr(machine, name, traced(name, getattr(machine, name)))


def die_at(machine: Any, where: str) -> None:
    """Have the application die once it has judged, is about to write, or has written a block that
    holds frames."""
    judge, write = machine._finalize, machine._write

    def finalize(self: Any, request: Any, frames: Any) -> Any:
        judged = judge(self, request, frames)
        if where == "finalize" and frames:
            die()
        return judged

    def persist(self: Any, decided: Any) -> None:
        if where == "before_commit" and decided.frames:
            die()
        write(self, decided)
        if where == "after_commit" and decided.frames:
            die()

    machine._finalize, machine._write = finalize, persist


def lie_in_turn(machine: Any) -> None:
    """Have the application propose what nobody may accept, and accept it itself."""
    from zstandard import ZstdCompressor

    from node.core.frame import MAX_FRAME_BYTES, MAX_UNPACKED_BYTES
    from node.engines.cometbft.proto import abci_pb2 as abci

    turn = itertools.cycle(LIES)
    has_forged = False

    def lie(frames: list[bytes]) -> list[bytes]:
        nonlocal has_forged
        has_forged = bool(frames) and not has_forged
        if has_forged:
            return [_badly_signed(frame) for frame in frames]
        what = next(turn)
        if what == "undecodable":
            return [b"\x01no frame"]
        if what == "empty":
            return [b""]
        if what == "bulky":  # small to send, and more to unpack than a block may be
            return [b"\x01" + ZstdCompressor().compress(bytes(MAX_UNPACKED_BYTES))] * 3
        return [b"\x01" + bytes(MAX_FRAME_BYTES)]

    async def prepare(self: Any, request: Any) -> Any:
        return abci.ResponsePrepareProposal(txs=lie(list(request.txs)))

    async def process(self: Any, request: Any) -> Any:
        return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.ACCEPT)

    machine.prepare_proposal, machine.process_proposal = prepare, process


def _badly_signed(frame: bytes) -> bytes:
    """The frame with its first signature changed in one bit."""
    from node.core.frame import pack_parts, unpack_parts

    parts = list(unpack_parts(frame))
    header, payload, signature = parts[0]
    parts[0] = (header, payload, signature[:40] + bytes([signature[40] ^ 1]) + signature[41:])
    return pack_parts(parts)


def main() -> int:
    """Change the application, then run the node."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", required=True)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--die", choices=DEATHS)
    parser.add_argument("--lie", action="store_true")
    arguments = parser.parse_args()

    from node.cli.main import main as run
    from node.engines.cometbft.machine import Machine

    if arguments.die:
        die_at(Machine, arguments.die)
    if arguments.lie:
        lie_in_turn(Machine)
    if arguments.trace:
        trace_calls(Machine, arguments.trace)
    return run(["run", "--home", arguments.home])


if __name__ == "__main__":
    sys.exit(main())
