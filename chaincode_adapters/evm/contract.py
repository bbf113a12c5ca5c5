"""The anchor contract (contracts/evm) as it is called, and the build that it must be of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from chaincode_adapters.errors import Conflicting, Refused, Unreachable
from chaincode_adapters.evm.rpc import EvmNode, Fault, RpcFault
from node.core.anchors.evm_block import attest_call
from node.core.anchors.keccak import keccak256
from node.core.anchors.point import AnchorPoint

__all__ = ["AnchorContract", "ContractBuild", "HeldAnchor", "NotRising", "contract_build"]


class NotRising(Exception):
    """The account has attested a larger size already, and not this one."""

    def __init__(self, last: int) -> None:
        super().__init__(f"the account has attested size {last} already")
        self.last = last


@dataclass(frozen=True)
class HeldAnchor:
    """What the contract holds at a size; all zero where nobody attested it."""

    root: bytes
    digest: bytes
    confirmed_at: int
    attestations: int

    def is_of(self, point: AnchorPoint) -> bool:
        """Whether it is this point."""
        return (self.root, self.digest) == (point.root, point.digest())


@dataclass(frozen=True)
class ContractBuild:
    """The committed build: what deploys the contract, and what then lies at its address."""

    content: dict[str, Any]

    @cached_property
    def deployed(self) -> bytes:
        """The code at the contract's address, its immutable values zero."""
        return bytes.fromhex(self.content["deployedBytecode"][2:])

    def is_code(self, code: bytes) -> bool:
        """Whether ``code`` is of this build, whatever its immutable values."""
        masked = bytearray(code)
        if len(masked) != len(self.deployed):
            return False
        for places in self.content["immutableReferences"].values():
            for place in places:
                end = place["start"] + place["length"]
                masked[place["start"] : end] = bytes(place["length"])
        return bytes(masked) == self.deployed

    def creation(self, ledger: bytes, members: list[bytes], threshold: int) -> bytes:
        """The data of the transaction that deploys it."""
        arguments = encode(["bytes32", "address[]", "uint256"], [ledger, members, threshold])
        return bytes.fromhex(self.content["bytecode"][2:]) + arguments


@lru_cache(maxsize=1)
def contract_build() -> ContractBuild:
    """The build that lies in this package."""
    text = files("chaincode_adapters.evm").joinpath("EvidenceAnchor.json").read_text("utf-8")
    return ContractBuild(json.loads(text))


def _selector(signature: str) -> bytes:
    return keccak256(signature.encode("ascii"))[:4]


_CONFLICT = _selector("Conflict(uint64,bytes32,bytes32)")
_NOT_MEMBER = _selector("NotMember(address)")
_NOT_RISING = _selector("NotRising(uint64,uint64)")


class AnchorContract:
    """The contract at an address. All raise Unreachable and RpcFault."""

    def __init__(self, node: EvmNode, address: bytes) -> None:
        self._node = node
        self.address = address

    def _view(self, signature: str, returns: list[str], *arguments: Any) -> tuple[Any, ...]:
        kinds = signature[signature.index("(") + 1 : -1]
        data = _selector(signature) + encode(kinds.split(",") if kinds else [], arguments)
        answer = self._node.call(self.address, data)
        try:
            return tuple(decode(returns, answer))
        except (DecodingError, OverflowError) as error:
            raise Unreachable(
                f"{signature}: the node gave something else than it returns"
            ) from error

    def code(self) -> bytes:
        """The code at the address, empty where there is none."""
        answer = self._node.ask("eth_getCode", f"0x{self.address.hex()}", "latest")
        if not isinstance(answer, str):
            raise Unreachable("eth_getCode: the node gave no bytes in hex")
        try:
            return bytes.fromhex(answer[2:])
        except ValueError as error:
            raise Unreachable("eth_getCode: the node gave no bytes in hex") from error

    def ledger(self) -> bytes:
        """Of which ledger the anchors are: SHA-256 of its genesis document."""
        return bytes(self._view("ledger()", ["bytes32"])[0])

    def held(self, size: int) -> HeldAnchor:
        """What is held at a size."""
        returns = ["bytes32", "bytes32", "uint64", "uint32"]
        return HeldAnchor(*self._view("anchorOf(uint64)", returns, size))

    def has_attested(self, size: int, account: bytes) -> bool:
        """Whether the account attested what is held at a size."""
        signature = "hasAttested(uint64,address)"
        return bool(self._view(signature, ["bool"], size, account)[0])

    def check_attest(self, point: AnchorPoint, account: bytes) -> None:
        """Let the node try the attestation, without making it.

        Raises:
            Conflicting: the contract holds something else at this size.
            NotRising: the account is past this size.
            Refused: it is no member, or the contract refuses otherwise.
        """
        try:
            self._node.call(self.address, attest_call(point), sender=account)
        except RpcFault as error:
            if error.fault is not Fault.REVERT and not error.data:
                raise
            self.refusal(point, error)

    def refusal(self, point: AnchorPoint, error: RpcFault) -> None:
        """Raise what the contract's refusal means."""
        kind, rest = error.data[:4], error.data[4:]
        try:
            if kind == _CONFLICT:
                size, root, digest = decode(["uint64", "bytes32", "bytes32"], rest)
                raise Conflicting(
                    f"contract 0x{self.address.hex()} holds root {root.hex()} and point "
                    f"{digest.hex()} at size {size}, this ledger has root {point.root.hex()} and "
                    f"point {point.digest().hex()}"
                ) from error
            if kind == _NOT_MEMBER:
                account = decode(["address"], rest)[0]
                raise Refused(f"account {account} is no member of the contract") from error
            if kind == _NOT_RISING:
                raise NotRising(decode(["uint64", "uint64"], rest)[1]) from error
        except DecodingError as odd:
            raise Unreachable(f"a refusal of the contract that it does not have: {error}") from odd
        self._refusal_untold(point, error)

    def _refusal_untold(self, point: AnchorPoint, error: RpcFault) -> None:
        """The node tells that the contract refuses, and not why."""
        held = self.held(point.size)
        if held.attestations and not held.is_of(point):
            raise Conflicting(
                f"contract 0x{self.address.hex()} holds root {held.root.hex()} and point "
                f"{held.digest.hex()} at size {point.size}, and refuses ours"
            ) from error
        raise Refused(f"the contract refuses: {error.message}") from error
