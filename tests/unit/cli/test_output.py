from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.cli.output import fingerprint_lines, marks, printable, say, write_json


@given(st.text())
def test_printable_text_is_one_line_that_obeys_nothing(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("南** 签署", "南** 签署"),
        ("\x1b[2Jx", "\\x1b[2Jx"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202eevil", "\\u202eevil"),  # would be read from right to left
        ("\x85\u2028", "\\x85\\u2028"),
        ("\ud800", "\\ud800"),
    ],
)
def test_tricks_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_values_are_made_printable_and_the_text_is_not_formatted_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("a {} {}", "{0}\n", "\x07")
    say("{no values}")
    assert capsys.readouterr().out == "a {0}\\n \\x07\n{no values}\n"


def written_in(encoding: str, monkeypatch: pytest.MonkeyPatch) -> io.TextIOWrapper:
    stream = io.TextIOWrapper(io.BytesIO(), encoding, newline="\n")
    monkeypatch.setattr("sys.stdout", stream)
    return stream


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gb18030", "cp936", "utf-8"])
def test_no_encoding_of_the_terminal_is_a_failure(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = written_in(encoding, monkeypatch)
    say("{} 签署 𠮷", "".join(marks()))
    write_json({"name": "签署 𠮷"})
    stream.flush()
    text, document = stream.buffer.getvalue().decode(encoding).splitlines()  # type: ignore[attr-defined]
    assert "签署" in text or "\\u7b7e" in text
    assert json.loads(document) == {"name": "签署 𠮷"}


def test_marks_are_words_where_the_signs_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    written_in("ascii", monkeypatch)
    assert marks() == ("ok", "FAILED", "--")
    written_in("utf-8", monkeypatch)
    assert marks() == ("✓", "✗", "–")


def test_fingerprint_is_grouped_without_loss() -> None:
    digest = "0123456789abcdef" * 4
    lines = fingerprint_lines(digest)
    assert "".join(lines).replace(" ", "") == digest
    assert [len(line.split()) for line in lines] == [8, 8]
