"""The first state of a chain, and parameters that need more than a look."""

from __future__ import annotations

import functools
import re

from node.core.genesis import Genesis
from node.rules.judgement import State

__all__ = ["first_state", "sign_no_fits"]


def first_state(genesis: Genesis) -> dict[str, State]:
    """The state map that a genesis sets up: members, keys, validators, parameters."""
    state: dict[str, State] = {}
    for member in genesis.members:
        value: State = {
            "divisions": list(member.divisions),
            "name": member.name,
            "recovery_key": member.recovery_key.to_json(),
            "roles": list(member.roles),
            "since": genesis.initial_height,
            "status": "active",
        }
        if member.checkpoint_key is not None:
            value["checkpoint_key"] = member.checkpoint_key.hex()
        state[f"member/{member.id}"] = value
        for key in member.keys:
            held: State = {"from": key.start, "jwk": key.jwk.to_json(), "member": member.id}
            if key.end is not None:
                held["to"] = key.end
            state[f"key/{key.jwk.thumbprint()}"] = held
    for item in genesis.validators:
        state[f"validator/{item.validator.address.hex()}"] = {
            "member": item.member,
            "power": item.validator.power,
            "public_key": item.validator.public_key.hex(),
        }
    for name, parameter in genesis.parameters.items():
        state[f"parameter/{name}"] = {"value": parameter}
    state["parameter/rules_version"] = {"value": genesis.rules_version}
    return state


@functools.lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.ASCII) for pattern in patterns)


def sign_no_fits(sign_no: str, patterns: list[str]) -> bool:
    """Whether a 签约编号 has one of the forms that the chain's parameters list."""
    return any(pattern.fullmatch(sign_no) for pattern in _compiled(tuple(patterns)))
