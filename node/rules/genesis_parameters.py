"""The first state of a chain, and parameters that need more than a look."""

from __future__ import annotations

import functools
import re

from node.core.genesis import Genesis
from node.core.signatures import PublicJwk
from node.rules.anchor_points import LAST_POINT
from node.rules.judgement import State

__all__ = ["first_keys", "first_point", "first_state", "sign_no_fits"]


def first_state(genesis: Genesis) -> dict[str, State]:
    """The state map that a genesis sets up: members, keys, validators, parameters."""
    state: dict[str, State] = {}
    for member in genesis.members:
        value: State = {
            "divisions": list(member.divisions),
            "keys": len(member.keys) + 1,
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
        state[f"key/{member.recovery_key.thumbprint()}"] = {
            "from": genesis.initial_height,
            "jwk": member.recovery_key.to_json(),
            "member": member.id,
            "use": "recovery",
        }
    for item in genesis.validators:
        state[f"validator/{item.validator.address.hex()}"] = {
            "member": item.member,
            "power": item.validator.power,
            "public_key": item.validator.public_key.hex(),
        }
    for name, parameter in genesis.parameters.items():
        state[f"parameter/{name}"] = {"value": parameter}
    state["parameter/rules_version"] = {"value": genesis.rules_version}
    state.update([first_point(genesis, 1)])
    state["consortium/members"] = {"ids": sorted(member.id for member in genesis.members)}
    addresses = (item.validator.address.hex() for item in genesis.validators)
    state["consortium/validators"] = {"addresses": sorted(addresses)}
    return state


def first_keys(genesis: Genesis) -> dict[str, PublicJwk]:
    """The keys that a genesis registers, by kid: those that sign records, and recovery keys."""
    return {
        jwk.thumbprint(): jwk
        for member in genesis.members
        for jwk in (*(key.jwk for key in member.keys), member.recovery_key)
    }


def first_point(genesis: Genesis, entries: int) -> tuple[str, State]:
    """The point that a genesis is: a key of the state and its value. ``entries`` are those of the
    log with the genesis in it, but for records of anchors."""
    every = genesis.parameters
    return LAST_POINT, {
        "due_at": genesis.genesis_time + int(every["anchor_every_ms"]),
        "due_entries": entries + int(every["anchor_every_records"]),
        "entries": entries,
    }


@functools.lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.ASCII) for pattern in patterns)


def sign_no_fits(sign_no: str, patterns: list[str]) -> bool:
    """Whether a 签约编号 has one of the forms that the chain's parameters list."""
    return any(pattern.fullmatch(sign_no) for pattern in _compiled(tuple(patterns)))
