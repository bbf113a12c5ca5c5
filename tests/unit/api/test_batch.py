"""node.api.batch: lines out of chunks, submissions out of lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from node.api.batch import MAX_LINE_BYTES, Line, read_lines, read_submission
from node.api.buffered import Buffered, Share
from node.api.problems import Problem


def lines_of(chunks: Iterable[bytes]) -> list[Line]:
    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def gather() -> list[Line]:
        return [line async for lines in read_lines(source(), Share(Buffered())) for line in lines]

    return asyncio.run(gather())


@pytest.mark.parametrize(
    "chunks",
    [
        [b'"a"\n"b"\n"c"'],
        [b'"a"\n', b'"b"\n', b'"c"\n'],
        [b'"', b'a"', b'\n"b', b'"\n"c"\n'],
        [b'"a"\r\n\n  \n"b"\n\n"c"\n\n'],
    ],
)
def test_lines_do_not_depend_on_how_they_arrive(chunks: list[bytes]) -> None:
    lines = lines_of(chunks)
    assert [(line.number, read_submission(line)) for line in lines] == [
        (1, b"a"),
        (2, b"b"),
        (3, b"c"),
    ]


@pytest.mark.parametrize("size", [7, 65_536, 1 << 20])
def test_a_line_that_is_too_long_spoils_only_itself(size: int) -> None:
    whole = b'"a"\n"' + b"x" * (2 * MAX_LINE_BYTES) + b'"\n"c"\n'
    step = max(size, len(whole) // 64)
    lines = lines_of(whole[start : start + step] for start in range(0, len(whole), step))
    assert [line.number for line in lines] == [1, 2, 3]
    assert lines[1].problem is not None
    assert lines[1].problem.kind.name == "too-large"
    assert lines[1].problem.members["place"] == "line 2"
    assert read_submission(lines[2]) == b"c"


def test_the_longest_line_is_taken_and_one_byte_more_is_not() -> None:
    longest = b'"' + b"x" * (MAX_LINE_BYTES - 2) + b'"'
    assert lines_of([longest])[0].problem is None
    assert lines_of([longest[:-1], b'x"'])[0].problem is not None


@pytest.mark.parametrize(
    "text", [b'"a.b.c"', b'{"submission": "a.b.c"}', b' {"submission":"a.b.c"} ']
)
def test_a_line_is_a_string_or_an_object(text: bytes) -> None:
    assert read_submission(Line(1, text)) == b"a.b.c"


@pytest.mark.parametrize(
    "text",
    [
        b"a.b.c",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"submission": 7}',
        b'{"submission": "a", "more": "b"}',
        b'{"submission": "a", "submission": "b"}',
        '"南霁云"'.encode(),
        b'"\xff"',
        b'"\\ud800"',
        b'{"submission": ',
        b'"a" "b"',
    ],
)
def test_any_other_line_is_refused_with_its_place(text: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read_submission(Line(12, text))
    assert caught.value.status == 400
    assert caught.value.members["place"].startswith("line 12")
