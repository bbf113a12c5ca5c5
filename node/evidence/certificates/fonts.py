"""The typefaces of certificates, and which characters they can show.

First those of the distribution ``pylopdf-fonts-zh-cn`` (Noto Serif SC and Noto Sans SC), then, where
the system has them, HanaMinA, HanaMinB and BabelStone Han for characters outside the basic blocks.
A character that none of them has is named before anything is typeset, and never an empty box.
"""

from __future__ import annotations

import functools
import json
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pylopdf_fonts_zh_cn
import typst
from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]

from node.core.errors import InvalidInput

__all__ = ["FALLBACKS", "Faces", "check_glyphs", "load_faces"]

FALLBACKS = ("HanaMinA", "HanaMinB", "BabelStone Han")
"""Families beyond the package's own, in the order in which the template asks them."""
_FILES = ("hanamin", "babelstonehan")
_SUFFIXES = (".ttf", ".otf")
_RIGHT_TO_LEFT = frozenset(("R", "AL"))


@dataclass(frozen=True)
class Faces:
    """What the template typesets with. ``characters`` are those that can be shown, ``families`` the
    fallbacks that were found."""

    fonts: typst.Fonts
    characters: frozenset[int]
    families: tuple[str, ...]


@functools.cache
def load_faces() -> Faces:
    """Find the fonts and read their character maps: once a process, a few tenths of a second."""
    package = Path(pylopdf_fonts_zh_cn.serif_path()).parent
    serif = _characters(Path(pylopdf_fonts_zh_cn.serif_path()))
    sans = _characters(Path(pylopdf_fonts_zh_cn.sans_path()))
    found = _find_fallbacks()
    characters = serif & sans
    for path in found.values():
        characters |= _characters(path)
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=True,  # its DejaVu Sans Mono
        font_paths=[
            str(folder)
            for folder in dict.fromkeys([package, *(path.parent for path in found.values())])
        ],
    )
    shown = frozenset(code for code in characters if _may_be_shown(code))
    return Faces(fonts, shown, tuple(found))


def check_glyphs(content: str, faces: Faces) -> None:
    """Check that every character of a draft's content can be shown.

    Raises:
        InvalidInput: names the place in the content, the first character that cannot, and its code
            point.
    """
    missing = {one for one in set(content) if one >= " " and ord(one) not in faces.characters}
    if not missing:
        return
    for place, text in _texts(json.loads(content), "certificate"):
        for character in text:
            if character in missing:
                raise InvalidInput(
                    place,
                    f"无法显示的字 U+{ord(character):04X}：字体中没有该字形（no font of this node "
                    "has "
                    f"a glyph for the character {_name(character)})",
                )


def _name(character: str) -> str:
    name = unicodedata.name(character, "without a name")
    return f"U+{ord(character):04X} {name}"


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every text of the content with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{place}.{name}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, f"{place}[{position}]")


def _may_be_shown(code: int) -> bool:
    """Private-use characters mean something else in each font; what runs from right to left would
    move what stands beside it."""
    character = chr(code)
    return (
        unicodedata.category(character) != "Co"
        and unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT
    )


def _characters(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _find_fallbacks() -> dict[str, Path]:
    """The fallback families that the system has, each with its file."""
    found: dict[str, Path] = {}
    for folder in _font_folders():
        for path in sorted(folder.rglob("*")):
            name = path.name.casefold()
            if not name.startswith(_FILES) or path.suffix.casefold() not in _SUFFIXES:
                continue
            family = _family(path)
            if family in FALLBACKS:
                found.setdefault(family, path)
    return {family: found[family] for family in FALLBACKS if family in found}


def _font_folders() -> list[Path]:
    """Where fonts are kept (XDG Base Directory Specification), those of the user first."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    system = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    folders = [Path(base) / "fonts" for base in (home, *system.split(":")) if base]
    return [folder for folder in folders if folder.is_dir()]


def _family(path: Path) -> str:
    try:
        with TTFont(path, lazy=True) as font:
            return str(font["name"].getBestFamilyName())
    except (TTLibError, OSError):
        return ""
