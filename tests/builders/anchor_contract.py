"""The committed contract on a chain in process (eth-tester, py-evm at the fork Paris)."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth.vm.forks.paris import ParisVM
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3

__all__ = ["BUILD", "NOBODY", "AnchorContract", "Chain", "Refused"]

ROOT = Path(__file__).parents[2]
BUILD: dict[str, Any] = json.loads(
    (ROOT / "contracts" / "evm" / "build" / "EvidenceAnchor.json").read_bytes()
)
NOBODY = "0x" + "00" * 20
GAS = 3_000_000


def _types(inputs: Sequence[dict[str, Any]]) -> list[str]:
    return [item["type"] for item in inputs]


ERRORS = {
    bytes(Web3.keccak(text=f"{item['name']}({','.join(_types(item['inputs']))})")[:4]): (
        item["name"],
        _types(item["inputs"]),
    )
    for item in BUILD["abi"]
    if item["type"] == "error"
}


class Refused(Exception):
    """The contract reverted: the error's name and what it says."""

    def __init__(self, data: bytes) -> None:
        self.name, types = ERRORS.get(data[:4], ("?" + data.hex(), []))
        self.values = Web3().codec.decode(types, data[4:]) if types else ()
        super().__init__(self.name, *self.values)


def _refused(error: TransactionFailed) -> Refused:
    """eth-tester gives what was returned as the text of a Python value."""
    text = str(error.args[0]).removeprefix("execution reverted: ")
    return Refused(ast.literal_eval(text) if text.startswith(("b'", 'b"')) else b"")


class Chain:
    """A chain of its own with ten accounts, a block a transaction. ``bytecode`` is another contract
    of the same interface."""

    def __init__(self, bytecode: str = BUILD["bytecode"]) -> None:
        self.bytecode = bytecode
        self.tester = EthereumTester(PyEVMBackend(vm_configuration=((0, ParisVM),)))
        self.web3 = Web3(EthereumTesterProvider(self.tester))
        self.accounts: list[str] = list(self.web3.eth.accounts)

    def deploy(
        self, members: Sequence[str], threshold: int, ledger: bytes = b"\x01" * 32
    ) -> AnchorContract:
        """Raises Refused."""
        made = self.web3.eth.contract(abi=BUILD["abi"], bytecode=self.bytecode)
        try:
            call = made.constructor(ledger, list(members), threshold)
            call.estimate_gas({"from": self.accounts[0]})  # a transaction's receipt has no reason
            sent = call.transact({"from": self.accounts[0], "gas": 25_000_000})
        except TransactionFailed as error:
            raise _refused(error) from error
        receipt = self.web3.eth.get_transaction_receipt(sent)
        assert receipt["status"] == 1
        return AnchorContract(self, str(receipt["contractAddress"]))

    def time(self) -> int:
        """Of the newest block, in seconds."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def wait_until(self, time: int) -> None:
        """The next block's time is ``time``."""
        self.tester.time_travel(time)


class AnchorContract:
    """A deployed contract."""

    def __init__(self, chain: Chain, address: str) -> None:
        self.chain = chain
        self.address = address
        self.contract = chain.web3.eth.contract(address=address, abi=BUILD["abi"])
        self.gas_used = 0

    def see(self, name: str, *arguments: Any) -> Any:
        """What a view returns."""
        return self.contract.functions[name](*arguments).call()

    def send(self, account: str, name: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Send a transaction; its events, as (name, *values). Raises Refused."""
        try:
            call = self.contract.functions[name](*arguments)
            # A transaction's receipt has no reason.
            call.call({"from": account, "gas": GAS}, block_identifier="pending")
            sent = call.transact({"from": account, "gas": GAS})
        except TransactionFailed as error:
            raise _refused(error) from error
        receipt = self.chain.web3.eth.get_transaction_receipt(sent)
        assert receipt["status"] == 1
        self.gas_used = int(receipt["gasUsed"])
        events = []
        for log in receipt["logs"]:
            for event in self.contract.events:
                if log["topics"][0] == bytes.fromhex(event().topic[2:]):
                    found = event().process_log(log)
                    events.append((found["event"], *found["args"].values()))
        assert len(events) == len(receipt["logs"])
        return events

    def attest(self, account: str, size: int, root: bytes, digest: bytes) -> list[tuple[Any, ...]]:
        """Attest; see `send`."""
        return self.send(account, "attest", size, root, digest)

    def vote(
        self,
        account: str,
        *,
        admitted: str = NOBODY,
        removed: str = NOBODY,
        threshold: int | None = None,
        term: int | None = None,
        until: int = 2**64 - 1,
    ) -> list[tuple[Any, ...]]:
        """Vote, by default in the present term and for the present threshold; see `send`."""
        return self.send(
            account,
            "vote",
            self.see("term") if term is None else term,
            admitted,
            removed,
            self.see("threshold") if threshold is None else threshold,
            until,
        )

    def storage(self, slot: int) -> bytes:
        """The 32 bytes of a storage slot."""
        return bytes(self.chain.web3.eth.get_storage_at(self.address, slot)).rjust(32, b"\x00")
