"""What compiles, runs and checks the contract for EVM chains: found, and installed where missing.

A test that needs one is skipped where it cannot be had, and fails in CI. The first use installs
them into the cache (scripts/install-contract-tools).
"""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

import pytest

__all__ = ["ROOT", "command", "environment", "run_tool"]

ROOT = Path(__file__).parents[2]
KINDS = {"solc": "node", "forge": "node", "anvil": "node", "slither": "python", "halmos": "python"}


@functools.cache
def _folder(kind: str) -> tuple[Path | None, str]:
    """Where the tools of a kind are, or why they are not there."""
    ran = subprocess.run(
        [str(ROOT / "scripts" / "install-contract-tools"), kind],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        return None, ran.stderr.strip() or f"exit status {ran.returncode}"
    return Path(ran.stdout.strip()), ""


def command(name: str) -> Path:
    """The path of solc, forge, anvil, slither or halmos. Skips the test, or fails it in CI."""
    folder, why = _folder(KINDS[name])
    if folder is not None and (folder / "bin" / name).exists():
        return folder / "bin" / name
    message = f"{name} is missing: {why or 'it is not made for this machine'}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def environment(folder: Path, *names: str) -> dict[str, str]:
    """Variables for a run that uses the tools of ``names``: PATH, the Solidity compiler, and in
    ``folder``, not in the checkout, a home and the places that forge writes to."""
    places = [str(command(name).parent) for name in names]
    (folder / "home").mkdir(exist_ok=True)
    return {
        "PATH": os.pathsep.join([*dict.fromkeys(places), os.environ["PATH"]]),
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "FOUNDRY_OFFLINE": "true",
        "FOUNDRY_SOLC": str(command("solc")),
        "FOUNDRY_OUT": str(folder / "out"),
        "FOUNDRY_CACHE_PATH": str(folder / "cache"),
        "FOUNDRY_FUZZ_FAILURE_PERSIST_DIR": str(folder / "cache" / "fuzz"),
        "FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR": str(folder / "cache" / "invariant"),
    }


def run_tool(
    *arguments: str | Path, folder: Path, variables: dict[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a tool in ``folder`` to its end, with ``given`` on its standard input; nothing is raised
    whatever it exits with."""
    return subprocess.run(
        [str(word) for word in arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=variables,
        timeout=300,
    )
