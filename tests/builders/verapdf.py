"""veraPDF, another implementation's judgement on PDF/A: found, and fetched where it is missing."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["check_pdfa"]

_SCRIPT = Path(__file__).parents[2] / "scripts" / "install-verapdf"


@functools.cache
def _jar() -> str:
    """Where it is; a test without it is skipped, and fails in CI."""
    if shutil.which("java") is None:
        _miss("java is missing")
    ran = subprocess.run([str(_SCRIPT)], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        _miss(f"veraPDF is missing: {ran.stderr.strip()[-300:]}")
    return ran.stdout.strip()


def _miss(why: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def check_pdfa(files: Sequence[Path]) -> dict[str, str]:
    """veraPDF's verdict on each file as PDF/A-3b: its words ``PASS`` or ``FAIL``, by file name."""
    ran = subprocess.run(
        ["java", "-jar", _jar(), "-f", "3b", "--format", "text", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split() for line in ran.stdout.splitlines() if line.strip()]
    return {Path(words[1]).name: words[0] for words in lines}
