"""Nodes as processes of their own, and the engine's program that those of a consortium need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure

__all__ = ["find_engine", "start_node", "wait_until_ready"]

_READY = re.compile(r"at (http://\S+), ready")


def find_engine(given: str | None) -> Path:
    """The engine's program: as given, as EVIDENCE_ENGINE names it, or on the PATH.

    Raises:
        CommandFailure: there is none.
    """
    found = given or os.environ.get("EVIDENCE_ENGINE") or shutil.which("evidence-engine")
    if not found or not os.access(found, os.X_OK):
        raise CommandFailure(
            ExitCode.USAGE,
            f"{found} is no program" if found else "the engine's program is not found",
            "`scripts/build-engine` builds it and prints its path; give that as --engine",
        )
    return Path(found).resolve()


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
