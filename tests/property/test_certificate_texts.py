"""What certificates take short ways to: the same comes out as on the long ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.evidence.certificates.content import printable
from node.evidence.certificates.wording import breakable, show_unprintable

MIXED = st.text(st.sampled_from("ab1·—“”…、一（）Ａ \u3000\u200b\u034f\u202e.:/\n𠮷é"), max_size=90)


@given(st.text(max_size=80) | MIXED)
def test_texts_are_shown_as_they_are_character_by_character(text: str) -> None:
    shown = breakable(show_unprintable(text))
    expected = shown if isinstance(shown, str) else {"w": shown}
    assert printable([text, {"a": (text,)}, {"s": [text]}, 7]) == [
        expected,
        {"a": [expected]},
        {"s": [text]},
        7,
    ]
