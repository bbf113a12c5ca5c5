from __future__ import annotations

from collections.abc import Callable

import pytest

from node.core.errors import InvalidInput
from node.evidence.imprints.typeface import Typeface, font_directory, sans, serif


def test_outline_is_drawn_inside_its_em_box() -> None:
    outline = serif().outline("印", place="name")
    assert outline.path.startswith("M")
    assert outline.path.endswith("Z")
    assert (outline.advance, outline.bottom, outline.top) == (1000, -120, 880)


def test_digit_is_narrower_than_an_ideograph() -> None:
    assert serif().outline("7", place="code").advance < 600


@pytest.mark.parametrize("typeface", [serif, sans])
@pytest.mark.parametrize("text", ["印章", "㐱", "䶮", "（A-1）", "南**"])
def test_characters_of_names_are_there(typeface: Callable[[], Typeface], text: str) -> None:
    typeface().require_glyphs(text, place="name")


@pytest.mark.parametrize(
    ("text", "place", "code_point"),
    [
        ("𠮷野家", "name[0]", "𠮷 (U+20BB7)"),
        ("龙𬎆", "name[1]", "𬎆 (U+2C386)"),
        ("上下\n", "name[2]", "an unprintable character (U+000A)"),
        ("零\u200b宽", "name[1]", "an unprintable character (U+200B)"),
        ("半\ud842", "name[1]", "an unprintable character (U+D842)"),
    ],
)
def test_missing_glyph_is_named_with_its_place(text: str, place: str, code_point: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        serif().require_glyphs(text, place="name")
    assert caught.value.place == place
    assert caught.value.rule == f"Noto Serif SC has no glyph for {code_point}"


def test_outline_of_a_missing_glyph_is_an_error_and_no_empty_box() -> None:
    with pytest.raises(InvalidInput, match="U\\+20BB7"):
        serif().outline("𠮷", place="name")


def test_both_typefaces_lie_in_one_directory() -> None:
    assert len(list(font_directory().glob("*.otf"))) >= 2
    assert {serif().family, sans().family} == {"Noto Serif SC", "Noto Sans SC"}
