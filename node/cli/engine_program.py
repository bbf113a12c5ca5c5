"""The program of the consensus engine, as commands are told of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure

__all__ = ["find_engine"]


def find_engine(given: str | None) -> Path:
    """What was given, or EVIDENCE_ENGINE in the environment, or evidence-engine on the PATH.

    Raises:
        CommandFailure: there is no such program.
    """
    found = given or os.environ.get("EVIDENCE_ENGINE") or shutil.which("evidence-engine")
    if not found or not os.access(found, os.X_OK):
        raise CommandFailure(
            ExitCode.USAGE,
            f"{found} is no program" if found else "the engine's program is not found",
            "`scripts/build-engine` builds it and prints its path; give that as --engine",
        )
    return Path(found).resolve()
