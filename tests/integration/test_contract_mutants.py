"""Faults planted in the EVM contract, each found by the tool and the test that the list names.

A test that finds nothing says little; these say that the tests of the contract can fail, and for
the reason that they were written for.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders.anchor_contract import Chain, Refused
from builders.contract_tools import ROOT, command, environment, run_tool

CONTRACT = ROOT / "contracts" / "evm"
UNIT = ROOT / "tests" / "unit" / "contracts" / "evm"
SOURCE = CONTRACT / "src" / "EvidenceAnchor.sol"
MUTANTS = tomllib.loads((CONTRACT / "mutants.toml").read_text())["mutant"]


def planted(mutant: dict[str, str]) -> str:
    source = SOURCE.read_text()
    assert source.count(mutant["find"]) == 1, "must stand in the source exactly once"
    return source.replace(mutant["find"], mutant["replace"])


def copy_with(mutant: dict[str, str], folder: Path) -> Path:
    """A copy of the contract with the fault, and of those of its tests that are asked for."""
    shutil.copytree(
        CONTRACT, folder / "evm", ignore=shutil.ignore_patterns("build", "*.lock", "*.json")
    )
    (folder / "evm" / "src" / SOURCE.name).write_text(planted(mutant))
    for path in (folder / "evm" / "test").glob("*.t.sol"):
        if f"function {mutant['test']}" not in path.read_text():
            path.unlink()  # compiled for nothing
    return folder / "evm"


def forge(mutant: dict[str, str], folder: Path) -> set[str]:
    """The tests that failed."""
    ran = run_tool(
        *(command("forge"), "test", "--root", copy_with(mutant, folder), "--json"),
        *("--match-test", mutant["test"], "--fail-fast"),
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
    ran = run_tool(
        *(
            command("halmos"),
            "--root",
            copy_with(mutant, folder),
            "--forge-build-out",
            folder / "out",
        ),
        *("--no-status", "--function", mutant["test"], "--early-exit"),
        folder=folder,
        variables=environment(folder, "halmos", "forge"),
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout + ran.stderr)
    assert "Running 1 tests" in said, said
    return set(re.findall(r"\[FAIL\] (check_\w+)\(", said)) if "Counterexample" in said else set()


def compiled(source: str) -> str:
    """The bytecode, with the settings of the committed build."""
    given = json.loads((CONTRACT / "build" / "input.json").read_bytes())
    given["sources"]["EvidenceAnchor.sol"]["content"] = source
    ran = run_tool(
        *(command("solc"), "--standard-json"),
        folder=CONTRACT,
        variables=dict(os.environ),
        given=json.dumps(given),
    )
    [contract] = json.loads(ran.stdout)["contracts"]["EvidenceAnchor.sol"].values()
    return "0x" + contract["evm"]["bytecode"]["object"]


def calls_of(test: Callable[..., None]) -> list[dict[str, Any]]:
    """The arguments of each case of a test that is parametrized once, or not at all."""
    marks = getattr(test, "pytestmark", [])
    if not marks:
        return [{}]
    [mark] = marks
    names, cases = mark.args
    return [dict(zip(names, case)) for case in cases]


def fails(test: Callable[..., None], chain: Chain, case: dict[str, Any]) -> bool:
    """Whether the test, with the fixtures of its folder, fails as a test does."""
    arguments = dict(case)
    for name in inspect.signature(test).parameters:
        if name == "chain":
            arguments[name] = chain
        elif name == "four":
            arguments[name] = chain.deploy(chain.accounts[:4], 3)
        else:
            assert name in arguments, f"{test.__name__}: no such fixture here: {name}"
    try:
        test(**arguments)
    except (AssertionError, Refused, pytest.fail.Exception):
        return True
    return False


def run_pytest(mutant: dict[str, str], folder: Path) -> set[str]:
    """The test if it fails on the contract with the fault. One that fails without it shows nothing:
    that it does not is seen where it stands."""
    file, _, name = mutant["test"].partition("::")
    spec = importlib.util.spec_from_file_location("mutated", UNIT / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    test = getattr(module, name)
    chain = Chain(compiled(planted(mutant)))
    return {name} if any(fails(test, chain, case) for case in calls_of(test)) else set()


TOOLS = {"forge": forge, "halmos": halmos, "pytest": run_pytest}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant["name"])
def test_planted_fault_is_found(mutant: dict[str, str], tmp_path: Path) -> None:
    assert set(mutant) == {"name", "find", "replace", "tool", "test"}
    found = TOOLS[mutant["tool"]](mutant, tmp_path)
    assert any(name.startswith(mutant["test"].split("::")[-1]) for name in found), found
