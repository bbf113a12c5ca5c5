"""The consensus engine's binary: built by its script, once, and its own tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "build-engine"
ENGINE = ROOT / "node" / "engines" / "cometbft" / "engine"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def needs(what: str, found: bool, why: str = "") -> None:
    """Skip the test without ``what``, but in CI fail."""
    if not found:
        message = f"{what} is missing: {why}" if why else f"{what} is missing"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(scope="module")
def go() -> str:
    """The path of a Go that is new enough."""
    found = subprocess.run(
        [str(ROOT / "scripts" / "go-toolchain")], capture_output=True, text=True, check=False
    )
    needs("Go", found.returncode == 0, found.stderr.strip())
    return found.stdout.strip()


@pytest.fixture(scope="module")
def binary(go: str) -> Path:
    built = run()
    assert built.returncode == 0, built.stderr
    assert built.stdout.count("\n") == 1, built.stdout
    return Path(built.stdout.strip())


def test_binary_tells_its_versions(binary: Path) -> None:
    said = subprocess.run(
        [str(binary), "evidence-version"], capture_output=True, text=True, check=True
    ).stdout
    assert said.count("\n") == 1
    told = json.loads(said)
    assert told["engine"] == "0.38.25"
    assert told["module"] == "v0.38.25"
    assert (told["abci"], told["block_protocol"]) == ("2.0.0", 11)


def test_building_again_does_nothing(binary: Path) -> None:
    before = binary.stat()
    again = run(GO="/nonexistent/go")  # nothing is compiled: no Go is looked for
    assert (again.returncode, again.stderr) == (0, "")
    assert Path(again.stdout.strip()) == binary
    assert (binary.stat().st_ino, binary.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert run("--print").stdout == again.stdout


def test_binary_lies_outside_the_checkout_and_leaves_nothing_in_it(binary: Path) -> None:
    assert not binary.is_relative_to(ENGINE)
    assert {path.name for path in ENGINE.iterdir() if path.suffix not in {".go"}} == {
        "go.mod",
        "go.sum",
        "internal",
    }


def test_print_builds_nothing(tmp_path: Path) -> None:
    done = run("--print", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "has not been built from these sources" in done.stderr
    assert not list(tmp_path.rglob("evidence-engine*"))


def test_an_old_go_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.19.8\n")
    old.chmod(0o755)
    done = run(XDG_CACHE_HOME=str(tmp_path / "cache"), GO=str(old))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "is not Go 1.24.0 or newer" in done.stderr


@pytest.mark.parametrize("arguments", [("--nonsense",), ("--test", "--stock")])
def test_unknown_arguments_are_refused(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "usage: scripts/build-engine" in done.stderr


def test_the_engine_is_used_as_it_is_published() -> None:
    modules = (ENGINE / "go.mod").read_text(encoding="utf-8").splitlines()
    assert "\tgithub.com/cometbft/cometbft v0.38.25" in modules
    assert not [line for line in modules if line.startswith(("replace", "exclude"))]


def test_tests_of_the_engine_pass(go: str) -> None:
    needs("gcc", shutil.which("gcc") is not None, "go test -race wants it")
    done = run("--test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
