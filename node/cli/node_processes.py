"""Nodes as processes of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO

__all__ = ["start_node", "wait_until_ready"]

_READY = re.compile(r"at (http://\S+), ready")


def start_node(home: Path, stack: ExitStack) -> subprocess.Popen[str]:
    """Start the node in ``home``; its log goes beside it, into a file that ``stack`` closes."""
    log: IO[bytes] = stack.enter_context((home.parent / f"{home.name}.log").open("ab"))
    return subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-m", "node.cli", "run", "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )


def wait_until_ready(process: subprocess.Popen[str]) -> str | None:
    """Where a node that is ready is reached; None if it ended before it was."""
    assert process.stdout is not None
    found = _READY.search(process.stdout.readline())
    return None if found is None else found[1]
