"""Who validates: within their bounds at every height, and told to the engine once and in time."""

from __future__ import annotations

from typing import Any

import pytest
from builders.deciding import decide, propose, validator_change, validator_genesis, validator_named
from builders.deciding import vote as cast
from builders.events import data_of
from builders.world import World

from node.core.block import Validator, ValidatorSet
from node.rules.engine_updates import engine_updates


def address(name: str) -> str:
    return validator_named(name).validator.address.hex()


def world_of(*names: str) -> World:
    return World(validators=validator_genesis(*names))


def refusal(world: World, change: dict[str, Any], **changes: Any) -> str:
    data = data_of("governance.proposed", change=change, closes_at=world.time + 1, **changes)
    return world.refusal("governance.proposed", "consortium:platform-a:refused", data)


def told(world: World, blocks: int) -> dict[int, dict[str, int]]:
    """By height what the engine is told in the next blocks: powers by name."""
    names = {validator_named(name).validator.public_key: name for name in "abcdef"}
    found = {}
    for _ in range(blocks):
        updates = engine_updates(world.get, world.height)
        if updates.validators:
            found[world.height] = {
                names[item.public_key]: item.power for item in updates.validators
            }
        world.next_block()
    return found


def test_a_validator_comes_changes_and_goes() -> None:
    world = world_of("a", "b")
    start = world.height
    decide(world, validator_change("c", 5, "court-a"))
    assert world.state[f"validator/{address('c')}"] == {
        "member": "court-a",
        "next": {"power": {"from": start + 2, "value": 5}},
        "power": 0,
        "public_key": validator_named("c").validator.public_key.hex(),
    }
    assert told(world, 4) == {start: {"c": 5}}
    decide(world, validator_change("c", 7, "court-a"), **{"from": start + 10})
    assert told(world, 10) == {start + 8: {"c": 7}}
    decide(world, validator_change("c", 0, "court-a"))
    assert told(world, 5) == {start + 14: {"c": 0}}
    listed = {address("a"), address("b"), address("c")}
    assert set(world.state["consortium/validators"]["addresses"]) == listed
    decide(world, validator_change("a", 11))
    assert world.state["consortium/validators"]["addresses"] == sorted(listed - {address("c")})
    assert world.state[f"validator/{address('c')}"]["member"] == "court-a"  # for ever


def test_who_went_comes_back_as_its_own_members_only() -> None:
    world = world_of("a", "b", "c")
    decide(world, validator_change("c", 0))
    told(world, 3)
    assert refusal(world, validator_change("c", 5, "court-a")) == "validator_foreign"
    start = world.height
    decide(world, validator_change("c", 5))
    assert told(world, 3) == {start: {"c": 5}}


def test_what_changes_nothing() -> None:
    world = world_of("a", "b")
    assert refusal(world, validator_change("a", 10)) == "no_change"
    assert refusal(world, validator_change("c", 0)) == "no_change"
    assert refusal(world, validator_change("c", 1, "nobody")) == "member_unknown"


@pytest.mark.parametrize("count", [2, 3])
def test_two_stay(count: int) -> None:
    world = world_of(*"abc"[:count])
    expected = "validators_bounds" if count == 2 else "accepted"
    assert refusal(world, validator_change("a", 0)) == expected


def test_two_stay_where_two_changes_cross() -> None:
    world = world_of("a", "b", "c")
    first, second = (propose(world, validator_change(name, 0)) for name in "ab")
    ends = []
    for member in [f"police-{place}" for place in ("all", "jinan")]:
        cast(world, first, member)
    for sub in (first, second):
        for member in sorted(world.state["consortium/members"]["ids"]):
            if world.dossier(sub)["status"] == "open" and member not in world.dossier(sub)["votes"]:
                facts = cast(world, sub, member)
        ends.append(facts)
    assert ends[0]["status"] == "approved"
    assert ends[1]["void"] == "validators_bounds"


def test_two_stay_at_every_height_and_not_only_in_the_end() -> None:
    """Those that come later must not be counted for those that go before: the engine would be told
    to have no validators, and halt for ever."""
    world = world_of("a", "b")
    later = {"from": world.height + 1000}
    for name in "cd":
        decide(world, validator_change(name, 10), **later)
    assert refusal(world, validator_change("a", 0)) == "validators_bounds"
    assert refusal(world, validator_change("a", 0), **{"from": world.height + 999}) == (
        "validators_bounds"
    )
    assert refusal(world, validator_change("a", 0), **later) == "accepted"
    for name in "ab":
        decide(world, validator_change(name, 0), **later)
    start = world.height
    assert told(world, 1001) == {start + 998: {"c": 10, "d": 10, "a": 0, "b": 0}}


def test_a_change_that_is_called_off_is_not_told() -> None:
    """CometBFT halts on the removal of a validator that it does not know."""
    world = world_of("a", "b", "c")
    decide(world, validator_change("d", 5), **{"from": world.height + 10})
    decide(world, validator_change("d", 0))
    assert world.state["consortium/due"] == {"changes": []}
    assert address("d") not in world.state["consortium/validators"]["addresses"]
    decide(world, validator_change("c", 0), **{"from": world.height + 10})
    decide(world, validator_change("c", 10))
    assert told(world, 15) == {}


def test_a_change_that_gives_way_is_told_once_at_its_new_height() -> None:
    world = world_of("a", "b", "c")
    start = world.height
    decide(world, validator_change("c", 5), **{"from": start + 10})
    decide(world, validator_change("c", 6), **{"from": start + 4})
    assert refusal(world, validator_change("c", 7), **{"from": start + 5}) == "change_pending"
    assert told(world, 3) == {start + 2: {"c": 6}}
    assert refusal(world, validator_change("c", 7)) == "change_pending"  # told already
    world.next_block()
    assert refusal(world, validator_change("c", 7)) == "accepted"


def test_200_are_the_most_at_any_height() -> None:
    names = [f"v{number}" for number in range(200)]
    world = world_of(*names)
    assert refusal(world, validator_change("one more", 1)) == "validators_bounds"
    decide(world, validator_change("v0", 0), **{"from": world.height + 50})
    assert refusal(world, validator_change("one more", 1)) == "validators_bounds"
    assert refusal(world, validator_change("one more", 1), **{"from": world.height + 50}) == (
        "accepted"
    )


def test_the_powers_told_are_those_of_the_state() -> None:
    world = world_of("a", "b", "c")
    decide(world, validator_change("a", 0))
    decide(world, validator_change("d", 2**40, "court-a"))
    updates = engine_updates(world.get, world.height)
    assert updates.validators == (
        Validator(validator_named("a").validator.public_key, 0),
        Validator(validator_named("d").validator.public_key, 2**40),
    )
    assert isinstance(updates.validators, tuple)
    assert ValidatorSet.of(item for item in updates.validators if item.power)
