from __future__ import annotations

from typing import Any

import pytest

from node.core.errors import InvalidEncoding
from node.core.pdf.objects import Keyword, Ref, Stream, same
from node.core.pdf.reader import MAX_DEPTH, Reader


def value(text: bytes) -> Any:
    return Reader(text, "pdf").value()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"null", Keyword("null")),
        (b" \n\ttrue ", Keyword("true")),
        (b"-17", -17),
        (b"+.5", 0.5),
        (b"4.", 4.0),
        (b"/Name#20with#2Fescapes", "Name with/escapes"),
        (b"/", ""),
        (b"<48656C6c6f>", b"Hello"),
        (b"<>", b""),
        (b"(a(nested)b\\)\\\\\\101\\n)", b"a(nested)b)\\A\n"),
        (b"(cut\\\nin two)", b"cutin two"),
        (b"12 0 R", Ref(12)),
        (b"[1 0 R 2 0 1 0 R]", [Ref(1), 2, 0, Ref(1)]),
        (b"<</A[1 2]/B<</C(x)>>>>", {"A": [1, 2], "B": {"C": b"x"}}),
    ],
)
def test_objects_are_read(text: bytes, read: Any) -> None:
    found = value(text)
    assert found == read
    assert same(found, read)
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"", "is no object"),
        (b"% a comment\n1", "is no object"),
        (b"1 1 R", None),
        (b"nulls", "is no object"),
        (b"12abc", "is no object"),
        (b"1e9", "is no object"),
        (b"99999999999", "more than 10 digits"),
        (b"<4G>", "is no object"),
        (b"<4>", "is no object"),
        (b"(open", "does not end"),
        (b"(a\rb)", "bare carriage return"),
        (b"(\\8)", "no escape"),
        (b"(\\12)", "no escape"),
        (b"/A#zz", "followed by two hexadecimal digits"),
        (b"/\xe4", "outside ASCII"),
        (b"<</A 1/A 2>>", "the key A twice"),
        (b"<</A 1/#41 2>>", "the key A twice"),
        (b"<<1 2>>", "keys are names"),
        (b"[1 2", "is no object"),
        (b"<</A 1", "is no object"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes, rule: str | None) -> None:
    if rule is None:
        assert value(text) == 1, "a reference of another generation is none"
        return
    with pytest.raises(InvalidEncoding, match=rule):
        value(text)


def test_deepest_nesting_is_read() -> None:
    found = value(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        [found] = found
    assert found == []


def test_an_object_knows_where_its_hexadecimal_strings_stand() -> None:
    text = b"  7 0 obj\n<< /A <00ff> /B (00) /C << /A <01> >> /D [<02>] >>\nendobj"
    reader = Reader(text, "pdf", 2)
    one = reader.indirect()
    assert (one.number, one.start, one.end) == (7, 2, len(text))
    [(name, (start, end))] = one.hexadecimal.items()
    assert name == "A"
    assert text[start:end] == b"<00ff>"


def test_a_stream_ends_where_its_length_says() -> None:
    one = Reader(b"7 0 obj <</Length 4>> stream\r\nabcd\nendstream endobj", "pdf").indirect()
    assert one.value == Stream({"Length": 4}, b"abcd")


@pytest.mark.parametrize(
    "text",
    [
        b"7 0 obj <</Length 3>> stream\nabcd\nendstream endobj",
        b"7 0 obj <</Length 9>> stream\nabcd\nendstream endobj",
        b"7 0 obj <</Length 999>> stream\nabcd\nendstream endobj",
        b"7 0 obj <</Length -1>> stream\nabcd\nendstream endobj",
        b"7 0 obj <</Length 4 0 R>> stream\nabcd\nendstream endobj",
        b"7 0 obj <</Length 4.0>> stream\nabcd\nendstream endobj",
        b"7 0 obj <<>> stream\nabcd\nendstream endobj",
        b"7 0 obj 5 stream\nabcd\nendstream endobj",
        b"7 0 obj <</Length 4>> stream\rabcd\nendstream endobj",
        b"7 0 obj <</Length 4>> stream\nabcd\nendstream",
        b"7 1 obj 5 endobj",
        b"0 0 obj 5 endobj",
        b"7 0 object 5 endobj",
        b"7 0 obj 5",
    ],
)
def test_other_streams_and_objects_are_refused(text: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        Reader(text, "pdf").indirect()


def test_same_tells_types_apart_and_numbers_not() -> None:
    assert same([0, {"A": 1}], [0.0, {"A": 1}])
    assert not same(1, Keyword("true"))
    assert not same("A", b"A")
    assert not same([1], [1, 2])
    assert not same(Ref(1), 1)
    assert not same({"A": 1}, {"A": 1, "B": 1})
    assert not same(Stream({}, b"a"), Stream({}, b"b"))
    assert not same(None, Keyword("null"))
