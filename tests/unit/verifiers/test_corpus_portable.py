"""The corpus by the verifiers that run anywhere: the Python archive, JavaScript."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from builders.corpus import held
from builders.javascript import JAVASCRIPT

from node.verifiers.building import build_pyz

CORPUS = {one.name: one for one in held()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "evidence-verify.pyz"
    path.write_bytes(build_pyz())
    return path


@pytest.mark.parametrize("name", CORPUS)
def test_javascript_ends_every_step_alike(name: str) -> None:
    case = CORPUS[name]
    report = JAVASCRIPT.call("verify.js", "verifyBundle", case.bundle, case.trust)
    assert {step["label"]: step["status"] for step in report["steps"]} == case.steps
    assert report["accepted"] == case.accepted
    assert all(step["text"] and step["textZh"] for step in report["steps"])


@pytest.mark.parametrize("name", CORPUS)
def test_the_archive_ends_every_step_alike(name: str, archive: Path, tmp_path: Path) -> None:
    case = CORPUS[name]
    (tmp_path / "bundle.json").write_bytes(case.bundle)
    (tmp_path / "trust.json").write_bytes(case.trust)
    files = [str(tmp_path / "bundle.json"), "--trust", str(tmp_path / "trust.json")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(archive), *files, "--json"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    told = json.loads(done.stdout)
    assert {step["label"]: step["status"] for step in told["steps"]} == case.steps, done.stderr
    assert (done.returncode == 0) == case.accepted
