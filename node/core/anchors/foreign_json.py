"""JSON as others write it: only the members that a rule names are looked at."""

from __future__ import annotations

import json
import re
from typing import Any

from node.core.encoding import check_nesting
from node.core.errors import InvalidEncoding

__all__ = ["decode_foreign_json", "raw_member", "text_at"]

_SPACE = re.compile(r"[ \t\n\r]*")
_MAX_DIGITS = 19
_MAX_NESTING = 64


class _Refused(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("a member stands twice in an object")
    return members


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise _Refused("an integer has more than 19 digits")
    return int(text)


def _refuse_constant(text: str) -> Any:
    raise _Refused(f"{text} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_constant=_refuse_constant
)


def decode_foreign_json(text: str, *, place: str) -> Any:
    """Decode JSON as others write it: null, true, false and floats are allowed, since only the
    members that a rule names are looked at; a member that stands twice is not.

    Raises:
        InvalidEncoding: not JSON, nested too deep, or text behind it.
    """
    check_nesting(text, place, _MAX_NESTING)
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise InvalidEncoding(place, "is nested too deep") from error
    except json.JSONDecodeError as error:
        raise InvalidEncoding(place, f"not JSON: {error.msg} at character {error.pos}") from error
    except ValueError as error:
        raise InvalidEncoding(place, f"not JSON: {error}") from error


def raw_member(text: str, name: str, *, place: str) -> str:
    """The member ``name`` of a JSON object as it is written there, byte by byte: some services sign
    that. ``text`` has been decoded before, so it is well formed.

    Raises:
        InvalidEncoding: it is no object, or has no such member.
    """
    at = _SPACE.match(text, 0).end()  # type: ignore[union-attr]
    if text[at : at + 1] != "{":
        raise InvalidEncoding(place, "must be a JSON object")
    while text[at] in "{,":
        at = _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
        if text[at] == "}":
            break
        found, at = _DECODER.raw_decode(text, at)
        at = _SPACE.match(text, _SPACE.match(text, at).end() + 1).end()  # type: ignore[union-attr]
        start = at
        _, at = _DECODER.raw_decode(text, at)
        if found == name:
            return text[start:at]
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    raise InvalidEncoding(place, f"there is no member {name[:64]}")


def text_at(value: Any, pointer: str, *, place: str) -> str:
    """The text or integer at a JSON pointer (RFC 6901), an integer in decimal digits.

    Raises:
        InvalidEncoding: nothing is there, or something else.
    """
    if pointer and not pointer.startswith("/"):
        raise InvalidEncoding(place, "a JSON pointer begins with /")
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 6:
            if int(name) >= len(value):
                raise InvalidEncoding(place, f"there is nothing at {pointer}")
            value = value[int(name)]
        else:
            raise InvalidEncoding(place, f"there is nothing at {pointer}")
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise InvalidEncoding(place, f"must be text or an integer at {pointer}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidEncoding(place, f"lone surrogate at {pointer}") from error
    return value
