"""Reading the arguments of the anchor chaincode: one meaning, or a refusal that says why.

Pure as `anchor_rules` is: no clock, no disk, no network.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

__all__ = [
    "Refusal",
    "canonical",
    "check_size",
    "is_hash",
    "read_chain",
    "read_integer",
    "read_json",
    "read_object",
    "read_point",
    "root_of",
]

_CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INTEGER = re.compile(r"[1-9][0-9]{0,15}|0", re.ASCII)
_MOST_INTEGER = 2**53 - 1
_MOST_CHARACTERS = 4_096


class Refusal(Exception):
    """The call is refused; the text begins with a word that stays: conflict, stale, bad …, not …"""


def read_point(text: str) -> dict[str, Any]:
    """The one argument of Attest: exactly chain_id, root and size."""
    point = read_object(text, "point")
    if set(point) != {"chain_id", "root", "size"}:
        raise Refusal("bad point: must have chain_id, root and size")
    read_chain(point["chain_id"])
    check_size(point["size"])
    if not is_hash(point["root"]):
        raise Refusal("bad point: root must be 32 bytes of lower-case hex")
    return point


def check_size(value: Any) -> None:
    """Raise Refusal unless this is the size of a log."""
    if type(value) is not int or not 1 <= value <= _MOST_INTEGER:
        raise Refusal("bad point: size must be a positive integer")


def read_chain(value: Any) -> str:
    """A chain id."""
    if not isinstance(value, str) or _CHAIN_ID.fullmatch(value) is None:
        raise Refusal("bad chain_id: must be a chain id")
    return value


def read_integer(text: str, name: str, least: int) -> int:
    """An integer written in decimal, without leading zeros."""
    if _INTEGER.fullmatch(text) is None or not least <= int(text) <= _MOST_INTEGER:
        raise Refusal(f"bad {name}: must be an integer from {least}")
    return int(text)


def is_hash(value: Any) -> bool:
    """Whether this is 32 bytes of lower-case hex."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def read_object(text: str, name: str) -> dict[str, Any]:
    """A JSON object."""
    value = read_json(text, name)
    if not isinstance(value, dict):
        raise Refusal(f"bad {name}: must be a JSON object")
    return value


def read_json(text: str, name: str) -> Any:
    """JSON without duplicate members, floats, NaN or anything that is read in more than one way."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) != len(items):
            raise Refusal(f"bad {name}: a member stands there twice")
        return dict(items)

    def number(literal: str) -> Any:
        raise Refusal(f"bad {name}: {literal[:20]} is no integer")

    if len(text) > _MOST_CHARACTERS:
        raise Refusal(f"bad {name}: longer than {_MOST_CHARACTERS} characters")
    try:
        return json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_constant=number)
    except (ValueError, RecursionError):
        raise Refusal(f"bad {name}: no JSON") from None


def canonical(value: Any) -> str:
    """JSON with sorted keys and no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def root_of(leaf: str, index: int, size: int, path: list[str]) -> str:
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2)."""
    if index >= size:
        raise Refusal("bad index: must be below the size")
    first, last, found = index, size - 1, bytes.fromhex(leaf)
    for text in path:
        other = bytes.fromhex(text)
        if last == 0:
            raise Refusal("bad path: too long")
        if first & 1 or first == last:
            found = hashlib.sha256(b"\x01" + other + found).digest()
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + other).digest()
        first, last = first >> 1, last >> 1
    if last:
        raise Refusal("bad path: too short")
    return found.hex()
