"""slither, forge and halmos find nothing in the EVM contract that is not meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.contract_tools import ROOT, command, environment, run_tool

CONTRACT = ROOT / "contracts" / "evm"

MEANT = {
    # A proposal ends with its time; that who makes blocks can move it by seconds is no matter.
    ("timestamp", "vote"),
    # The constructor seats its members one by one, once.
    ("costly-loop", "_seat"),
}
"""What slither says and is right about: (detector, function)."""


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def names_of(kind: str) -> set[str]:
    """The functions of the Solidity tests that begin with ``kind``."""
    found = set()
    for path in (CONTRACT / "test").glob("*.sol"):
        found |= set(re.findall(rf"function ({kind}_\w+)\(", path.read_text()))
    return found


def test_slither_finds_what_is_meant_and_nothing_else(tmp_path: Path) -> None:
    ran = run_tool(
        command("slither"),
        CONTRACT / "src" / "EvidenceAnchor.sol",
        *("--solc", command("solc"), "--solc-args", "--evm-version paris --optimize"),
        *("--compile-force-framework", "solc", "--json", "-"),
        folder=tmp_path,
        variables=environment(tmp_path, "slither", "solc", "forge"),
    )
    said = json.loads(ran.stdout)
    assert said["success"] is True, said["error"]
    found = {
        (result["check"], element["name"])
        for result in said["results"]["detectors"]
        for element in result["elements"]
        if element["type"] == "function"
    }
    others = [item for item in said["results"]["detectors"] if not item["elements"]]
    assert found == MEANT, ran.stdout
    assert not others


def test_forge_runs_every_rule_and_invariant_and_all_hold(tmp_path: Path) -> None:
    ran = run_tool(
        *(command("forge"), "test", "--root", CONTRACT, "--json"),
        folder=tmp_path,
        variables=environment(tmp_path, "forge"),
    )
    assert ran.returncode == 0, plain(ran.stdout + ran.stderr)
    results = {
        name.split("(")[0]: result
        for suite in json.loads(ran.stdout).values()
        for name, result in suite["test_results"].items()
    }
    assert set(results) == names_of("testFuzz") | names_of("invariant")
    assert {result["status"] for result in results.values()} == {"Success"}


def test_halmos_follows_every_path_and_all_checks_hold(tmp_path: Path) -> None:
    ran = run_tool(
        *(command("halmos"), "--root", CONTRACT, "--forge-build-out", tmp_path / "out"),
        "--no-status",
        folder=tmp_path,
        variables=environment(tmp_path, "halmos", "forge"),
    )
    said = plain(ran.stdout + ran.stderr)
    assert ran.returncode == 0, said
    assert set(re.findall(r"\[PASS\] (check_\w+)\(", said)) == names_of("check")
    # "paths have not been fully explored", "timeout", and whatever else it did not look at.
    assert not re.findall(r"^(?:WARNING|ERROR) .*", said, re.MULTILINE), said


def test_solidity_is_formatted(tmp_path: Path) -> None:
    ran = run_tool(
        *(command("forge"), "fmt", "--check", "--root", CONTRACT),
        folder=tmp_path,
        variables=environment(tmp_path, "forge"),
    )
    assert ran.returncode == 0, plain(ran.stdout)


@pytest.fixture(scope="module", autouse=True)
def checkout_is_left_alone() -> Iterator[None]:
    """None of the tools writes beside the sources."""
    before = set(CONTRACT.rglob("*"))
    yield
    assert set(CONTRACT.rglob("*")) == before
