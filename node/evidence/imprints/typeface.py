"""Glyphs of the Chinese typefaces that imprints are drawn with.

The font files come from the distribution ``pylopdf-fonts-zh-cn`` (Noto Serif SC and Noto Sans SC,
SIL Open Font License). They hold the basic CJK block and extension A, and few characters beyond: a
character without a glyph has to be named before anything is drawn, never to become an empty box.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pylopdf_fonts_zh_cn
from fontTools.pens.svgPathPen import SVGPathPen  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from node.core.errors import InvalidInput

__all__ = ["GlyphOutline", "Typeface", "font_directory", "sans", "serif"]


@dataclass(frozen=True)
class GlyphOutline:
    """One character's outline, in font units with y upwards.

    ``path`` is an SVG path, ``advance`` the width that the character takes on a line, ``bottom``
    and ``top`` the vertical extent of its em box.
    """

    path: str
    advance: int
    bottom: int
    top: int


@dataclass(frozen=True)
class Typeface:
    """A font file, its character map read once."""

    family: str
    _font: TTFont = field(repr=False)
    _characters: dict[int, str] = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> Typeface:
        """Read the font at ``path``; a few tenths of a second for a Chinese one."""
        font = TTFont(path, lazy=True)
        return cls(str(font["name"].getBestFamilyName()), font, dict(font.getBestCmap()))

    def require_glyphs(self, text: str, *, place: str) -> None:
        """Check that every character of ``text`` can be drawn.

        Raises:
            InvalidInput: names the place, the first missing character and its code point.
        """
        for position, character in enumerate(text):
            if ord(character) not in self._characters:
                shown = character if character.isprintable() else "an unprintable character"
                raise InvalidInput(
                    f"{place}[{position}]",
                    f"{self.family} has no glyph for {shown} (U+{ord(character):04X})",
                )

    def outline(self, character: str, *, place: str) -> GlyphOutline:
        """The outline of one character.

        Raises:
            InvalidInput: the font has no glyph for it.
        """
        self.require_glyphs(character, place=place)
        glyphs: Any = self._font.getGlyphSet()
        glyph = glyphs[self._characters[ord(character)]]
        pen = SVGPathPen(glyphs)
        glyph.draw(pen)
        os2: Any = self._font["OS/2"]
        return GlyphOutline(
            path=pen.getCommands(),
            advance=round(glyph.width),
            bottom=os2.sTypoDescender,
            top=os2.sTypoAscender,
        )


def font_directory() -> Path:
    """The directory that holds both typefaces' files."""
    return Path(pylopdf_fonts_zh_cn.serif_path()).parent


@functools.cache
def serif() -> Typeface:
    """Noto Serif SC, the face of seals and of running text."""
    return Typeface.open(Path(pylopdf_fonts_zh_cn.serif_path()))


@functools.cache
def sans() -> Typeface:
    """Noto Sans SC, the face of headings."""
    return Typeface.open(Path(pylopdf_fonts_zh_cn.sans_path()))
