"""What differs from a JSON value in one place: a byte of a text, a member, an item, a type."""

from __future__ import annotations

import base64
import binascii
import copy
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["FLIPS", "GONE", "Mutation", "Place", "at", "changed", "places", "structural", "textual"]

Place = tuple["str | int", ...]
Mutation = tuple[str, Any]
"""What was done, and the value that came of it."""
FLIPS = (0x01, 0x80)
"""What each byte is combined with by exclusive or: a number off by one, a sign, a tag's class."""
GONE: Any = object()
"""For `changed`: leave it out."""


def places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value inside, itself first."""
    yield place, value
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(member, (*place, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from places(item, (*place, position))


def at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


def changed(value: Any, place: Place, to: Any) -> Any:
    """A copy with another value at a place, or without it."""
    if not place:
        return to
    out = copy.deepcopy(value)
    inner = at(out, place[:-1])
    if to is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = to
    return out


def structural(value: Any) -> Iterator[Mutation]:
    """Members and items dropped, added, doubled, exchanged; numbers and types changed."""
    for place, inner in places(value):
        for what, to in _instead_of(inner):
            yield f"{place}: {what}", changed(value, place, to)
        if place:
            yield f"{place}: dropped", changed(value, place, GONE)


def _instead_of(inner: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(inner, int):
        for to in (inner + 1, inner - 1, -inner - 1, 2**53 - 1, str(inner)):
            yield f"{to!r}", to
        return
    for to in ("", 0, [], {}):
        if to != inner:
            yield f"{to!r}", to
    if isinstance(inner, dict):
        yield "added", {**inner, "zz": "x"}
        yield "in an array", [inner]
    elif isinstance(inner, list):
        yield "one more", [*inner, ""]
        if inner:
            yield "the last twice", [*inner, inner[-1]]
        if inner[::-1] != inner:
            yield "turned round", inner[::-1]


def textual(value: Any, flips: tuple[int, ...] = FLIPS) -> Iterator[tuple[Place, int, str, str]]:
    """Each change of one place of a text: (where the text is, position, what was done, the text).

    The characters themselves are changed, and where the text is base64 or hex the bytes that it
    stands for, in a canonical encoding.
    """
    for place, inner in places(value):
        if isinstance(inner, str):
            for position, what, to in _texts(inner, flips):
                if to != inner:
                    yield place, position, what, to


def _texts(text: str, flips: tuple[int, ...]) -> Iterator[tuple[int, str, str]]:
    raw, encode = _decoded(text)
    for position, byte in enumerate(raw):
        for flip in flips:
            to = raw[:position] + bytes([byte ^ flip]) + raw[position + 1 :]
            try:
                yield position, f"byte ^ {flip:#04x}", encode(to)
            except UnicodeDecodeError:
                continue
    for position, character in enumerate(text):
        for other in {character.swapcase(), " ", chr(ord(character) ^ 1)} - {character}:
            yield position, f"character {other!r}", text[:position] + other + text[position + 1 :]
    for position in {0, len(text) // 2, len(text)}:
        for more in (" ", "\n", "=", "A", "0", "00", "AAAA", "\u0000"):
            yield position, f"{more!r} put in", text[:position] + more + text[position:]
    for end in range(1, min(5, len(text) + 1)):
        yield len(text), f"{end} characters fewer", text[:-end]
        yield 0, f"{end} characters fewer", text[end:]


def _decoded(text: str) -> Any:
    if re.fullmatch("(?:[0-9a-f]{2})+", text):
        return bytes.fromhex(text), bytes.hex
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode(), bytes.decode
    return raw, lambda made: base64.b64encode(made).decode()
