"""What the engine is told of a block, and what follows for the validators of later ones."""

from __future__ import annotations

from typing import Any

from builders.deciding import validator_named

from node.core.block import Validator, ValidatorSet
from node.rules.engine_updates import (
    NO_UPDATES,
    EngineUpdates,
    changed_validators,
    engine_updates,
)

A, B, C = (validator_named(name).validator for name in "abc")


def state_of(*due: dict[str, Any], **values: Any) -> Any:
    state: dict[str, Any] = {
        f"validator/{A.address.hex()}": {
            "member": "operator-a",
            "next": {"power": {"from": 12, "value": 7}},
            "power": 10,
            "public_key": A.public_key.hex(),
        },
        "parameter/max_block_bytes": {"next": {"value": {"from": 12, "value": 2}}, "value": 1},
        "parameter/rules_version": {"next": {"value": {"from": 12, "value": 2}}, "value": 1},
        **values,
    }
    if due:
        state["consortium/due"] = {"changes": list(due)}
    return state.get


def test_validators_are_told_two_blocks_ahead_and_parameters_one() -> None:
    get = state_of(
        {"from": 12, "kind": "validator", "name": A.address.hex()},
        {"from": 12, "kind": "parameter", "name": "max_block_bytes"},
        {"from": 12, "kind": "parameter", "name": "rules_version"},
    )
    found = {height: engine_updates(get, height) for height in range(8, 15)}
    assert found.pop(10) == EngineUpdates((Validator(A.public_key, 7),))
    assert found.pop(11) == EngineUpdates((), 2, 2)
    assert set(found.values()) == {NO_UPDATES}


def test_nothing_is_told_where_nothing_is_due() -> None:
    assert engine_updates(state_of(), 10) == NO_UPDATES
    assert engine_updates({"consortium/due": {"changes": []}}.get, 10) == NO_UPDATES


def test_the_set_after_updates() -> None:
    before = ValidatorSet.of([A, B])
    assert changed_validators(before, NO_UPDATES) is before
    updates = EngineUpdates((Validator(A.public_key, 0), Validator(B.public_key, 3), C))
    after = changed_validators(before, updates)
    assert after == ValidatorSet.of([Validator(B.public_key, 3), C])
    assert after.hash() == ValidatorSet.of([C, Validator(B.public_key, 3)]).hash()
