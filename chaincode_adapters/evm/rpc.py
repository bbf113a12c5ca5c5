"""What is asked of an EVM node, and the strict reading of what it answers.

A node's answer is a claim: it is read as its form says and never believed beyond that. Errors of
nodes have no common codes, so they are told apart by their texts, which differ between clients.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from chaincode_adapters.errors import Unreachable

__all__ = ["Block", "EvmNode", "Fault", "RpcFault", "Transport", "read_data", "read_quantity"]

_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


class Transport(Protocol):
    """Brings requests to a node: over HTTP, or within this process."""

    origin: str
    """What it may be called in messages."""

    def begin(self) -> None:
        """A call of the adapter begins, and with it its time."""

    def close(self) -> None:
        """Let go of connections."""

    def make_request(self, method: Any, params: Any) -> Any:
        """The answer: an object with ``result`` or ``error``. Raises Unreachable."""


class Fault(Enum):
    """What an error of a node comes down to."""

    KNOWN = "the transaction is known already"
    NONCE = "the nonce is taken"
    PRICE = "the price is too low"
    FUNDS = "the account cannot pay"
    REVERT = "the contract refuses"
    INVALID = "the transaction is not valid on this chain"
    UNSUPPORTED = "the node does not know the method"
    OTHER = "something else"


_TEXTS = (
    (
        Fault.KNOWN,
        r"already[ _]?(known|imported|exists|in)|known[ _]transaction",
    ),
    (
        Fault.PRICE,
        r"underpriced|(fee|price)[ _]?(is )?too[ _]?low|less than block base fee|below .*(base ?fee"
        r"|minimum|price)|max_?fee_?per_?gas.*lower",
    ),
    (
        Fault.NONCE,
        r"nonce[ _](is )?too[ _]low|old ?nonce|nonce ?check ?fail|invalid nonce|nonce.*used",
    ),
    (Fault.FUNDS, r"insufficient (funds|balance)|upfront cost|not enough (cash|balance)"),
    (Fault.REVERT, r"revert"),
    (
        Fault.INVALID,
        r"intrinsic gas|block gas limit|gas limit|chain ?id|invalid (sender|signature|transaction)",
    ),
    (
        Fault.UNSUPPORTED,
        r"method.*(not|n't).*(found|exist|support|available|enabled|allow)|unsupported",
    ),
)


class RpcFault(Exception):
    """A node answered with an error. ``data`` is what a contract reverted with, if that is told."""

    def __init__(self, method: str, code: int, message: str, data: bytes) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.message = message
        self.code = code
        self.data = data

    @property
    def fault(self) -> Fault:
        """What it comes down to."""
        if self.code in (-32601, -32004):
            return Fault.UNSUPPORTED
        if self.code == 3:
            return Fault.REVERT
        text = self.message.lower()
        return next((one for one, pattern in _TEXTS if re.search(pattern, text)), Fault.OTHER)


@dataclass(frozen=True)
class Block:
    """A block as a node tells it; ``fields`` are all that it told."""

    number: int
    hash: bytes
    time: int
    fields: dict[str, Any]


def read_quantity(value: Any, name: str) -> int:
    """An unsigned integer of JSON-RPC. Raises Unreachable."""
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
        raise Unreachable(f"{name}: the node gave no number")
    return int(value, 16)


def read_data(value: Any, name: str, length: int | None = None) -> bytes:
    """Bytes of JSON-RPC. Raises Unreachable."""
    if not isinstance(value, str) or _DATA.fullmatch(value) is None:
        raise Unreachable(f"{name}: the node gave no bytes in hex")
    data = bytes.fromhex(value[2:])
    if length is not None and len(data) != length:
        raise Unreachable(f"{name}: the node gave {len(data)} bytes instead of {length}")
    return data


def read_mapping(value: Any, name: str) -> dict[str, Any]:
    """An object. Raises Unreachable."""
    if not isinstance(value, dict):
        raise Unreachable(f"{name}: the node gave no object")
    return value


def read_sequence(value: Any, name: str) -> list[Any]:
    """An array. Raises Unreachable."""
    if not isinstance(value, list):
        raise Unreachable(f"{name}: the node gave no array")
    return value


class EvmNode:
    """The methods that anchoring needs, over any transport. All raise Unreachable and RpcFault."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.origin = transport.origin

    def begin(self) -> None:
        """A call of the adapter begins, and with it its time."""
        self._transport.begin()

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def ask(self, method: str, *params: Any) -> Any:
        """The result of one request."""
        answer = self._transport.make_request(method, list(params))
        error = answer.get("error")
        if error is None:
            return answer.get("result")
        if not isinstance(error, dict):
            raise RpcFault(method, 0, str(error)[:200], b"")
        code = error.get("code")
        raise RpcFault(
            method,
            code if isinstance(code, int) else 0,
            str(error.get("message"))[:300],
            _revert_data(error.get("data")),
        )

    def number(self, method: str, *params: Any) -> int:
        """The result of one request that gives a number."""
        return read_quantity(self.ask(method, *params), method)

    def block(self, at: int | str) -> Block | None:
        """The block with a number or a tag; None where there is none."""
        method = "eth_getBlockByNumber"
        found = self.ask(method, hex(at) if isinstance(at, int) else at, False)
        if found is None:
            return None
        fields = read_mapping(found, method)
        return Block(
            number=read_quantity(fields.get("number"), f"{method}.number"),
            hash=read_data(fields.get("hash"), f"{method}.hash", 32),
            time=read_quantity(fields.get("timestamp"), f"{method}.timestamp"),
            fields=fields,
        )

    def call(self, to: bytes, data: bytes, *, sender: bytes | None = None) -> bytes:
        """What a call of a contract gives in the newest state."""
        request = {"to": f"0x{to.hex()}", "data": f"0x{data.hex()}"}
        if sender is not None:
            request["from"] = f"0x{sender.hex()}"
        return read_data(self.ask("eth_call", request, "latest"), "eth_call")

    def transaction(self, txid: str) -> dict[str, Any] | None:
        """A transaction that the node knows, included or not."""
        found = self.ask("eth_getTransactionByHash", txid)
        return None if found is None else read_mapping(found, "eth_getTransactionByHash")

    def receipt(self, txid: str) -> dict[str, Any] | None:
        """The receipt of an included transaction."""
        found = self.ask("eth_getTransactionReceipt", txid)
        return None if found is None else read_mapping(found, "eth_getTransactionReceipt")

    def logs(
        self, address: bytes, topics: Sequence[bytes], first: int, last: int
    ) -> list[dict[str, Any]]:
        """The logs of a contract with these first topics, in the blocks from first to last."""
        found = self.ask(
            "eth_getLogs",
            {
                "address": f"0x{address.hex()}",
                "fromBlock": hex(first),
                "toBlock": hex(last),
                "topics": [f"0x{topic.hex()}" for topic in topics],
            },
        )
        return [read_mapping(one, "eth_getLogs") for one in read_sequence(found, "eth_getLogs")]


def _revert_data(data: Any) -> bytes:
    """What the contract gave with its refusal: clients put it into ``data``, or into one more
    object there."""
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if isinstance(data, str):
        found = re.search(r"0x(?:[0-9a-fA-F]{2})*$", data)
        if found is not None:
            return bytes.fromhex(found[0][2:])
    return b""
