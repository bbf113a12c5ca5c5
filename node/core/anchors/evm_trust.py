"""EVM chains in trust files: ``anchors`` of kind ``evm`` (docs/spec/anchor-evm.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.core.encoding import decode_hex
from node.core.errors import InvalidBundle
from node.core.fields import exact_members, read_each, read_integer, read_text
from node.core.trust import Trust

__all__ = ["EvmChain", "evm_chains", "read_evm_chain"]

_MOST_BLOCKS = 10_000


@dataclass(frozen=True)
class EvmChain:
    """A contract on a chain, as a trust file names it. ``genesis`` is the hash of its block 0;
    ``blocks`` are hashes by number that the file's holder has compared with the chain."""

    name: str
    operator: str
    chain_id: int
    contract: bytes
    genesis: bytes
    development: bool
    blocks: dict[int, bytes]


def evm_chains(trust: Trust) -> tuple[EvmChain, ...]:
    """All of a trust file's. Raises InvalidInput: one of them is not of its form."""
    return trust.entries("evm", read_evm_chain)


def read_evm_chain(value: Any, place: str) -> EvmChain:
    """Decode an entry of kind ``evm``. Raises InvalidInput."""
    members = exact_members(
        value,
        place,
        ("blocks", "chain_id", "contract", "development", "genesis", "kind", "name", "operator"),
    )
    blocks = read_each(members["blocks"], f"{place}.blocks", _read_block, most=_MOST_BLOCKS)
    if len(dict(blocks)) != len(blocks):
        raise InvalidBundle(f"{place}.blocks", "must not name a number twice")
    return EvmChain(
        name=read_text(members["name"], f"{place}.name", most=200),
        operator=read_text(members["operator"], f"{place}.operator", most=200),
        chain_id=read_integer(members["chain_id"], f"{place}.chain_id", least=1),
        contract=decode_hex(members["contract"], place=f"{place}.contract", length=20),
        genesis=decode_hex(members["genesis"], place=f"{place}.genesis", length=32),
        development=read_integer(members["development"], f"{place}.development", most=1) == 1,
        blocks=dict(blocks),
    )


def _read_block(value: Any, place: str) -> tuple[int, bytes]:
    members = exact_members(value, place, ("hash", "number"))
    return (
        read_integer(members["number"], f"{place}.number"),
        decode_hex(members["hash"], place=f"{place}.hash", length=32),
    )
