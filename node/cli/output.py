"""Writing to the terminal: text that cannot play tricks on it, JSON, fingerprints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["fingerprint_lines", "marks", "printable", "say", "short_path", "write_json"]

_MARKS = ("✓", "✗", "–")
_PLAIN_MARKS = ("ok", "FAILED", "--")


def printable(text: str) -> str:
    """``text`` with everything escaped that a terminal might obey rather than show.

    What a bundle or a node says is believed in nothing: it must not be able to colour, erase or
    reorder what stands around it. Line breaks are escaped too.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def say(text: str = "", *values: Any) -> None:
    """Write a line to standard output; ``{}`` in ``text`` stand for ``values``, made printable."""
    line = text.format(*(printable(str(value)) for value in values)) if values else text
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding))


def marks() -> tuple[str, str, str]:
    """The signs for passed, failed and not checked that standard output can show."""
    try:
        "".join(_MARKS).encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_MARKS
    return _MARKS


def write_json(value: Any) -> None:
    """Write one JSON document, on one line, to standard output."""
    readable = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not readable, sort_keys=True))


def fingerprint_lines(digest: str) -> tuple[str, str]:
    """A SHA-256 in hex as two lines of eight groups of four, to be compared by eye."""
    groups = [digest[at : at + 4] for at in range(0, len(digest), 4)]
    return " ".join(groups[:8]), " ".join(groups[8:])


def short_path(path: Path) -> Path:
    """The path as a reader would type it: seen from here, if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
