"""Reading what nodes answer, and telling their errors apart."""

from __future__ import annotations

from typing import Any

import pytest

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.rpc import EvmNode, Fault, RpcFault, read_data, read_quantity


class Said:
    """A transport that gives one answer to everything."""

    origin = "a node"

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, list[Any]]] = []

    def begin(self) -> None:
        pass

    def close(self) -> None:
        pass

    def make_request(self, method: str, params: list[Any]) -> dict[str, Any]:
        self.asked.append((method, params))
        return self.answer


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("already known", Fault.KNOWN),  # geth
        ("transaction already imported", Fault.KNOWN),  # anvil, OpenEthereum
        ("AlreadyKnown", Fault.KNOWN),  # Nethermind
        ("Known transaction", Fault.KNOWN),  # Besu
        ("TxAlreadyInTxPool", Fault.KNOWN),  # FISCO-BCOS
        ("TxAlreadyInChain", Fault.KNOWN),
        ("nonce too low", Fault.NONCE),  # geth, anvil
        ("nonce too low: next nonce 7, tx nonce 6", Fault.NONCE),
        ("Nonce too low", Fault.NONCE),  # Besu
        ("OldNonce, Current nonce: 7, nonce of rejected tx: 6", Fault.NONCE),  # Nethermind
        ("NonceCheckFail", Fault.NONCE),  # FISCO-BCOS
        ("replacement transaction underpriced", Fault.PRICE),  # geth
        ("transaction underpriced", Fault.PRICE),
        ("Replacement transaction underpriced", Fault.PRICE),  # Besu
        ("Gas price below configured minimum gas price", Fault.PRICE),  # Besu
        ("FeeTooLow, MaxFeePerGas too low", Fault.PRICE),  # Nethermind
        ("max fee per gas less than block base fee", Fault.PRICE),  # geth
        ("insufficient funds for gas * price + value", Fault.FUNDS),  # geth
        ("Insufficient funds for gas * price + value", Fault.FUNDS),  # anvil
        ("Upfront cost exceeds account balance", Fault.FUNDS),  # Besu
        ("execution reverted", Fault.REVERT),  # geth, anvil
        ("Execution reverted: 0x1234", Fault.REVERT),  # Besu
        ("intrinsic gas too low", Fault.INVALID),
        ("exceeds block gas limit", Fault.INVALID),
        ("invalid sender", Fault.INVALID),
        ("The method eth_getProof does not exist/is not available", Fault.UNSUPPORTED),
        ("Method not found", Fault.UNSUPPORTED),
        ("missing trie node 1234", Fault.OTHER),
        ("", Fault.OTHER),
    ],
)
def test_errors_are_told_apart_by_what_clients_write(message: str, fault: Fault) -> None:
    assert RpcFault("m", -32000, message, b"").fault is fault


@pytest.mark.parametrize(
    ("code", "fault"), [(-32601, Fault.UNSUPPORTED), (3, Fault.REVERT), (-32005, Fault.OTHER)]
)
def test_errors_are_told_apart_by_codes_that_are_common(code: int, fault: Fault) -> None:
    assert RpcFault("m", code, "?", b"").fault is fault


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": "0x1234"},
        {"code": 3, "message": "execution reverted", "data": {"data": "0x1234"}},
        {"code": -32015, "message": "VM execution error.", "data": "Reverted 0x1234"},
        {"code": 16, "message": "reverted", "data": {"result": "0x1234"}},
    ],
)
def test_what_a_contract_gave_is_found_where_clients_put_it(error: dict[str, Any]) -> None:
    with pytest.raises(RpcFault) as caught:
        EvmNode(Said({"error": error})).ask("eth_call")
    assert caught.value.data == b"\x12\x34"


@pytest.mark.parametrize(
    "error", ["just text", {"message": "m" * 9000}, {"code": "x", "data": "odd"}, {"data": {}}]
)
def test_errors_of_odd_forms(error: Any) -> None:
    with pytest.raises(RpcFault) as caught:
        EvmNode(Said({"error": error})).ask("eth_call")
    assert caught.value.data == b""
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", ["0x", "1", 1, None, "0xg", "-0x1", "0x" + "1" * 65, ""])
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(Unreachable, match="gave no number"):
        read_quantity(value, "x")


@pytest.mark.parametrize("value", ["0x1", "12", None, 5, "0xzz", []])
def test_what_are_no_bytes(value: Any) -> None:
    with pytest.raises(Unreachable, match="gave no bytes"):
        read_data(value, "x")


def test_numbers_and_bytes() -> None:
    assert read_quantity("0x0a", "x") == 10
    assert read_data("0x", "x") == b""
    assert read_data("0xAb", "x", 1) == b"\xab"
    with pytest.raises(Unreachable, match="1 bytes instead of 2"):
        read_data("0xab", "x", 2)


@pytest.mark.parametrize(
    "result",
    [
        "0x1",
        [],
        {},
        {"number": "0x1", "hash": "0x12", "timestamp": "0x1"},
        {"number": "0x1", "hash": "0x" + "11" * 32},
        {"number": 1, "hash": "0x" + "11" * 32, "timestamp": "0x1"},
    ],
)
def test_blocks_that_are_none(result: Any) -> None:
    with pytest.raises(Unreachable):
        EvmNode(Said({"result": result})).block(1)


def test_blocks_are_asked_for_by_number_and_tag() -> None:
    said = Said({"result": None})
    assert EvmNode(said).block(10) is None
    assert EvmNode(said).block("finalized") is None
    assert said.asked == [
        ("eth_getBlockByNumber", ["0xa", False]),
        ("eth_getBlockByNumber", ["finalized", False]),
    ]


@pytest.mark.parametrize("result", ["0x1", [1], None, [[]]])
def test_logs_that_are_none(result: Any) -> None:
    with pytest.raises(Unreachable):
        EvmNode(Said({"result": result})).logs(bytes(20), [], 0, 1)
