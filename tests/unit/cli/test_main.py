"""The entry point: commands are found, loaded lazily, and told about."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from pathlib import Path

import pytest
from builders.commands import Cli

from node import __version__
from node.cli.command_table import COMMANDS, module_of
from node.cli.exit_codes import MEANINGS, ExitCode
from node.cli.main import build_parser, main

HEAVY = ("plyvel", "httpx", "fastapi", "msgspec", "uvicorn", "rich", "cryptography", "orjson")
OWN = ("node.storage", "node.ledger", "node.api", "node.wiring", "node.client", "node.config")


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after ``code``."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.splitlines()[-1].split())


def available() -> list[str]:
    """The commands whose modules are there."""
    return [name for name in COMMANDS if importlib.util.find_spec(module_of(name))]


def test_help_lists_every_command_with_one_line_and_every_exit_code(cli: Cli) -> None:
    ended = cli("--help")
    assert ended.code == ExitCode.OK
    words = " ".join(ended.out.split())
    for name, summary in COMMANDS.items():
        assert f" {name} {summary}" in words
    for code, meaning in MEANINGS.items():
        assert f" {int(code)} {meaning}" in words


def test_help_loads_no_command_and_nothing_heavy() -> None:
    loaded = loaded_by("from node.cli.main import main\nassert main(['--help']) == 0")
    assert not loaded & set(HEAVY)
    assert not {name for name in loaded if name.startswith(OWN)}
    assert not {module_of(name) for name in COMMANDS} & loaded


@pytest.mark.parametrize("name", ["verify", "trust"])
def test_verifier_loads_no_storage_network_or_web_code(name: str) -> None:
    loaded = loaded_by(f"import node.cli.{name}")
    assert not loaded & {*HEAVY, "socket", "ssl", "http", "asyncio", "sqlite3"}
    assert not {
        module for module in loaded if module.startswith((*OWN, "node.rules", "node.vault"))
    }


def test_every_command_module_offers_add_parser_and_run() -> None:
    for name in available():
        module = importlib.import_module(module_of(name))
        assert callable(module.add_parser), name
        assert callable(module.run), name


def test_every_command_explains_itself_with_examples(cli: Cli) -> None:
    for name in available():
        ended = cli(name, "--help")
        assert ended.code == ExitCode.OK, name
        assert "examples:\n  evidence-node" in ended.out, name


def test_only_the_chosen_command_gets_its_arguments() -> None:
    parser = build_parser(["keys", "new", "--out", "x"])
    assert parser.parse_args(["keys", "new", "--out", "x"]).out == "x"


def test_version_names_the_program_and_the_python(cli: Cli) -> None:
    ended = cli("--version")
    assert ended.code == ExitCode.OK
    assert ended.out.startswith(f"evidence-node {__version__} (Python 3.")


def test_without_a_command_the_list_goes_to_standard_error(cli: Cli) -> None:
    ended = cli()
    assert ended.code == ExitCode.USAGE
    assert "verify" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["verify"],
        ["verify", "--trust", "x"],
        ["verify", "bundle.json", "--trust", "x", "--backend", "gmssl"],
        ["verify", "bundle.json", "--tru", "x"],  # no abbreviations: they change meaning over time
        ["trust"],
        ["trust", "make"],
        ["keys", "new"],
        ["--colour"],
    ],
)
def test_wrong_arguments_are_refused_in_two_lines(cli: Cli, arguments: list[str]) -> None:
    ended = cli(*arguments)
    assert ended.code == ExitCode.USAGE
    assert ended.err.startswith("evidence-node")
    assert len(ended.err.splitlines()) == 2
    assert ended.out == ""


def test_wrong_arguments_are_told_in_json_when_that_is_asked_for(cli: Cli) -> None:
    ended = cli("verify", "--json")
    assert ended.code == ended.error["code"] == ExitCode.USAGE
    assert "FILE" in ended.error["message"]


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the command verify end with ``error``."""

    def run(_: object) -> int:
        raise error

    def add_parser(subparsers: object) -> None:
        subparsers.add_parser("verify").set_defaults(run=run)  # type: ignore[attr-defined]

    module = types.SimpleNamespace(add_parser=add_parser)
    monkeypatch.setitem(sys.modules, "node.cli.verify", module)  # type: ignore[arg-type]


def test_interrupted_command_ends_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    ended = cli("verify")
    assert (ended.code, ended.err) == (ExitCode.INTERRUPTED, "interrupted\n")


def test_fault_of_the_program_is_told_without_traceback(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ZeroDivisionError("by zero"))
    ended = cli("verify")
    assert ended.code == ExitCode.FAULT
    assert "Traceback" not in ended.err
    assert "EVIDENCE_DEBUG" in ended.err
    monkeypatch.setenv("EVIDENCE_DEBUG", "1")
    assert "Traceback" in cli("verify").err


def test_missing_package_is_named_with_the_way_to_install_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ModuleNotFoundError("No module named 'plyvel'", name="plyvel"))
    ended = cli("verify")
    assert ended.code == ExitCode.USAGE
    assert "plyvel" in ended.err
    assert "evidence-ledger-node[node]" in ended.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_reader_that_goes_away_ends_the_command_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    script = f"{sys.executable} -m node.cli --help | true; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert run.stderr == ""
    assert run.stdout.strip() in {"0", str(int(ExitCode.INPUT_OUTPUT))}  # 0: it had written all


def test_module_can_be_run() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "node.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("evidence-node ")


def test_exit_code_is_an_integer(capsys: pytest.CaptureFixture[str]) -> None:
    assert type(int(main(["--version"]))) is int
    capsys.readouterr()
