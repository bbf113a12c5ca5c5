"""A genesis from the members' descriptions, and whether one holds what a member described.

Which genesis comes out follows from chain id, time, parameters and the set of descriptions alone:
whoever has them can make it again and compare hashes. docs/spec/ceremony.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from node.core.block import RULES_VERSION
from node.core.ended_chain import EndedChain
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.genesis import GENESIS_FORMAT, Genesis, encode_genesis
from node.core.member_description import MemberDescription

__all__ = ["assemble_genesis", "verify_described"]

_INITIAL_HEIGHT = 1


def assemble_genesis(
    chain_id: str,
    genesis_time: int,
    parameters: Mapping[str, Any],
    described: Sequence[MemberDescription],
    ended: EndedChain | None = None,
) -> Genesis:
    """Put a genesis together; its members and validators are in the order of the members' ids.

    Args:
        chain_id: the new chain's id.
        genesis_time: in ms.
        parameters: all of them.
        described: the members; their signatures have been verified.
        ended: the chain that this one continues, where there is one.

    Raises:
        InvalidInput: a member, key or address is described twice, nobody is a validator, or what
            comes out is no genesis, or of a time before the end of the chain that it continues.
    """
    ordered = sorted(described, key=lambda item: item.member.id)
    _check_unique(ordered)
    values = [json.loads(item.document) for item in ordered]
    validators = [
        {"member": item.member.id, **value["validator"]}
        for item, value in zip(ordered, values)
        if item.validator is not None
    ]
    if not validators:
        raise InvalidEncoding("descriptions", "describe no validator: nobody would sign blocks")
    return encode_genesis(
        {
            "chain_id": chain_id,
            "format": GENESIS_FORMAT,
            "genesis_time": genesis_time,
            "initial_height": _INITIAL_HEIGHT,
            "members": [value["member"] for value in values],
            "parameters": dict(parameters),
            "rules_version": RULES_VERSION,
            "validators": validators,
            **({} if ended is None else ended.members_of(genesis_time)),
        }
    )


def _check_unique(described: Sequence[MemberDescription]) -> None:
    """No member twice, and no key or address of two."""
    seen: dict[Any, str] = {}
    for item in described:
        if ("member", item.member.id) in seen:
            raise InvalidEncoding(f"description of {item.member.id}", "that member is there twice")
        seen["member", item.member.id] = item.member.id
        held: list[tuple[str, Any]] = [
            *(("key", key) for key in item.p256_keys.values()),
            *(("key", key) for key in item.ed25519_keys.values()),
        ]
        if item.node is not None:
            held.append(("address", item.node.address))
        for kind, thing in held:
            if (kind, thing) in seen:
                raise InvalidEncoding(
                    f"description of {item.member.id}",
                    f"has the same {kind} as {seen[kind, thing]}",
                )
            seen[kind, thing] = item.member.id


def verify_described(described: MemberDescription, genesis: Genesis) -> None:
    """Check that a genesis holds a member exactly as its description has it.

    Raises:
        InvalidProof: it does not have the member, or has it with something else.
    """
    member = described.member
    found = [item for item in genesis.members if item.id == member.id]
    if not found:
        raise InvalidProof("genesis.members", f"{member.id} is not among them")
    for name in ("name", "roles", "divisions", "keys", "recovery_key", "checkpoint_key"):
        if getattr(found[0], name) != getattr(member, name):
            raise InvalidProof(
                f"genesis.members, {member.id}.{name}", "is not what the member described"
            )
    validators = [item for item in genesis.validators if item.member == member.id]
    wanted = [] if described.validator is None else [described.validator]
    if validators != wanted:
        raise InvalidProof(
            f"genesis.validators, {member.id}", "key or power is not what the member described"
        )
