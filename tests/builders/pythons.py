"""Every Python that this machine has, of the versions that a court's machine may have."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["VERSIONS", "python_of"]

VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


def python_of(version: str) -> str:
    """A Python of this version: the running one, one on PATH, or one of pyenv's. Skips the test
    where there is none."""
    found = _pythons().get(version)
    if found is None:
        pytest.skip(f"python{version} is not installed")
    return found


@functools.cache
def _pythons() -> dict[str, str]:
    found: dict[str, str] = {}
    for candidate in _candidates():
        asked = [candidate, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        run = subprocess.run(asked, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            found.setdefault(run.stdout.strip(), candidate)
    return found


def _candidates() -> Iterator[str]:
    yield sys.executable
    for version in VERSIONS:
        path = shutil.which(f"python{version}")
        if path is not None:
            yield path
    pyenv = shutil.which("pyenv")
    if pyenv is not None:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False)
        for path in sorted(Path(root.stdout.strip()).glob("versions/*/bin/python3")):
            yield str(path)
