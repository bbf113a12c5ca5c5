"""The command line as a process: examples of the help, exit codes, signals, pipes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders.commands import Evidence, write_evidence

from node.cli.exit_codes import ExitCode
from node.client.keys import SigningKey
from node.vault.keys import create_wrapping_key

CERTIFICATES = Path(__file__).parents[1] / "vectors" / "certificates"
OFFLINE = ("verify", "trust", "keys", "init")


def environment() -> dict[str, str]:
    """With the script of this Python's environment found first."""
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONUTF8": "1"}


def run(*arguments: object, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(),
        check=False,
        **options,  # type: ignore[call-overload]
    )


def examples(command: str, cwd: Path) -> list[str]:
    """The lines of the help's examples, continued ones joined."""
    text = run(command, "--help", cwd=cwd).stdout.partition("examples:\n")[2]
    lines = text.replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+#.*", "", line).strip() for line in lines if line.strip()]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return write_evidence(tmp_path_factory.mktemp("evidence"))


@pytest.mark.parametrize("command", OFFLINE)
def test_examples_of_the_help_work(command: str, evidence: Evidence, tmp_path: Path) -> None:
    shutil.copytree(evidence.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "password.txt").write_text("a good password\n")
    if command == "trust":
        (tmp_path / "trust.json").unlink()
    if command == "keys":
        (tmp_path / "var" / "evidence" / "keys").mkdir(parents=True)
        create_wrapping_key(tmp_path / "var" / "evidence" / "keys" / "wrapping.key")
    if command == "init":
        members = tmp_path / "members.toml"
        shutil.copytree(make_example(tmp_path / "made") / "keys", tmp_path / "keys")
        shutil.copy(tmp_path / "made" / "members.toml", members)
        (tmp_path / "var").mkdir()
    shutil.copy(CERTIFICATES / "good-b-lta.pdf", tmp_path / "certificate.pdf")
    lines = examples(command, tmp_path)
    assert lines
    for written in lines:
        line = written
        if line.startswith("evidence-node run "):
            continue  # would not end; tests/integration/test_cli_node.py runs it
        if " certificate.pdf " in line:  # is of another chain than the bundle
            line = line.replace("trust.json", str(CERTIFICATES / "trust.json"))
        done = subprocess.run(
            ["bash", "-c", line.replace("/var/lib", str(tmp_path / "var"))],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == ExitCode.OK, (line, done.stderr)


def make_example(folder: Path) -> Path:
    assert run("init", "--example", folder, cwd=folder.parent).returncode == ExitCode.OK
    return folder


def test_exit_codes_reach_the_shell(evidence: Evidence, tmp_path: Path) -> None:
    SigningKey.generate().save(tmp_path / "key.pem")
    (tmp_path / "broken.json").write_text("{}")
    wanted = {
        ExitCode.OK: ("verify", evidence.bundle_path, "--trust", evidence.trust_path),
        ExitCode.REFUSED: ("verify", "broken.json", "--trust", evidence.trust_path),
        ExitCode.USAGE: ("verify", "broken.json"),
        ExitCode.UNREACHABLE: ("show", "x", "--url", "http://127.0.0.1:9"),
        ExitCode.BAD_INPUT: ("trust", "show", "broken.json"),
        ExitCode.INPUT_OUTPUT: ("trust", "show", "nowhere.json"),
    }
    for code, arguments in wanted.items():
        ended = run(*arguments, cwd=tmp_path)
        assert ended.returncode == code, (arguments, ended.stderr)
        assert "Traceback" not in ended.stderr


def test_interrupted_command_ends_with_130(evidence: Evidence, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "node.cli", "verify", "-", "--trust", str(evidence.trust_path)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"x" * 100_000)  # more than a pipe holds: it is reading when this ends
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert told == b"interrupted\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk"])
def test_terminal_of_any_encoding_gets_an_answer(
    evidence: Evidence, tmp_path: Path, encoding: str
) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "node.cli", "verify", str(evidence.bundle_path)),
            *("--trust", str(evidence.trust_path), "--lang", "zh"),
        ],
        capture_output=True,
        env={**environment(), "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding},
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == ExitCode.OK, ended.stderr
    assert ended.stderr == b""
    ended.stdout.decode(encoding)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_disk_is_told(evidence: Evidence, tmp_path: Path, unbuffered: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there")
    line = (
        f"{sys.executable} -m node.cli trust show {evidence.trust_path} > /dev/full; echo code $?"
    )
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        env={**environment(), "PYTHONUNBUFFERED": unbuffered},
        cwd=tmp_path,
        check=False,
    )
    assert f"code {int(ExitCode.INPUT_OUTPUT)}" in done.stdout
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
