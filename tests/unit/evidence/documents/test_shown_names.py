"""node.evidence.documents.shown_names and revisions: what is shown, and which states are seen."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.evidence.documents.revisions import MOST_MARKS, hash_beginnings, revision_ends
from node.evidence.documents.shown_names import MAX_NAME, shown_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("东营演示科技有限公司", "东营演示科技有限公司"),
        ("张三@110105194912310021", "张三@******"),
        ("张三@11010519491231002x", "张三@******"),
        ("李四 13800138000", "李四 ******"),
        ("91370500MA0DEM0A77", "91370500MA0DEM0A77"),
        ("印章 37050045049282", "印章 37050045049282"),
        ("a\u202eb\x00", "a[U+202E]b[U+0000]"),
        ("x" * 500, "x" * 299 + "…"),
    ],
)
def test_a_name(text: str, shown: str) -> None:
    assert shown_name(text) == shown


@given(st.text())
def test_any_name_is_printable_and_short(text: str) -> None:
    shown = shown_name(text)
    assert len(shown) <= MAX_NAME
    assert all(one.isprintable() or one.isspace() for one in shown)
    assert "\n" not in shown


@given(
    st.lists(st.sampled_from([b"%%EOF", b"\n", b"\r", b"x", b"%%EO"]), max_size=40).map(b"".join)
)
def test_every_state_is_a_beginning(data: bytes) -> None:
    for state in hash_beginnings(data, revision_ends(data)):
        assert state.size < len(data)
        assert state.sha256 == hashlib.sha256(data[: state.size]).hexdigest()
        assert data[: state.size].rstrip(b"\r\n").endswith(b"%%EOF")


def test_marks_are_bounded() -> None:
    ends = revision_ends(b"%%EOF\n" * 10_000 + b"x")
    assert len(ends) <= 2 * 2 * MOST_MARKS
    assert ends[0] == 5
