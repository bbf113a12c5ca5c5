"""The engine's process: which is started, and what its last words lead to. Played by scripts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from node.core.errors import EvidenceError
from node.engines.cometbft.process import (
    ENGINE_VERSION,
    EngineDied,
    EngineHalted,
    EngineProcess,
    WrongEngine,
)

APP_HASH = "+2/3 committed an invalid block: wrong Block.Header.AppHash.  Expected AA, got BB"


def engine(tmp_path: Path, body: str, version: str = ENGINE_VERSION) -> Path:
    script = tmp_path / "engine"
    script.write_text(f'#!/bin/sh\nif [ "$1" = version ]; then echo {version}; exit; fi\n{body}\n')
    script.chmod(0o700)
    return script


def outcome(binary: Path, home: Path) -> EvidenceError:
    """What starting and watching it raises."""

    async def live() -> None:
        process = EngineProcess(binary, home)
        try:
            await process.start()
            await process.watch()
        finally:
            await process.stop()

    with pytest.raises(EvidenceError) as caught:
        asyncio.run(live())
    return caught.value


def saying(level: str, text: str, **rest: str) -> str:
    line = json.dumps({"level": level, "_msg": text, **rest})
    return f"echo '{line}'; exec sleep 600"


def test_last_words_and_exit_code(tmp_path: Path) -> None:
    line = json.dumps({"level": "error", "_msg": "cannot go on", "err": "no room"})
    error = outcome(engine(tmp_path, f"echo '{line}'; exit 7"), tmp_path)
    assert isinstance(error, EngineDied)
    assert str(error) == "the engine ended with exit code 7: cannot go on: no room"


@pytest.mark.parametrize("why", ["null", "7", '{"code": 1}', "[]"])
def test_an_error_that_is_no_text(tmp_path: Path, why: str) -> None:
    """Reading goes on: an engine whose lines nobody reads comes to a stop."""
    line = f'{{"level": "error", "_msg": "odd", "err": {why}}}'
    last = json.dumps({"level": "error", "_msg": "the end"})
    error = outcome(engine(tmp_path, f"echo '{line}'; echo '{last}'; exit 7"), tmp_path)
    assert isinstance(error, EngineDied)
    assert str(error).endswith("the end")


@pytest.mark.parametrize("text", ["CONSENSUS FAILURE!!!", "Error in validation"])
def test_another_ledger_than_the_validators_signed(tmp_path: Path, text: str) -> None:
    error = outcome(engine(tmp_path, saying("error", text, err=APP_HASH)), tmp_path)
    assert isinstance(error, EngineHalted)
    assert "is not what more than 2/3 of the validators signed" in str(error)
    assert "`evidence-node audit`" in str(error)
    assert str(error).endswith(APP_HASH)


@pytest.mark.parametrize("text", ["CONSENSUS FAILURE!!!", "Error in validation"])
def test_a_clock_that_is_behind(tmp_path: Path, text: str) -> None:
    why = "block time 05:26 is too far in the future (wall clock 05:16 + tolerance 1m0s)"
    error = outcome(engine(tmp_path, saying("error", text, err=why)), tmp_path)
    assert isinstance(error, EngineHalted)
    assert "the machine's clock is more than a minute behind" in str(error)


def test_another_failure_of_consensus(tmp_path: Path) -> None:
    said = saying("error", "CONSENSUS FAILURE!!!", err="cannot write the WAL: no space left")
    error = outcome(engine(tmp_path, said), tmp_path)
    assert isinstance(error, EngineHalted)
    assert "start the node again" in str(error)
    assert str(error).endswith("no space left")


@pytest.mark.parametrize(
    ("level", "text", "why"),
    [
        ("error", "Error in validation", "wrong signature (#0)"),  # a peer sent a bad block
        ("error", "prevote step: consensus deems this block invalid; prevoting nil", APP_HASH),
        ("info", "CONSENSUS FAILURE!!!", APP_HASH),
    ],
)
def test_what_others_can_bring_about_halts_nothing(
    tmp_path: Path, level: str, text: str, why: str
) -> None:
    line = json.dumps({"level": level, "_msg": text, "err": why})
    error = outcome(engine(tmp_path, f"echo '{line}'; exit 3"), tmp_path)
    assert isinstance(error, EngineDied)
    assert "exit code 3" in str(error)


@pytest.mark.parametrize("version", ["0.38.24", "0.38.251", "1.0.1", "''", "v0.38.25"])
def test_another_version(tmp_path: Path, version: str) -> None:
    binary = engine(tmp_path, "touch started", version)
    error = outcome(binary, tmp_path)
    assert isinstance(error, WrongEngine)
    assert f"{binary} is not CometBFT 0.38.25" in str(error)
    assert f"version {version.strip(chr(39)) or 'none'};" in str(error)
    assert "consortium.binary in node.toml" in str(error)
    assert not (tmp_path / "started").exists()


def test_a_build_with_its_commit(tmp_path: Path) -> None:
    error = outcome(engine(tmp_path, "exit 4", "0.38.25+abcdef"), tmp_path)
    assert isinstance(error, EngineDied)


def test_a_panic_is_told_by_its_first_line(tmp_path: Path) -> None:
    said = "echo 'panic: out of cheese'; for line in 1 2 3 4 5 6; do echo stack $line; done; exit 2"
    error = outcome(engine(tmp_path, said), tmp_path)
    assert str(error) == "the engine ended with exit code 2: panic: out of cheese"


def test_a_key_that_signs_elsewhere(tmp_path: Path) -> None:
    line = "panic: Failed to start consensus state: found signature from the same key"
    error = outcome(engine(tmp_path, f"echo '{line}'; exit 2"), tmp_path)
    assert "this node's validator key has signed one of the last blocks" in str(error)
    assert "one of the two must never run again" in str(error)
    assert str(error).endswith(line)


def test_no_program(tmp_path: Path) -> None:
    error = outcome(tmp_path / "nothing", tmp_path)
    assert isinstance(error, EngineDied)
    assert "cannot be started" in str(error)


def test_one_that_gave_up_joining_is_ended(tmp_path: Path) -> None:
    """CometBFT would stay up and do nothing any more."""
    binary = engine(tmp_path, saying("error", "State sync failed", err="no witnesses"))
    error = outcome(binary, tmp_path)
    assert isinstance(error, EngineDied)
    assert "State sync failed: no witnesses" in str(error)


def test_other_errors_leave_it_be(tmp_path: Path) -> None:
    line = json.dumps({"level": "error", "_msg": "dialing failed", "err": "refused"})
    error = outcome(engine(tmp_path, f"echo '{line}'; echo broken; exit 3"), tmp_path)
    assert "exit code 3: dialing failed: refused; broken" in str(error)
