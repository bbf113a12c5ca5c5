"""Signed texts: filled in, taken apart, times and pointers read."""

from __future__ import annotations

import hashlib
import json

import pytest
from builders.judicial_setup import point_of

from node.core.anchors.canonical_string import (
    DIGESTS,
    check_signed_parts,
    fill_template,
    join_parts,
    names_in,
    point_values,
    read_time,
    split_parts,
)
from node.core.anchors.foreign_json import decode_foreign_json, raw_member, text_at
from node.core.errors import InvalidEncoding


def test_point_values_are_of_the_document() -> None:
    point = point_of()
    values = point_values(point)
    assert values["digest"] == hashlib.sha256(values["document"].encode()).hexdigest()
    assert values["digest_upper"].lower() == values["digest"]
    assert json.loads(values["document"])["size"] == int(values["size"])
    other = point_values(point_of(2))
    assert all(values[name] != other[name] for name in DIGESTS)


def test_templates_are_filled_in() -> None:
    assert fill_template("{a}-{{x}}-{b}{a}", {"a": "1", "b": "{a}"}, place="t") == "1-{x}-{a}1"
    assert names_in("{a}{{b}}{c}", place="t") == ("a", "c")


@pytest.mark.parametrize("template", ["{", "}", "{a", "a}", "{A}", "{ a }", "{}", "{a{b}}"])
def test_stray_braces_are_refused(template: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"^t: "):
        names_in(template, place="t")


def test_an_unknown_name_is_refused_by_place() -> None:
    with pytest.raises(InvalidEncoding, match=r"^sign\[1\]: \{b\} is not known here"):
        join_parts(["{a}", "{b}"], "&", {"a": "1"}, place="sign")


PARTS = ("code=200", "id={id}", "h:{hash}.", "{time}", "again={id}")


def test_a_signed_text_is_taken_apart_as_it_was_made() -> None:
    values = {"id": "7", "hash": "ab", "time": "1"}
    text = join_parts(PARTS, "&", values, place="p")
    assert text == "code=200&id=7&h:ab.&1&again=7"
    assert split_parts(PARTS, "&", text, place="p") == values


@pytest.mark.parametrize(
    "text",
    [
        "code=201&id=7&h:ab.&1&again=7",  # a constant changed
        "code=200&id=7&h:ab.&1&again=8",  # one name, two values
        "code=200&id=7&h:ab.&1",  # a part less
        "code=200&id=7&h:ab.&1&again=7&",  # a part more
        "code=200&id=7&h:ab&1&again=7",  # behind a value
        "code=200&ID=7&h:ab.&1&again=7",  # before a value
        "code=200 &id=7&h:ab.&1&again=7",
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"^p"):
        split_parts(PARTS, "&", text, place="p")


def test_prefix_and_suffix_may_not_overlap() -> None:
    with pytest.raises(InvalidEncoding, match="not of the form"):
        split_parts(("aba{x}aba",), "&", "aba", place="p")


def test_parts_that_could_be_read_twice_are_refused() -> None:
    with pytest.raises(InvalidEncoding, match=r"p\.separator: must not be empty"):
        check_signed_parts(["{a}", "{b}"], "", place="p")
    with pytest.raises(InvalidEncoding, match=r"p\.parts\[1\]: must hold at most one"):
        check_signed_parts(["{a}", "{b}{c}"], "&", place="p")
    with pytest.raises(InvalidEncoding, match=r"p\.parts\[0\]: must hold no char"):
        check_signed_parts(["a&b={a}"], "&", place="p")
    with pytest.raises(InvalidEncoding, match=r"p\.parts: must name"):
        check_signed_parts([], "&", place="p")


def test_foreign_json_may_hold_what_is_not_looked_at() -> None:
    value = decode_foreign_json(
        '{"a": null, "b": [1.5e3, true], "n": 840175805404684288}', place="x"
    )
    assert text_at(value, "/n", place="x") == "840175805404684288"
    assert text_at({"a/b": {"~": ["x"]}}, "/a~1b/~0/0", place="x") == "x"
    assert text_at("whole", "", place="x") == "whole"


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        "{",
        "NaN",
        "1 2",
        "[" * 100_000,
        "[" * 65 + "]" * 65,
        '{"a":' + "9" * 5000 + "}",
        "",
    ],
)
def test_foreign_json_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"^x: "):
        decode_foreign_json(text, place="x")


@pytest.mark.parametrize(
    "pointer", ["/none", "/list/2", "/list/-1", "/list/x", "/null", "/float", "/true", "/list", "a"]
)
def test_a_pointer_to_no_text_is_refused(pointer: str) -> None:
    value = {"list": ["a", "b"], "null": None, "float": 1.5, "true": True, "deep": {}}
    with pytest.raises(InvalidEncoding, match=r"^x: "):
        text_at(value, pointer, place="x")


def test_a_lone_surrogate_is_refused() -> None:
    value = decode_foreign_json('{"a": "\\ud800"}', place="x")
    with pytest.raises(InvalidEncoding, match="surrogate"):
        text_at(value, "/a", place="x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"response": {"a": [1, "}"]} , "sign": "s"}', '{"a": [1, "}"]}'),
        ('{"sign":"response","response":{"response":1}}', '{"response":1}'),
        (' {\n"x" : 1 ,\t"response" : "t" }', '"t"'),
    ],
)
def test_a_member_is_cut_out_as_it_is_written(text: str, expected: str) -> None:
    assert raw_member(text, "response", place="x") == expected


@pytest.mark.parametrize("text", ["{}", "[]", '"response"', '{"a":{"response":1}}', "{ }"])
def test_a_member_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"^x: "):
        raw_member(text, "response", place="x")


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("1795422846190", "milliseconds", 1795422846190),
        ("1795422846", "seconds", 1795422846999),
        ("2026-11-23 16:34:06", "china", 1795422846999),
        ("20261123163406", "china_compact", 1795422846999),
        ("2026-11-23T08:34:06Z", "rfc3339", 1795422846999),
        ("2026-11-23T16:34:06+08:00", "rfc3339", 1795422846999),
        ("2026-11-23T03:34:06-05:00", "rfc3339", 1795422846999),
        ("2026-11-23T08:34:06.1Z", "rfc3339", 1795422846199),
        ("2026-11-23T08:34:06.190Z", "rfc3339", 1795422846190),
        ("2026-11-23T08:34:06.1900001Z", "rfc3339", 1795422846191),
    ],
)
def test_times_are_read_to_the_end_of_what_they_name(text: str, form: str, expected: int) -> None:
    assert read_time(text, form, place="x") == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0", "milliseconds"),
        ("01", "seconds"),
        ("-1", "milliseconds"),
        ("1.5", "seconds"),
        ("99999999999999999", "milliseconds"),
        ("9999999999999999", "seconds"),
        ("2026-02-30 00:00:00", "china"),
        ("2026-11-23T16:34:06", "china"),
        ("1969-12-31T23:59:00Z", "rfc3339"),
        ("2026-11-23T08:34:06+24:00", "rfc3339"),
        ("2026-11-23T08:34:06", "rfc3339"),
        ("２０２６1123163406", "china_compact"),
        ("2026-11-23 16:34:60", "china"),
    ],
)
def test_times_of_another_form_are_refused(text: str, form: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"^x: "):
        read_time(text, form, place="x")
