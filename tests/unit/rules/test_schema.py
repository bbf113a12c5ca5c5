"""The forms one by one: what each accepts, how it says no, how it describes itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from builders.events import identity_number
from jsonschema import Draft202012Validator

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

LETTERS = Match(re.compile(r"[a-c]{1,3}", re.ASCII), "must be 1 to 3 of a, b, c")
EVEN = Match(re.compile(r"\d+", re.ASCII), "must be even", lambda text: int(text) % 2 == 0)
OPAQUE = Match(re.compile(r"[A-Za-z0-9-]{1,40}", re.ASCII), "must be opaque", opaque=True)
NUMBER = Integer(1, 9, "must be 1 to 9")
PAIR = Object({"left": NUMBER, "right?": LETTERS}, private=("secret",))
SHAPE = Variants(
    "kind",
    {
        "round": Object({"kind": Choice(("round", "square")), "radius": NUMBER}),
        "square": Object({"kind": Choice(("round", "square")), "side": NUMBER}, ("secret",)),
    },
)

CASES: list[tuple[Form, tuple[Any, ...], tuple[Any, ...]]] = [
    (LETTERS, ("a", "abc"), ("", "abcd", "d", "a\n", "\na", 1, None, ["a"], b"a")),
    (EVEN, ("0", "24"), ("1", "", "x", "٢")),
    (OPAQUE, ("x", "a-b"), ("", "a b")),
    (Text(3), ("x", "三个字", "𠮷𠮷𠮷", "   "), ("", "four", "a\tb", "\u2067", 1, None, ["x"])),
    (NUMBER, (1, 9), (0, 10, "1", 1.0, True, None, 2**70)),
    (Choice(("a", 1)), ("a", 1), ("b", 2, "1", True, 1.0, None, [])),
    (ListOf(NUMBER, 1, 2), ([1], [1, 2]), ([], [1, 2, 3], [0], ["1"], (1,), {}, None, "1")),
    (PAIR, ({"left": 1}, {"left": 1, "right": "a"}), ({}, {"right": "a"}, [], None, "left")),
    (
        SHAPE,
        ({"kind": "round", "radius": 1}, {"side": 2, "kind": "square"}),
        ({"kind": "round", "side": 1}, {"kind": "oval"}, {"radius": 1}, {"kind": ["round"]}, []),
    ),
]


@pytest.mark.parametrize(("form", "good", "bad"), CASES)
def test_what_is_accepted(form: Form, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    for value in good:
        form.check(value, "data")
    for value in bad:
        with pytest.raises(FieldError) as caught:
            form.check(value, "data")
        assert caught.value.rejection == "malformed_data"
        assert caught.value.place.startswith("data")
        assert caught.value.rule


@pytest.mark.parametrize(("form", "good", "bad"), CASES)
def test_each_form_describes_itself(
    form: Form, good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    schema = form.describe()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for value in good:
        assert validator.is_valid(value)
    beyond = (1.0, (1,), b"a") if form is not EVEN else (1.0, "1")
    for value in bad:
        if not any(type(value) is type(other) and value == other for other in beyond):
            assert not validator.is_valid(value), value


@pytest.mark.parametrize(
    ("form", "value", "place", "rule"),
    [
        (LETTERS, "d", "data", "must be 1 to 3 of a, b, c"),
        (EVEN, "3", "data", "must be even"),
        (Text(3), "four", "data", "must be text of 1 to 3 characters"),
        (
            Text(3),
            "a\n",
            "data",
            "must not hold control characters, of direction or of lines",
        ),
        (Choice(("a", 1)), "b", "data", "must be one of a, 1"),
        (ListOf(NUMBER, 1, 2), [], "data", "must be an array of 1 to 2 items"),
        (ListOf(NUMBER, 1, 2), [1, 0], "data[1]", "must be 1 to 9"),
        (PAIR, {"left": 1, "right": "d"}, "data.right", "must be 1 to 3 of a, b, c"),
        (PAIR, {}, "data.left", "is missing"),
        (PAIR, {"middle": 1}, "data.middle", "is no field of this event type"),
        (PAIR, [], "data", "must be an object"),
        (SHAPE, {"kind": "oval"}, "data.kind", "must be one of round, square"),
        (SHAPE, {"kind": "round"}, "data.radius", "is missing"),
    ],
)
def test_errors_name_the_place_and_the_rule(form: Form, value: Any, place: str, rule: str) -> None:
    with pytest.raises(FieldError) as caught:
        form.check(value, "data")
    assert (caught.value.place, caught.value.rule) == (place, rule)


def test_the_first_wrong_member_decides_and_a_missing_one_last() -> None:
    for data, place in (
        ({"right": "d", "left": 0}, "data.right"),
        ({"left": 0, "right": "d"}, "data.left"),
        ({"right": "d"}, "data.right"),
        ({"right": "a"}, "data.left"),
    ):
        with pytest.raises(FieldError) as caught:
            PAIR.check(data, "data")
        assert caught.value.place == place


def test_private_members_are_told_from_unknown_ones() -> None:
    with pytest.raises(FieldError, match="only stand in a disclosure") as caught:
        PAIR.check({"left": 1, "secret": "x"}, "data")
    assert caught.value.rejection == "private_in_clear"
    with pytest.raises(FieldError) as caught:
        SHAPE.check({"kind": "square", "side": 1, "secret": "x"}, "data")
    assert caught.value.rejection == "private_in_clear"
    with pytest.raises(FieldError) as caught:
        SHAPE.check({"kind": "round", "radius": 1, "secret": "x"}, "data")
    assert caught.value.rejection == "malformed_data"


@pytest.mark.parametrize("form", [Text(100), OPAQUE])
def test_identity_numbers_have_a_rejection_of_their_own(form: Form) -> None:
    with pytest.raises(FieldError, match="identity card number") as caught:
        form.check(identity_number(2), "data")
    assert caught.value.rejection == "personal_number_in_clear"


def test_an_error_keeps_its_rejection_when_its_place_is_told_in_full() -> None:
    error = FieldError("data.x", "must be y", "private_in_clear").under("frame[3]")
    assert isinstance(error, FieldError)
    assert str(error) == "frame[3].data.x: must be y"
    assert error.rejection == "private_in_clear"


def test_patterns_mean_the_same_in_ecma_262() -> None:
    """No ``\\d``, which is more than ASCII in Python, and no bare ``$``, which in Python lets a
    newline follow."""
    for form, _, _ in CASES:
        pattern = form.describe().get("pattern", "")
        assert "\\d" not in pattern
        assert not pattern or (pattern.startswith("^") and pattern.endswith("(?!\\n)$"))
