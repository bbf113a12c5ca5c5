"""The engine's process: what it says, and when it is of no more use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.engines.cometbft.process import EngineDied, EngineProcess


def engine(path: Path, *lines: str) -> Path:
    """A program that takes the place of an engine."""
    program = path / "engine"
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    program.chmod(0o700)
    return program


def watch(program: Path, home: Path) -> None:
    async def scenario() -> None:
        process = EngineProcess(program, home)
        await process.start()
        try:
            await asyncio.wait_for(process.watch(), 60)
        finally:
            await process.stop()

    asyncio.run(scenario())


def test_one_that_gave_up_joining_is_ended(tmp_path: Path) -> None:
    """CometBFT would stay up and do nothing any more."""
    line = '{"level":"error","_msg":"State sync failed","err":"no witnesses"}'
    program = engine(tmp_path, f"echo '{line}'", "exec sleep 1000")
    with pytest.raises(EngineDied, match="State sync failed: no witnesses"):
        watch(program, tmp_path)


def test_other_errors_leave_it_be(tmp_path: Path) -> None:
    line = '{"level":"error","_msg":"dialing failed","err":"refused"}'
    program = engine(tmp_path, f"echo '{line}'", "echo broken", "exit 3")
    with pytest.raises(EngineDied, match="exit code 3: dialing failed: refused; broken"):
        watch(program, tmp_path)


def test_one_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineDied, match="cannot be started"):
        watch(tmp_path / "nothing", tmp_path)
