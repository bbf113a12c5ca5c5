"""The quick functions accept exactly what their forms accept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from builders.events import data_of, full_data_of
from builders.forms import ODD_VALUES, places

from node.rules.events import EVENTS
from node.rules.judge import check_data
from node.rules.quick import accepts_data, accepts_of
from node.rules.schema import (
    Choice,
    FieldError,
    Form,
    Integer,
    ListOf,
    Match,
    Object,
    Text,
    Variants,
)

WORD = Match(re.compile(r"[a-c]{1,3}", re.ASCII), "")
NUMBER = Integer(1, 9, "")
FORMS: tuple[Form, ...] = (
    WORD,
    Match(re.compile(r"\d{1,2}", re.ASCII), "", lambda text: int(text) % 2 == 0),
    Match(re.compile(r"[0-9-]+", re.ASCII), "", opaque=True),
    Text(3),
    NUMBER,
    Choice(("x", 1)),
    ListOf(NUMBER, 0, 2),
    Object({}),
    Object({"word": WORD, "number?": NUMBER, "text": Text(3)}),
    Variants("kind", {"x": Object({"kind": Choice(("x",))}), "y": Object({"side?": NUMBER})}),
)
VALUES = (
    *ODD_VALUES,
    "a",
    "abcd",
    "24",
    "25",
    "370102209912310028",
    1,
    9,
    10,
    [1],
    [1, 2, 3],
    ["1"],
    {"kind": "x"},
    {"kind": "y", "side": 1},
    {"kind": "z"},
    {"kind": []},
    {"word": "a", "text": "b"},
    {"word": "a", "text": "b", "number": 1},
    {"word": "a", "text": "b", "number": 0},
    {"word": "a", "text": "b", "other": 1},
    {"word": "a", "text": None},
    {"word": "a", "number": 1},
)


def has_form(form: Form, value: Any) -> bool:
    try:
        form.check(value, "")
    except FieldError:
        return False
    return True


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_each_form_by_itself(form: Form) -> None:
    accepts = accepts_of(form)
    assert {repr(value): accepts(value) for value in VALUES} == {
        repr(value): has_form(form, value) for value in VALUES
    }


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_every_type_with_every_odd_value_at_its_top(event_type: str) -> None:
    for whole in (data_of(event_type), full_data_of(event_type)):
        assert accepts_data(event_type, whole)
        for name, *inner in places(whole):
            if inner:
                continue
            without = {key: value for key, value in whole.items() if key != name}
            for changed in (without, *({**whole, name: odd} for odd in VALUES)):
                try:
                    check_data(event_type, changed)
                except FieldError:
                    assert not accepts_data(event_type, changed)
                else:
                    assert accepts_data(event_type, changed)


def test_an_unknown_type_is_not_accepted() -> None:
    assert not accepts_data("signing.forgotten", {})
