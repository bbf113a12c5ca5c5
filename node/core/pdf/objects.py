"""Objects of PDF files (ISO 32000-2 §7.3), read as strictly as their writers are careful.

Less is read than PDF allows: no comments inside objects, generation 0 alone, numbers without
exponents, a stream's length in its own dictionary. What the file's own verifier need not understand
is refused rather than guessed at, so that two readers cannot understand it in two ways.

    null true false  `Keyword`     name  str         array       list
    integer, real    int, float    string  bytes     dictionary  dict, by names
    reference        `Ref`         stream  `Stream`
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["MAX_OBJECTS", "IndirectObject", "Keyword", "Ref", "Stream", "same"]

MAX_OBJECTS = 100_000
"""How many a file may have, and how high their numbers may be."""


class Keyword(NamedTuple):
    """null, true or false."""

    word: str


class Ref(NamedTuple):
    """A reference to the object of this number; its generation is 0."""

    number: int


@dataclass(frozen=True)
class Stream:
    """A dictionary and the bytes behind it, as they stand in the file (not decoded)."""

    entries: dict[str, Any]
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class IndirectObject:
    """A numbered object: its value, and the bytes of the file from ``start`` to before ``end``.

    ``hexadecimal`` has the places (start, end) of the hexadecimal strings that are values of the
    outermost dictionary, by their names: a signature says with one where it stands itself.
    """

    number: int
    value: Any
    start: int
    end: int
    hexadecimal: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)

    @property
    def entries(self) -> dict[str, Any]:
        """Its dictionary, or that of its stream; empty where it has none."""
        if isinstance(self.value, Stream):
            return self.value.entries
        return self.value if isinstance(self.value, dict) else {}


def same(one: Any, other: Any) -> bool:
    """Whether two objects are the same, of the same types, their references not followed."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Stream) and isinstance(other, Stream):
        return same(one.entries, other.entries) and one.raw == other.raw
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return (numbers or type(one) is type(other)) and bool(one == other)
