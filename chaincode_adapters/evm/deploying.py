"""Putting the anchor contract on a chain: once for each chain, by whoever sets the anchors up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaincode_adapters.errors import Misconfigured, Refused
from chaincode_adapters.evm.account import EvmAccount, load_account
from chaincode_adapters.evm.contract import contract_build
from chaincode_adapters.evm.pricing import Pricing
from chaincode_adapters.evm.rpc import EvmNode, RpcFault, read_data, read_quantity
from chaincode_adapters.evm.transport import BoundedProvider

__all__ = ["Deployed", "deploy", "deploy_over"]

_GAS = 4_000_000
_MOST_MEMBERS = 256


@dataclass(frozen=True)
class Deployed:
    """Where the contract lies: its address (20 bytes), the transaction, and the block's number,
    which is what ``from_block`` of the settings says."""

    contract: bytes
    txid: str
    block: int


def deploy(
    *,
    url: str,
    chain_id: int,
    key: Path,
    ledger: bytes,
    members: Sequence[bytes],
    threshold: int,
    pricing: Pricing | None = None,
    timeout: float = 120.0,
    authorities: Path | None = None,
) -> Deployed:
    """Deploy the contract through the JSON-RPC node at ``url`` and wait until a block has it.

    Args:
        chain_id: of which chain the node must be (EIP-155).
        key: file of the key of the account that pays; it gets no rights in the contract.
        ledger: hash of the ledger's genesis.
        members: addresses (20 bytes) of the accounts that may attest.
        threshold: how many of them confirm an anchor.
        timeout: in seconds, for all of it.
        authorities: PEM file of those that certify the node, instead of the system's.

    Raises:
        Misconfigured: the members, threshold, key or chain cannot be right.
        Unreachable: no usable answer, or no block within the time. The transaction may still get
            into one: look before it is done again.
        Refused: the chain refuses it.
    """
    node = EvmNode(BoundedProvider(url, timeout, authorities))
    try:
        node.begin()
        found = node.number("eth_chainId")
        if found != chain_id:
            raise Misconfigured(f"chain_id: {node.origin} is of chain {found}, not {chain_id}")
        return deploy_over(
            node,
            load_account(key),
            chain_id=chain_id,
            ledger=ledger,
            members=members,
            threshold=threshold,
            pricing=pricing or Pricing(),
        )
    except RpcFault as error:
        raise Refused(f"{node.origin}: {error}") from error
    finally:
        node.close()


def deploy_over(
    node: EvmNode,
    account: EvmAccount,
    *,
    chain_id: int,
    ledger: bytes,
    members: Sequence[bytes],
    threshold: int,
    pricing: Pricing,
    wait: Callable[[float], None] = time.sleep,
) -> Deployed:
    """The same through a node at hand, whose transport's deadline ends it."""
    _check_members(members, threshold)
    address = f"0x{account.address.hex()}"
    txid, payload = account.sign(
        {
            "chainId": chain_id,
            "value": 0,
            "data": contract_build().creation(ledger, list(members), threshold),
            "gas": _GAS,
            "nonce": node.number("eth_getTransactionCount", address, "pending"),
            **pricing.quote(node).fields(),
        }
    )
    node.ask("eth_sendRawTransaction", f"0x{payload.hex()}")
    receipt = node.receipt(txid)
    while receipt is None or receipt.get("blockHash") is None:
        wait(0.2)
        receipt = node.receipt(txid)
    if read_quantity(receipt.get("status"), "receipt.status") != 1:
        raise Refused(f"transaction {txid} failed: the chain does not take the contract")
    contract = read_data(receipt.get("contractAddress"), "receipt.contractAddress", 20)
    return Deployed(contract, txid, read_quantity(receipt.get("blockNumber"), "blockNumber"))


def _check_members(members: Sequence[bytes], threshold: int) -> None:
    if not 1 <= len(members) <= _MOST_MEMBERS:
        raise Misconfigured(f"members: must be 1 to {_MOST_MEMBERS} accounts")
    if any(len(member) != 20 or not any(member) for member in members):
        raise Misconfigured("members: each must be an address of 20 bytes, not all zero")
    if len(set(members)) != len(members):
        raise Misconfigured("members: an account is named twice")
    if not 1 <= threshold <= len(members):
        raise Misconfigured(f"threshold: must be from 1 to {len(members)}, the number of members")
