"""The README's session, run from its first command to its last."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from builders.readme import mismatch, play, read_blocks

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_session_of_the_readme_goes_as_it_stands_there(tmp_path: Path) -> None:
    steps = 0
    for transcript in play(read_blocks(README.read_text("utf-8")), tmp_path):
        steps += 1
        told = mismatch(transcript)
        assert told is None, told
    assert steps == 14
