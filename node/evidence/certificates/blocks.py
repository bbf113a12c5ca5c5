"""What sections are made of, as plain JSON values that the template sets.

A *value* is text; or ``{"m": text}``, set in the fixed-width face; or ``{"h": [line, line]}``, a
hash in groups; or ``{"s": [line, …]}``, hashes in small print; or a list of values, one
below the other. Long runs of characters become ``{"w": [piece, …]}``, between which a line may end
(composing.py). A *block* has ``k``, its kind. Every text
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
    "is_long",
    "mono",
    "note",
    "numbered",
    "paragraph",
    "section",
    "small_hashes",
    "subheading",
    "table",
]

_MOST_IN_ROW = 500
_LINE = 25
"""Characters that a line of a list counts for, at the least."""
Value = Any
Block = dict[str, Any]


def mono(text: object) -> Value:
    """Text in the fixed-width face."""
    return {"m": str(text)}


def digest(value: str | bytes) -> Value:
    """A hash of 32 bytes, in groups."""
    return {"h": grouped(value.hex() if isinstance(value, bytes) else value)}


def small_hashes(values: Iterable[bytes]) -> Value:
    """Hashes in small print, a line each, which nobody is expected to read aloud."""
    return {"s": [value.hex() for value in values]}


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
    made = [list(row) for row in rows]
    return {"k": "facts", "rows": made, "broken": _has_long(made)}


def table(columns: Sequence[float], head: Sequence[str], rows: Iterable[Sequence[Value]]) -> Block:
    """A table with a head that is repeated on each page. ``columns`` are parts of its width."""
    made = [list(row) for row in rows]
    return {
        "k": "table",
        "columns": list(columns),
        "head": list(head),
        "rows": made,
        "broken": _has_long(made),
    }


def is_long(rows: Sequence[Sequence[Value]]) -> bool:
    """Whether rows below one another may be so high that they must be allowed to break. A label
    stands in a column a quarter as wide as the values."""
    heights = (max(_LINE, 4 * _length(label), _length(value)) for label, value in rows)
    return sum(heights) > _MOST_IN_ROW


def _has_long(rows: Iterable[Sequence[Value]]) -> bool:
    """Whether a row may be higher than a page, so that it must be allowed to break."""
    return any(_length(value) > _MOST_IN_ROW for row in rows for value in row)


def _length(value: Value) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        (held,) = value.values()
        return _length(held)
    length = 0
    for item in value:
        own = len(item) if isinstance(item, str) else _length(item)
        length += own if own > _LINE else _LINE
    return length


def section(number: str, title: str, blocks: Iterable[Block]) -> dict[str, Any]:
    """A section; ``number`` is the Chinese one, such as 十二."""
    return {"number": number, "title": title, "blocks": list(blocks)}
