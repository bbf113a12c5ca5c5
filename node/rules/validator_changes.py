"""Changing who validates. CometBFT halts on sets that cannot be: none may ever be told to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from node.core.block import Validator
from node.core.genesis import read_ed25519_bytes
from node.rules.judgement import refuse
from node.rules.planning import Plan

__all__ = ["MAX_VALIDATORS", "PLANS"]

MAX_VALIDATORS = 200
_LEAST = 2


def _set_validator(plan: Plan, change: dict[str, Any], height: int) -> None:
    member, power = change["member"], change["power"]
    plan.need_member(member)
    listed = plan.need("consortium/validators")["addresses"]
    if sum(_power(plan, address) > 0 for address in listed) < _LEAST:
        raise refuse("sole_validator")
    public_key = read_ed25519_bytes(change["public_key"], "public_key")
    address = Validator(public_key, 1).address.hex()
    key = "validator/" + address
    known = plan.get(key)
    if known is None:
        plan.set(key, {"member": member, "power": 0, "public_key": public_key.hex()})
    elif known["member"] != member:
        raise refuse("validator_foreign")
    plan.set_next(key, {"power": power}, height)
    named = sorted({*listed, address})
    _check_bounds(plan, named)
    # Those without power, now and to come, are no longer listed; what is known of them stays.
    kept = [held for held in named if _power(plan, held) or plan.coming("validator/" + held)]
    plan.set("consortium/validators", {"addresses": kept})
    plan.tell_engine("validator", address, height)


def _power(plan: Plan, address: str) -> int:
    power: int = plan.now("validator/" + address)["power"]
    return power


def _check_bounds(plan: Plan, addresses: Iterable[str]) -> None:
    """Raise Refused unless there are enough validators and not too many at every height to come,
    not only when all that was decided is in force."""
    count = 0
    steps: dict[int, int] = {}
    for address in addresses:
        power = _power(plan, address)
        count += power > 0
        coming = plan.coming("validator/" + address).get("power")
        if coming is not None:
            step = (coming["value"] > 0) - (power > 0)
            steps[coming["from"]] = steps.get(coming["from"], 0) + step
    for height in sorted(steps):
        count += steps[height]
        if not _LEAST <= count <= MAX_VALIDATORS:
            raise refuse("validators_bounds")


PLANS = {"validator.set": _set_validator}
"""What each kind of change plans; see `node.rules.changes`."""
