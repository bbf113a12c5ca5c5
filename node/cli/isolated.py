"""The verifier where it reaches no node: in a process without a network, where that can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["isolation", "run_verifier"]


def isolation() -> tuple[str, list[str]]:
    """How the verifier is kept from the node, in words and as a command's beginning."""
    unshare = shutil.which("unshare")
    if unshare is not None:
        without_network = [unshare, "--net"]
        if os.getuid() != 0:
            without_network.insert(1, "--map-root-user")
        tried = subprocess.run([*without_network, "true"], capture_output=True, check=False)  # noqa: S603
        if tried.returncode == 0:
            return "in a process without a network", without_network
    return "in a process of its own (this machine cannot take its network away)", []


def run_verifier(
    prefix: Sequence[str], bundle: Path, trust: Path, show: Callable[[str], object]
) -> int:
    """Run `evidence-node verify` on copies in an empty directory, with an empty environment."""
    with tempfile.TemporaryDirectory() as directory:
        copies = [Path(shutil.copy(path, directory)).name for path in (bundle, trust)]
        command = [
            *prefix,
            sys.executable,
            "-m",
            "node.cli",
            "verify",
            copies[0],
            "--trust",
            copies[1],
        ]
        done = subprocess.run(  # noqa: S603 - this very program
            command,
            cwd=directory,
            env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    for line in (done.stdout + done.stderr).splitlines():
        show(line)
    return done.returncode
