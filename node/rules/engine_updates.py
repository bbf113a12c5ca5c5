"""What the engine has to be told of a block: changes that its headers show from some height on.

Validators that a block names sign the one after the next; parameters hold from the next (CometBFT).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node.core.block import Validator, ValidatorSet
from node.rules.judgement import State, in_force

__all__ = ["NO_UPDATES", "EngineUpdates", "changed_validators", "engine_updates"]

_VALIDATORS_AFTER, _PARAMETERS_AFTER = 2, 1


@dataclass(frozen=True)
class EngineUpdates:
    """Validators with their new powers (0: none any more); a parameter's value where it changes."""

    validators: tuple[Validator, ...] = ()
    max_block_bytes: int | None = None
    rules_version: int | None = None


NO_UPDATES = EngineUpdates()


def engine_updates(get: Callable[[str], State | None], height: int) -> EngineUpdates:
    """What the block at ``height`` tells the engine, from the state that it leaves."""
    due = get("consortium/due")
    if due is None:
        return NO_UPDATES
    validators = []
    parameters: dict[str, int] = {}
    for item in due["changes"]:
        name, start = item["name"], item["from"]
        if item["kind"] == "validator" and start == height + _VALIDATORS_AFTER:
            validators.append(_validator(get, name, start))
        elif item["kind"] == "parameter" and start == height + _PARAMETERS_AFTER:
            value = get("parameter/" + name)
            assert value is not None
            parameters[name] = in_force(value, start)["value"]
    if not validators and not parameters:
        return NO_UPDATES
    return EngineUpdates(tuple(validators), **parameters)


def _validator(get: Callable[[str], State | None], address: str, height: int) -> Validator:
    value = get("validator/" + address)
    assert value is not None
    return Validator(bytes.fromhex(value["public_key"]), in_force(value, height)["power"])


def changed_validators(before: ValidatorSet, updates: EngineUpdates) -> ValidatorSet:
    """The validators after ``updates``."""
    if not updates.validators:
        return before
    powers = {item.public_key: item.power for item in before.validators}
    powers.update((item.public_key, item.power) for item in updates.validators)
    return ValidatorSet.of(Validator(key, power) for key, power in powers.items() if power)
