"""The build that the adapter has with it, and what the contract's refusals mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.evm import point
from eth_abi.abi import encode

import chaincode_adapters.evm
from chaincode_adapters.errors import Conflicting, Refused, Unreachable
from chaincode_adapters.evm.contract import AnchorContract, NotRising, contract_build
from chaincode_adapters.evm.rpc import EvmNode
from node.core.anchors.evm_block import attest_call
from node.core.anchors.keccak import keccak256

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


OF = point(7)
ADDRESS = b"\x11" * 20


class Refusing:
    """A node whose contract refuses to attest, and holds something."""

    origin = "a node"

    def __init__(self, error: dict[str, Any], held: bytes) -> None:
        self.error, self.held = error, held

    def begin(self) -> None:
        pass

    def close(self) -> None:
        pass

    def make_request(self, method: str, params: list[Any]) -> dict[str, Any]:
        assert method == "eth_call"
        if params[0]["data"] == f"0x{attest_call(OF).hex()}":
            return {"error": self.error}
        return {"result": f"0x{self.held.hex()}"}


def refusing(data: bytes | None, held: bytes = bytes(128), text: str = "execution reverted") -> Any:
    told = {} if data is None else {"data": f"0x{data.hex()}"}
    return AnchorContract(EvmNode(Refusing({"code": 3, "message": text, **told}, held)), ADDRESS)


def reverted(signature: str, *values: Any) -> bytes:
    kinds = signature[signature.index("(") + 1 : -1].split(",")
    return keccak256(signature.encode())[:4] + encode(kinds, values)


def anchor_held(root: bytes, digest: bytes) -> bytes:
    return encode(["bytes32", "bytes32", "uint64", "uint32"], [root, digest, 5, 1])


OTHER = b"\x99" * 32
CONFLICT = reverted("Conflict(uint64,bytes32,bytes32)", 7, OTHER, OTHER)


@pytest.mark.parametrize(
    ("data", "held", "raised", "rule"),
    [
        (CONFLICT, bytes(128), Conflicting, OTHER.hex()),
        (reverted("NotMember(address)", "0x" + "22" * 20), bytes(128), Refused, "0x2222"),
        (reverted("NotRising(uint64,uint64)", 7, 9), bytes(128), NotRising, "size 9"),
        (CONFLICT[:-1], bytes(128), Unreachable, "that it does not have"),
        (CONFLICT[:4], bytes(128), Unreachable, "that it does not have"),
        (b"", anchor_held(OTHER, OTHER), Conflicting, OTHER.hex()),
        (None, anchor_held(OF.root, OTHER), Conflicting, OTHER.hex()),
        (None, anchor_held(OF.root, OF.digest()), Refused, "execution reverted"),
        (None, bytes(128), Refused, "execution reverted"),
        (b"\x12\x34\x56\x78", bytes(128), Refused, "execution reverted"),
        (None, b"", Unreachable, "gave something else"),
        (None, bytes(96), Unreachable, "gave something else"),
    ],
)
def test_what_refusals_mean(
    data: bytes | None, held: bytes, raised: type[Exception], rule: str
) -> None:
    with pytest.raises(raised, match=rule):
        refusing(data, held).check_attest(OF, bytes(20))


def test_the_package_data_is_declared() -> None:
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"chaincode_adapters.evm" = ["EvidenceAnchor.json"]' in declared
