"""Faults planted in the EVM contract, each found by the tool and the test that the list names.

A test that finds nothing says little; these say that the tests of the contract can fail, and for
the reason that they were written for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from builders.contract_tools import ROOT, command, environment, run_tool

CONTRACT = ROOT / "contracts" / "evm"
SOURCE = CONTRACT / "src" / "EvidenceAnchor.sol"
MUTANTS = tomllib.loads((CONTRACT / "mutants.toml").read_text())["mutant"]


def planted(mutant: dict[str, str]) -> str:
    source = SOURCE.read_text()
    assert source.count(mutant["find"]) == 1, "must stand in the source exactly once"
    return source.replace(mutant["find"], mutant["replace"])


def copy_with(mutant: dict[str, str], folder: Path) -> Path:
    shutil.copytree(
        CONTRACT, folder / "evm", ignore=shutil.ignore_patterns("build", "*.lock", "*.json")
    )
    (folder / "evm" / "src" / SOURCE.name).write_text(planted(mutant))
    return folder / "evm"


def forge(mutant: dict[str, str], folder: Path) -> set[str]:
    """The tests that failed."""
    ran = run_tool(
        *(command("forge"), "test", "--root", copy_with(mutant, folder), "--json"),
        *("--match-test", mutant["test"], "--skip", "Symbolic.t.sol"),
        folder=folder,
        # How short the way to the fault can be made is not asked.
        variables=environment(folder, "forge") | {"FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0"},
    )
    assert ran.stdout.startswith("{"), ran.stdout + ran.stderr
    return {
        name.split("(")[0]
        for suite in json.loads(ran.stdout).values()
        for name, result in suite["test_results"].items()
        if result["status"] == "Failure"
    }


def halmos(mutant: dict[str, str], folder: Path) -> set[str]:
    """The checks that have a counterexample."""
    copy = copy_with(mutant, folder)
    for path in (copy / "test").glob("*.t.sol"):
        if path.name != "Symbolic.t.sol":
            path.unlink()
    ran = run_tool(
        *(command("halmos"), "--root", copy, "--forge-build-out", folder / "out"),
        *("--no-status", "--function", mutant["test"], "--early-exit"),
        folder=folder,
        variables=environment(folder, "halmos", "forge"),
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout + ran.stderr)
    assert "Running 1 tests" in said, said
    return set(re.findall(r"\[FAIL\] (check_\w+)\(", said)) if "Counterexample" in said else set()


def run_pytest(mutant: dict[str, str], folder: Path) -> set[str]:
    """The tests that failed, on the contract as it comes out of the compiler."""
    given = json.loads((CONTRACT / "build" / "input.json").read_bytes())
    given["sources"]["EvidenceAnchor.sol"]["content"] = planted(mutant)
    compiled = subprocess.run(
        [str(command("solc")), "--standard-json"],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=True,
    )
    [contract] = json.loads(compiled.stdout)["contracts"]["EvidenceAnchor.sol"].values()
    build = {"abi": contract["abi"], "bytecode": "0x" + contract["evm"]["bytecode"]["object"]}
    (folder / "build.json").write_text(json.dumps(build))
    file, _, test = mutant["test"].partition("::")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *(f"tests/unit/contracts/evm/{file}", "-k", test),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "EVIDENCE_ANCHOR_BUILD": str(folder / "build.json")},
    )
    assert ran.returncode == 1, ran.stdout  # 1: tests were run and some failed
    return set(re.findall(r"^FAILED \S+::(\w+)", ran.stdout, re.MULTILINE))


TOOLS = {"forge": forge, "halmos": halmos, "pytest": run_pytest}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant["name"])
def test_planted_fault_is_found(mutant: dict[str, str], tmp_path: Path) -> None:
    assert set(mutant) == {"name", "find", "replace", "tool", "test"}
    found = TOOLS[mutant["tool"]](mutant, tmp_path)
    assert any(name.startswith(mutant["test"].split("::")[-1]) for name in found), found
