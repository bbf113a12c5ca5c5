"""What sections are made of, as plain JSON values that the template sets.

A *value* is text; or ``{"m": text}``, set in the fixed-width face; or ``{"h": [line, line]}``, a
hash in groups; or a list of values, one below the other. A *block* has ``k``, its kind. Every text
is data: the template sets it and never reads it as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from node.evidence.certificates.wording import grouped

__all__ = [
    "Block",
    "Value",
    "bullets",
    "digest",
    "facts",
    "mono",
    "note",
    "numbered",
    "paragraph",
    "section",
    "subheading",
    "table",
]

Value = Any
Block = dict[str, Any]


def mono(text: object) -> Value:
    """Text in the fixed-width face."""
    return {"m": str(text)}


def digest(value: str | bytes) -> Value:
    """A hash of 32 bytes, in groups."""
    return {"h": grouped(value.hex() if isinstance(value, bytes) else value)}


def paragraph(text: str) -> Block:
    """Running text."""
    return {"k": "paragraph", "text": text}


def subheading(text: str) -> Block:
    """A heading inside a section."""
    return {"k": "subheading", "text": text}


def note(text: str) -> Block:
    """A sentence that nobody may overlook."""
    return {"k": "note", "text": text}


def bullets(items: Iterable[str]) -> Block:
    """A list."""
    return {"k": "bullets", "items": list(items)}


def numbered(items: Iterable[str]) -> Block:
    """A numbered list."""
    return {"k": "numbered", "items": list(items)}


def facts(*rows: tuple[str, Value]) -> Block:
    """Labels and values, a row each."""
    return {"k": "facts", "rows": [list(row) for row in rows]}


def table(columns: Sequence[float], head: Sequence[str], rows: Iterable[Sequence[Value]]) -> Block:
    """A table with a head that is repeated on each page. ``columns`` are parts of its width; 0 is a
    column as wide as what it holds."""
    return {
        "k": "table",
        "columns": list(columns),
        "head": list(head),
        "rows": [list(row) for row in rows],
    }


def section(number: str, title: str, blocks: Iterable[Block]) -> dict[str, Any]:
    """A numbered section."""
    return {"number": number, "title": title, "blocks": list(blocks)}
