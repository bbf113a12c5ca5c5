"""A node that answers as FISCO-BCOS' web3 RPC does (3.9 and later), in front of anvil.

From its source, bcos-rpc/web3jsonrpc: blocks have hashes of FISCO-BCOS' own, which are not those of
the headers that are told; there is no bloom in them, a base fee of 0, and no proof of state nor
anything else of EIP-1559. Every block is final, whatever tag it is asked by.
"""

from __future__ import annotations

import hashlib
from typing import Any

from builders.json_rpc_proxy import Forward

__all__ = ["answer_as_fisco"]

_MISSING = {
    "eth_feeHistory",
    "eth_getBlockReceipts",
    "eth_getProof",
    "eth_maxPriorityFeePerGas",
}


def _own_hash(of: str) -> str:
    return "0x" + hashlib.sha256(b"FISCO-BCOS" + bytes.fromhex(of[2:])).hexdigest()


def _rewrite(value: Any) -> Any:
    if isinstance(value, list):
        return [_rewrite(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: _rewrite(member) for name, member in value.items()}
    if made.get("blockHash"):
        made["blockHash"] = _own_hash(made["blockHash"])
    if "receiptsRoot" in made:
        made |= {"hash": _own_hash(made["hash"]), "logsBloom": "0x", "baseFeePerGas": "0x0"}
    return made


def answer_as_fisco(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
    """See `Change`."""
    if method in _MISSING:
        return {"error": {"code": -32601, "message": "Method not found"}}
    return dict(_rewrite(forward()))
