"""What a genesis makes of the keys and members of the chain before it, for any of either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from builders.consortium import MEMBERS, consortium_genesis, member_key
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.errors import InvalidInput
from node.rules.continuation import RETIRED, SET_BY_GENESIS, continued_state
from node.rules.judgement import State

FIRST = 20
NAMES = ("court-a", "maker-a", "platform-a")
HEIGHTS = range(1, 45)

# Who has the key, from when, and to when, in either chain; None where it is not there.
EDGES = (1, 2, 10, FIRST - 1, FIRST, FIRST + 1, 40)
SPANS = st.none() | st.tuples(
    st.sampled_from(NAMES[:2]), st.sampled_from(EDGES), st.none() | st.sampled_from(EDGES)
).filter(lambda span: span[2] is None or span[2] > span[1])


def nothing(key: str) -> State | None:
    """No proposal is open."""
    return None


def key_of(number: int) -> Any:
    return member_key("continuation", f"key {number}")


def value_of(number: int, span: tuple[str, int, int | None]) -> State:
    member, start, end = span
    value: State = {"from": start, "jwk": key_of(number).jwk.to_json(), "member": member}
    return value if end is None else {**value, "to": end}


def holds(value: Mapping[str, Any] | None, height: int) -> str | None:
    """Whose the key is at a height, as rules and verifiers see it."""
    if value is None or height < value["from"] or height >= value.get("to", height + 1):
        return None
    member: str = value["member"]
    return member


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(SPANS, SPANS, st.booleans()), min_size=1, max_size=4))
def test_keys_are_whose_they_were_then_and_whose_the_genesis_says_now(
    drawn: list[tuple[Any, Any, bool]],
) -> None:
    before: dict[str, State] = {}
    named: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for number, (old, new, doubted) in enumerate(drawn):
        if old is not None:
            suspected = {"suspect_from": 7} if doubted else {}
            before[f"key/{key_of(number).kid}"] = {**value_of(number, old), **suspected}
        if new is not None:
            item = {"from": new[1], "jwk": key_of(number).jwk.to_json()}
            named[new[0]].append(item if new[2] is None else {**item, "to": new[2]})
    keys = {
        name: held or [{"from": 1, "jwk": member_key(name).jwk.to_json()}]
        for name, held in named.items()
    }
    genesis = consortium_genesis(keys=keys, initial_height=FIRST)
    refused = [why for old, new, _ in drawn if (why := refusal(old, new))]
    if refused:
        with pytest.raises(InvalidInput, match=r"genesis\.members: key/"):
            continued_state(genesis, before, nothing)
        return
    after = continued_state(genesis, before, nothing)
    for number, (old, new, doubted) in enumerate(drawn):
        name = f"key/{key_of(number).kid}"
        held, then = after.get(name), before.get(name)
        for height in HEIGHTS:
            if height < FIRST:
                assert holds(held, height) == holds(then, height), "nothing changes what was"
            else:
                wanted = None if new is None else holds(value_of(number, new), height)
                assert holds(held, height) == wanted, (height, old, new, held)
        if old is not None:
            assert held is not None, "its records go on being checked under it"
            assert held["member"] == old[0]
            assert held.get("suspect_from") == (7 if doubted else None)


def refusal(old: Any, new: Any) -> bool:
    """Whether one value cannot say both what the key was and what it is to be."""
    if old is None or new is None:
        return False  # nothing to bring together
    ended = old[2] is not None and old[2] <= FIRST
    interrupted = old[1] < FIRST < new[1]
    return old[0] != new[0] or ended or interrupted


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from([*MEMBERS, "gone-a", "gone-b"])), st.sampled_from(["active", "x"]))
def test_members_are_those_of_the_genesis_and_all_others_retire(
    earlier: set[str], status: str
) -> None:
    before: dict[str, State] = {
        f"member/{name}": {"name": name, "roles": ["court"], "since": 1, "status": status}
        for name in earlier
    }
    before["parameter/of_old"] = {"value": 1}
    before["validator/00"] = {"power": 1}
    after = continued_state(consortium_genesis(initial_height=FIRST), before, nothing)
    for name in earlier | set(MEMBERS):
        value = after[f"member/{name}"]
        assert value is not None
        assert value["status"] == ("active" if name in MEMBERS else RETIRED)
        assert value["since"] == (FIRST if name in MEMBERS else 1)
    assert after["parameter/of_old"] is None
    assert after["validator/00"] == {"power": 0}, "who ran it goes on being shown"
    assert after["consortium/members"] == {"ids": sorted(earlier | set(MEMBERS))}
    assert all(key.startswith(SET_BY_GENESIS) or key == "anchor/point" for key in after)
