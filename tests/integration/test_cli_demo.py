"""The demonstration, with few dossiers: whatever it shows has to have happened."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.exit_codes import ExitCode
from node.core.verify import verify_bundle


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The directory of a demonstration that was played to its end, and how it ended."""
    out = tmp_path_factory.mktemp("demo") / "out"
    arguments = ["demo", "--out", str(out), "--dossiers", "12", "--port", "0", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *arguments],
        env={**os.environ, "DEMO_SERVE": "0", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return out, done


def test_it_ends_well_and_its_evidence_holds_without_it(
    shown: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, done = shown
    assert done.returncode == ExitCode.OK, done.stderr
    told = json.loads(done.stdout)
    assert (told["verified"], told["dossiers"]) == (True, 12)
    assert told["bundle"] == str(out / "bundle.json")
    trust = Path(told["trust"]).read_bytes()
    assert verify_bundle(Path(told["bundle"]).read_bytes(), trust).accepted
    assert not verify_bundle((out / "bundle-changed.json").read_bytes(), trust).accepted


def test_the_story_is_told_step_by_step(
    shown: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    steps = re.findall(r"^(\d+)\. ", shown[1].stderr, re.MULTILINE)
    assert steps == [str(number) for number in range(1, 11)]
    assert "refused, as it must be" in shown[1].stderr
