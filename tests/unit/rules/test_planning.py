"""Values that change at a height: what is in force, what is coming, and what gives way."""

from __future__ import annotations

from typing import Any

import pytest
from builders.world import World

from node.rules.judgement import Refused, in_force
from node.rules.planning import Plan
from node.rules.rejections import rejection

VALUE = {
    "a": 1,
    "b": 1,
    "next": {
        "a": {"from": 12, "value": 2},
        "b": {"from": 14, "value": 3},
        "c": {"from": 12, "value": 9},
    },
}


def planned(value: dict[str, Any], fields: dict[str, Any], height: int, at: int = 10) -> Any:
    """What is set of ``value`` at height ``at``, or the byte of the refusal."""
    world = World()
    world.height = at
    world.put("some/value", **value)
    plan = Plan(world, {})
    try:
        plan.set_next("some/value", fields, height)
    except Refused as refusal:
        assert plan.changed == {}
        return refusal.code
    return plan.changed["some/value"]


def test_each_field_is_in_force_from_its_height() -> None:
    assert in_force(VALUE, 11) == {"a": 1, "b": 1}
    assert in_force(VALUE, 12) == {"a": 2, "b": 1, "c": 9}
    assert in_force(VALUE, 13) == in_force(VALUE, 12)
    assert in_force(VALUE, 14) == {"a": 2, "b": 3, "c": 9}
    assert in_force({"a": 1}, 5) == {"a": 1}


def test_what_is_in_force_is_folded_in() -> None:
    assert planned(VALUE, {"a": 5}, 15, at=13) == {
        "a": 2,
        "b": 1,
        "c": 9,
        "next": {"a": {"from": 15, "value": 5}, "b": {"from": 14, "value": 3}},
    }
    assert planned(VALUE, {"a": 1}, 16, at=14)["next"] == {"a": {"from": 16, "value": 1}}


def test_other_fields_stay_as_they_were_to_come() -> None:
    assert planned(VALUE, {"d": 4}, 12)["next"] == {
        **VALUE["next"],  # type: ignore[dict-item]
        "d": {"from": 12, "value": 4},
    }


@pytest.mark.parametrize(
    ("height", "value", "expected"),
    [
        (12, 5, {"from": 12, "value": 5}),
        (11, 5, {"from": 11, "value": 5}),
        (11, 2, {"from": 11, "value": 2}),
        (12, 1, None),
        (12, 2, "no_change"),
        (13, 5, "change_pending"),
        (13, 1, "change_pending"),
        (13, 2, "change_pending"),
    ],
)
def test_what_is_to_come_gives_way_to_what_comes_no_later(
    height: int, value: int, expected: Any
) -> None:
    found = planned({"a": 1, "next": {"a": {"from": 12, "value": 2}}}, {"a": value}, height)
    if isinstance(expected, str):
        assert found == rejection(expected)
    elif expected is None:
        assert found == {"a": 1}
    else:
        assert found == {"a": 1, "next": {"a": expected}}


def test_what_changes_nothing_is_refused() -> None:
    assert planned({"a": 1}, {"a": 1}, 12) == rejection("no_change")
    assert planned({"a": 1}, {}, 12) == rejection("no_change")
    assert planned({"a": 1}, {"a": 1, "b": 2}, 12) == {
        "a": 1,
        "next": {"b": {"from": 12, "value": 2}},
    }
