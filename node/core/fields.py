"""Reading the members of JSON objects whose form is fixed, with errors that name the place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from node.core.encoding import decode_hash
from node.core.errors import InvalidEncoding

__all__ = [
    "exact_members",
    "read_each",
    "read_hash",
    "read_hashes",
    "read_integer",
    "read_kind",
    "read_list",
    "read_match",
    "read_object",
    "read_text",
]

_KIND = re.compile(r"[a-z][a-z0-9._-]{0,39}", re.ASCII)
_HASHES = re.compile(r"[0-9a-f]*", re.ASCII)
_Item = TypeVar("_Item")


def read_object(value: Any, place: str) -> dict[str, Any]:
    """``value``, which must be an object."""
    if not isinstance(value, dict):
        raise InvalidEncoding(place, "must be an object")
    return value


def read_kind(value: Any, place: str) -> dict[str, Any]:
    """``value``, which must be an object with a ``kind``: that of an anchor, otherwise of any form.

    It is printed by verifiers that do not know it, so it can be no sentence.
    """
    members = read_object(value, place)
    rule = "must be a lower-case letter and up to 39 letters, digits, '.', '_' or '-'"
    read_match(members.get("kind"), f"{place}.kind", _KIND, rule)
    return members


def exact_members(
    value: Any, place: str, required: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, Any]:
    """``value``, which must be an object with all ``required`` members and no unknown ones."""
    members = read_object(value, place)
    needed = set(required)
    if members.keys() == needed:
        return members
    for name in sorted(needed):
        if name not in members:
            raise InvalidEncoding(f"{place}.{name}", "is missing")
    for name in members:
        if name not in needed and name not in optional:
            raise InvalidEncoding(f"{place}.{name[:64]}", "is not a member of this format")
    return members


def read_list(value: Any, place: str, *, most: int, least: int = 0) -> list[Any]:
    """``value``, which must be an array of ``least`` to ``most`` items."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise InvalidEncoding(place, f"must be an array of {least} to {most} items")
    return value


def read_each(
    value: Any, place: str, read: Callable[[Any, str], _Item], *, most: int, least: int = 0
) -> tuple[_Item, ...]:
    """Every item of an array, read by ``read(item, place)``."""
    items = read_list(value, place, most=most, least=least)
    return tuple(read(item, f"{place}[{position}]") for position, item in enumerate(items))


def read_integer(value: Any, place: str, *, least: int = 0, most: int = 2**53 - 1) -> int:
    """``value``, which must be an integer between the bounds."""
    if type(value) is not int or not least <= value <= most:
        raise InvalidEncoding(place, f"must be an integer from {least} to {most}")
    return value


def read_text(value: Any, place: str, *, most: int, least: int = 1) -> str:
    """``value``, which must be text of ``least`` to ``most`` characters."""
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise InvalidEncoding(place, f"must be text of {least} to {most} characters")
    return value


def read_match(value: Any, place: str, pattern: re.Pattern[str], rule: str) -> str:
    """``value``, which must be text that ``pattern`` matches whole."""
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise InvalidEncoding(place, rule)
    return value


def read_hash(value: Any, place: str) -> bytes:
    """``value``, which must be a SHA-256 in lower-case hex."""
    return decode_hash(value, place=place)


def read_hashes(value: Any, place: str, *, most: int) -> tuple[bytes, ...]:
    """``value``, which must be an array of up to ``most`` of them."""
    items = read_list(value, place, most=most)
    if {*map(type, items)} <= {str} and {*map(len, items)} <= {64}:
        joined = "".join(items)
        if _HASHES.fullmatch(joined) is not None:
            raw = bytes.fromhex(joined)
            return tuple([raw[start : start + 32] for start in range(0, len(raw), 32)])
    return read_each(items, place, read_hash, most=most)
