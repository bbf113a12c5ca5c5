"""The committed build of the EVM contract comes out of its source, with npm's compiler."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from builders.contract_tools import ROOT, command

CONTRACT = ROOT / "contracts" / "evm"
BUILD = CONTRACT / "build"


def build() -> dict:
    return json.loads((BUILD / "EvidenceAnchor.json").read_bytes())


def test_recompiling_gives_what_is_committed() -> None:
    command("solc")
    ran = subprocess.run(
        [str(ROOT / "scripts" / "build-contract"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_committed_input_alone_gives_the_committed_bytecode() -> None:
    """What somebody does who has the two files and a compiler, and nothing of this project."""
    ran = subprocess.run(
        [str(command("solc")), "--standard-json"],
        input=(BUILD / "input.json").read_bytes(),
        capture_output=True,
        check=True,
    )
    [compiled] = json.loads(ran.stdout)["contracts"]["EvidenceAnchor.sol"].values()
    evm = compiled["evm"]
    assert "0x" + evm["bytecode"]["object"] == build()["bytecode"]
    assert "0x" + evm["deployedBytecode"]["object"] == build()["deployedBytecode"]
    assert compiled["abi"] == build()["abi"]


def test_input_holds_the_source_and_asks_for_paris_without_a_hash_of_metadata() -> None:
    given = json.loads((BUILD / "input.json").read_bytes())
    source = (CONTRACT / "src" / "EvidenceAnchor.sol").read_text()
    assert given["sources"] == {"EvidenceAnchor.sol": {"content": source}}
    assert given["settings"]["evmVersion"] == build()["evmVersion"] == "paris"
    assert given["settings"]["metadata"] == {"bytecodeHash": "none"}


def test_storage_that_adapters_read_lies_where_they_read_it() -> None:
    layout = build()["storageLayout"]
    places = {item["label"]: (item["slot"], item["offset"]) for item in layout["storage"]}
    assert places["anchors"] == ("0", 0)
    assert places["attesters"] == ("1", 0)
    [anchor] = [item for name, item in layout["types"].items() if name.startswith("t_struct(Anch")]
    assert [
        (
            item["label"],
            item["slot"],
            item["offset"],
            layout["types"][item["type"]]["numberOfBytes"],
        )
        for item in anchor["members"]
    ] == [
        ("root", "0", 0, "32"),
        ("digest", "1", 0, "32"),
        ("confirmedAt", "2", 0, "8"),
        ("attestations", "2", 8, "4"),
    ]


def test_the_ledger_alone_is_put_into_the_code_where_the_build_says() -> None:
    places = build()["immutableReferences"]
    assert list(places) == ["ledger"]
    code = bytes.fromhex(build()["deployedBytecode"][2:])
    for place in places["ledger"]:
        assert code[place["start"] : place["start"] + place["length"]] == bytes(32)


def test_npm_lock_has_hashes_and_names_no_registry() -> None:
    text = (CONTRACT / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert "://" not in text
    assert all("integrity" in item for name, item in packages.items() if name)
    asked = json.loads((CONTRACT / "package.json").read_bytes())
    for name, version in {**asked["dependencies"], **asked["optionalDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_source_names_the_compiler_that_is_locked() -> None:
    source = (CONTRACT / "src" / "EvidenceAnchor.sol").read_text()
    packages = json.loads((CONTRACT / "package-lock.json").read_bytes())["packages"]
    version = packages["node_modules/solc"]["version"]
    assert re.findall(r"^pragma solidity (.*);$", source, re.MULTILINE) == [version]
    assert build()["compiler"].split("+")[0] == version


def test_tools_lie_outside_the_checkout() -> None:
    assert not command("solc").is_relative_to(ROOT)
    assert not list(CONTRACT.rglob("node_modules"))


@pytest.mark.parametrize("kind", ["node", "python"])
def test_asking_for_the_place_alone_installs_nothing(kind: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [str(ROOT / "scripts" / "install-contract-tools"), "--print", kind],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"error: not installed: scripts/install-contract-tools {kind} ")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_lock_of_the_checkers_has_hashes_and_what_was_asked_for() -> None:
    lock = (CONTRACT / "checkers.lock").read_text()
    asked = [
        line
        for line in (CONTRACT / "checkers.in").read_text().splitlines()
        if not line.startswith("#")
    ]
    pins = re.findall(r"^([\w.-]+==\S+)(?: ;.*?)? \\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE))
    assert set(asked) <= set(pins)
    assert "://" not in lock


def test_compiler_wrapper_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    for words in (["--bin"], []):
        ran = subprocess.run(
            [str(command("solc")), *words], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 1
        assert ran.stderr.startswith("Error: ")
