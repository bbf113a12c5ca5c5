"""The build that the adapter has with it, and what the contract's refusals mean."""

from __future__ import annotations

import json
from pathlib import Path

import chaincode_adapters.evm
from chaincode_adapters.evm.contract import contract_build

ROOT = Path(__file__).parents[4]
COMMITTED = ROOT / "contracts" / "evm" / "build" / "EvidenceAnchor.json"


def test_the_build_in_the_package_is_the_committed_one() -> None:
    """Where they differ: cp contracts/evm/build/EvidenceAnchor.json chaincode_adapters/evm/"""
    package = Path(chaincode_adapters.evm.__file__).parent / "EvidenceAnchor.json"
    assert package.read_bytes() == COMMITTED.read_bytes()
    assert contract_build().content == json.loads(COMMITTED.read_bytes())


def test_code_is_recognised_whatever_its_immutable_values() -> None:
    build = contract_build()
    [places] = build.content["immutableReferences"].values()
    code = bytearray(build.deployed)
    assert build.is_code(bytes(code))
    for place in places:
        code[place["start"] : place["start"] + place["length"]] = b"\x55" * place["length"]
    assert build.is_code(bytes(code))
    immutable = {at for one in places for at in range(one["start"], one["start"] + one["length"])}
    for position in {0, 1, len(code) // 2, len(code) - 1} - immutable:
        changed = bytearray(code)
        changed[position] ^= 1
        assert not build.is_code(bytes(changed))
    assert not build.is_code(bytes(code[:-1]))
    assert not build.is_code(bytes(code) + b"\x00")
    assert not build.is_code(b"")


def test_the_package_data_is_declared() -> None:
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"chaincode_adapters.evm" = ["EvidenceAnchor.json"]' in declared
