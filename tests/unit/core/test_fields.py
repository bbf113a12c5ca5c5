from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from node.core.errors import InvalidEncoding
from node.core.fields import (
    exact_members,
    read_each,
    read_hash,
    read_hashes,
    read_integer,
    read_list,
    read_match,
    read_object,
    read_text,
)

DIGITS = re.compile(r"\d+", re.ASCII)


def number(value: Any, place: str) -> int:
    return read_integer(value, place)


def test_values_are_given_back() -> None:
    assert read_object({"a": 1}, "p") == {"a": 1}
    assert exact_members({"a": 1, "b": 2}, "p", ("a",), ("b", "c")) == {"a": 1, "b": 2}
    assert read_list([1, 2], "p", least=2, most=2) == [1, 2]
    assert read_each([1, 2], "p", number, most=2) == (1, 2)
    assert read_integer(2**53 - 1, "p") == 2**53 - 1
    assert read_text("印", "p", most=1) == "印"
    assert read_match("12", "p", DIGITS, "must be digits") == "12"
    assert read_hash("ff" * 32, "p") == b"\xff" * 32
    assert read_hashes(["ff" * 32, "0a" * 32], "p", most=2) == (b"\xff" * 32, b"\n" * 32)
    assert read_hashes([], "p", most=2) == ()


@pytest.mark.parametrize(
    ("read", "place", "rule"),
    [
        (lambda: read_object([], "p"), "p", "must be an object"),
        (lambda: exact_members("x", "p", ()), "p", "must be an object"),
        (lambda: exact_members({"b": 1}, "p", ("a", "b")), "p.a", "is missing"),
        (lambda: exact_members({}, "p", ("b", "a")), "p.a", "is missing"),
        (lambda: exact_members({"c": 1}, "p", (), ("b",)), "p.c", "is not a member of this format"),
        (
            lambda: exact_members({"x" * 99: 1}, "p", ()),
            "p." + "x" * 64,
            "is not a member of this format",
        ),
        (lambda: read_list({}, "p", most=3), "p", "must be an array of 0 to 3 items"),
        (lambda: read_list([1] * 4, "p", most=3), "p", "must be an array of 0 to 3 items"),
        (lambda: read_list([], "p", least=1, most=3), "p", "must be an array of 1 to 3 items"),
        (lambda: read_each([1, "x"], "p", number, most=2), "p[1]", "must be an integer"),
        (lambda: read_integer("1", "p"), "p", "must be an integer from 0 to 9007199254740991"),
        (lambda: read_integer(True, "p"), "p", "must be an integer"),
        (lambda: read_integer(1.0, "p"), "p", "must be an integer"),
        (lambda: read_integer(-1, "p"), "p", "must be an integer"),
        (lambda: read_integer(2**53, "p"), "p", "must be an integer"),
        (lambda: read_integer(3, "p", least=4, most=5), "p", "must be an integer from 4 to 5"),
        (lambda: read_text("", "p", most=3), "p", "must be text of 1 to 3 characters"),
        (lambda: read_text("abcd", "p", most=3), "p", "must be text of 1 to 3 characters"),
        (lambda: read_text(["a"], "p", most=3), "p", "must be text of 1 to 3 characters"),
        (lambda: read_match("12x", "p", DIGITS, "must be digits"), "p", "must be digits"),
        (lambda: read_match("12\n", "p", DIGITS, "must be digits"), "p", "must be digits"),
        (lambda: read_match(12, "p", DIGITS, "must be digits"), "p", "must be digits"),
        (lambda: read_hash("FF" * 32, "p"), "p", "64 characters"),
        (lambda: read_hashes("ff" * 32, "p", most=64), "p", "must be an array of 0 to 64 items"),
        (lambda: read_hashes(["ff" * 32] * 3, "p", most=2), "p", "an array of 0 to 2 items"),
        (lambda: read_hashes(["ff" * 32, "FF" * 32], "p", most=2), "p[1]", "64 characters"),
        (lambda: read_hashes(["ff" * 31, "ff" * 33], "p", most=2), "p[0]", "64 characters"),
        (lambda: read_hashes(["ff" * 32, "٣" * 64], "p", most=2), "p[1]", "64 characters"),
        (lambda: read_hashes(["ff" * 32, 7], "p", most=2), "p[1]", "64 characters"),
        (lambda: read_hashes([["f"] * 64], "p", most=2), "p[0]", "64 characters"),
    ],
)
def test_refused_with_place_and_rule(read: Callable[[], Any], place: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        read()
    assert refused.value.place == place
    assert rule in refused.value.rule
