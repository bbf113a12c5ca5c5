"""The methods of JSON-RPC that anchoring asks for, answered by the embedded chain."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from eth.abc import BlockHeaderAPI, ReceiptAPI
from web3.providers.base import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.embedded_chain import CHAIN_ID, EmbeddedChain, Rejected
from chaincode_adapters.evm.recursion import lower_recursion_limit
from node.core.anchors.keccak import keccak256
from node.core.anchors.rlp import encode_number, encode_rlp

__all__ = ["EmbeddedProvider"]

lower_recursion_limit()

_TAGS = ("latest", "pending", "safe", "finalized")


class EmbeddedProvider(BaseProvider):
    """A provider of web3 that asks the chain in this process."""

    def __init__(self, chain: EmbeddedChain) -> None:
        super().__init__()
        self.origin = "the embedded chain"
        self._chain = chain
        self._methods: dict[str, Callable[..., Any]] = {
            "eth_blockNumber": self._block_number,
            "eth_call": self._call,
            "eth_chainId": lambda: hex(CHAIN_ID),
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockReceipts": self._block_receipts,
            "eth_getCode": lambda address, at: _hex(chain.code(_bytes(address))),
            "eth_getLogs": self._logs,
            "eth_getProof": self._proof,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionCount": lambda address, at: hex(chain.nonce(_bytes(address))),
            "eth_getTransactionReceipt": self._receipt,
            "eth_maxPriorityFeePerGas": lambda: "0x0",
            "eth_sendRawTransaction": self._send,
        }

    def begin(self) -> None:
        """Nothing here waits for anybody."""

    def close(self) -> None:
        """Close the chain."""
        self._chain.close()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """See `BaseProvider`."""
        answer: RPCResponse = {"jsonrpc": "2.0", "id": 0}
        answering = self._methods.get(method)
        try:
            if answering is None:
                answer["error"] = {"code": -32601, "message": f"there is no method {method}"}
            else:
                answer["result"] = answering(*params)
        except Rejected as error:
            code = 3 if error.data else -32000
            answer["error"] = {"code": code, "message": str(error), "data": _hex(error.data)}
        except sqlite3.Error as error:
            raise Unreachable(f"{self.origin}: its file: {error}") from error
        return answer

    def _block_number(self) -> str:
        return hex(self._chain.head().block_number)

    def _header_at(self, at: str) -> BlockHeaderAPI | None:
        if at in _TAGS:
            return self._chain.head()
        return self._chain.header(0 if at == "earliest" else int(at, 16))

    def _block_by_number(self, at: str, full: bool) -> dict[str, Any] | None:
        header = self._header_at(at)
        return None if header is None else self._told(header)

    def _told(self, header: BlockHeaderAPI) -> dict[str, Any]:
        return {
            "baseFeePerGas": hex(header.base_fee_per_gas or 0),
            "difficulty": hex(header.difficulty),
            "extraData": _hex(header.extra_data),
            "gasLimit": hex(header.gas_limit),
            "gasUsed": hex(header.gas_used),
            "hash": _hex(header.hash),
            "logsBloom": _hex(header.bloom.to_bytes(256, "big")),
            "miner": _hex(header.coinbase),
            "mixHash": _hex(header.mix_hash),
            "nonce": _hex(header.nonce),
            "number": hex(header.block_number),
            "parentHash": _hex(header.parent_hash),
            "receiptsRoot": _hex(header.receipt_root),
            "sha3Uncles": _hex(header.uncles_hash),
            "stateRoot": _hex(header.state_root),
            "timestamp": hex(header.timestamp),
            "transactions": [_hex(one.hash) for one in self._chain.transactions(header)],
            "transactionsRoot": _hex(header.transaction_root),
        }

    def _call(self, request: dict[str, str], at: str) -> str:
        sender = _bytes(request["from"]) if "from" in request else bytes(20)
        return _hex(self._chain.call(_bytes(request["to"]), _bytes(request["data"]), sender))

    def _send(self, raw: str) -> str:
        return _hex(self._chain.add(_bytes(raw)))

    def _transaction(self, txid: str) -> dict[str, Any] | None:
        place = self._chain.place_of(_bytes(txid))
        if place is None:
            return None
        header = self._chain.header(place[0])
        assert header is not None
        return {
            "blockHash": _hex(header.hash),
            "blockNumber": hex(place[0]),
            "hash": txid,
            "transactionIndex": hex(place[1]),
        }

    def _receipt(self, txid: str) -> dict[str, Any] | None:
        place = self._chain.place_of(_bytes(txid))
        if place is None:
            return None
        header = self._chain.header(place[0])
        assert header is not None
        return self._receipts_of(header)[place[1]]

    def _block_receipts(self, at: str) -> list[dict[str, Any]] | None:
        header = self._header_at(at)
        return None if header is None else self._receipts_of(header)

    def _receipts_of(self, header: BlockHeaderAPI) -> list[dict[str, Any]]:
        transactions = self._chain.transactions(header)
        receipts = self._chain.receipts(header)
        told = []
        for index, (transaction, receipt) in enumerate(zip(transactions, receipts)):
            where = {
                "blockHash": _hex(header.hash),
                "blockNumber": hex(header.block_number),
                "transactionHash": _hex(transaction.hash),
                "transactionIndex": hex(index),
            }
            kind = getattr(receipt, "type_id", None) or 0
            created = None if transaction.to else _created(transaction.sender, transaction.nonce)
            told.append(
                {
                    **where,
                    "contractAddress": created,
                    "cumulativeGasUsed": hex(receipt.gas_used),
                    "logs": _logs_of(receipt, where),
                    "logsBloom": _hex(receipt.bloom.to_bytes(256, "big")),
                    "status": "0x1" if receipt.state_root == b"\x01" else "0x0",
                    "type": hex(kind),
                }
            )
        return told

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        last = min(int(wanted["toBlock"], 16), self._chain.head().block_number)
        for number in range(int(wanted["fromBlock"], 16), last + 1):
            header = self._chain.header(number)
            if header is None or not header.bloom:
                continue
            found += [
                log
                for receipt in self._receipts_of(header)
                for log in receipt["logs"]
                if log["address"] == wanted["address"]
                and log["topics"][: len(wanted["topics"])] == wanted["topics"]
            ]
        return found

    def _proof(self, address: str, slots: list[str], at: str) -> dict[str, Any] | None:
        header = self._header_at(at)
        if header is None:
            return None
        account, storage = self._chain.prove(
            _bytes(address), [_bytes(slot) for slot in slots], header
        )
        return {
            "accountProof": [_hex(node) for node in account],
            "storageProof": [{"proof": [_hex(node) for node in proof]} for proof in storage],
        }


def _created(sender: bytes, nonce: int) -> str:
    """The address of the contract that a transaction made (Yellow Paper §7)."""
    return _hex(keccak256(encode_rlp([bytes(sender), encode_number(nonce)]))[12:])


def _logs_of(receipt: ReceiptAPI, where: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            **where,
            "address": _hex(log.address),
            "data": _hex(log.data),
            "topics": [_hex(topic.to_bytes(32, "big")) for topic in log.topics],
        }
        for log in receipt.logs
    ]


def _hex(data: bytes) -> str:
    return f"0x{bytes(data).hex()}"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
