"""Strict decoding and canonical encoding of the few notations that the formats use.

JSON (RFC 8259, narrowed), canonical JSON (RFC 8785 of strings, integers, arrays and objects),
base64url (RFC 4648 §5, no padding), lower-case hex, unsigned varints, RFC 3339.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from functools import lru_cache
from typing import Any

from node.core.errors import InvalidEncoding

__all__ = [
    "LAST_CHARACTERS",
    "MAX_INTEGER",
    "canonical_json",
    "check_nesting",
    "decode_base64url",
    "decode_canonical_json",
    "decode_hash",
    "decode_hex",
    "decode_json",
    "decode_json_object",
    "decode_uvarint",
    "encode_base64url",
    "encode_uvarint",
    "parse_rfc3339",
    "rfc3339",
]

MAX_INTEGER = 2**53 - 1
"""Largest magnitude of an integer in any JSON of this project (RFC 7493 §2.2)."""

_MAX_DEPTH = 16
_FEW_BRACKETS = 1_000  # do no harm, and are counted faster than looked at
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]*")
LAST_CHARACTERS = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
"""Characters that canonical base64url may end with, by its length modulo 4: others lose bits."""


class _Refused(ValueError):
    pass


def _refuse_number(text: str) -> Any:
    raise _Refused(f"{text[:24]} is not an integer; decimals are strings")


def _parse_integer(text: str) -> int:
    value = int(text) if len(text) <= 17 and text != "-0" else MAX_INTEGER + 1
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise _Refused(f"integer {text[:24]} is out of range, at most 2^53-1 and no -0")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Refused(f"duplicate member {name[:64]!r}")
            seen.add(name)
    return members


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=_refuse_number,
    parse_int=_parse_integer,
    parse_constant=_refuse_number,
)


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)


def check_nesting(text: str, place: str, most: int) -> None:
    """Check a JSON text before it is decoded: where some library has raised the interpreter's
    recursion limit (py_ecc sets 100,000), decoding deep nesting ends the process.

    Raises:
        InvalidEncoding: nested deeper than ``most`` levels.
    """
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        first = found.group()[0]
        if first in "[{":
            depth += 1
            if depth > most:
                raise InvalidEncoding(place, f"nested deeper than {most} levels")
        elif first != '"':
            depth -= 1


def decode_json(data: bytes, *, place: str, max_bytes: int, max_depth: int = _MAX_DEPTH) -> Any:
    """Decode UTF-8 JSON made of objects, arrays, strings and integers.

    Refused: duplicate members, member names outside ASCII, floats, NaN, null, booleans, integers
    beyond 2^53-1, lone surrogates, a byte order mark, trailing text, more than ``max_bytes`` or
    ``max_depth`` levels.

    Raises:
        InvalidEncoding: names ``place`` (with the member's path) and the rule.
    """
    if len(data) > max_bytes:
        raise InvalidEncoding(place, f"{len(data)} bytes, at most {max_bytes} are allowed")
    try:
        text = data.decode("utf-8")
        if text.count("[") + text.count("{") > _FEW_BRACKETS:
            check_nesting(text, place, max_depth)
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise InvalidEncoding(place, f"nested deeper than {max_depth} levels") from error
    except UnicodeDecodeError as error:
        raise InvalidEncoding(place, f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise InvalidEncoding(place, f"not JSON: {error.msg} at character {error.pos}") from error
    except ValueError as error:
        raise InvalidEncoding(place, str(error)) from error
    # Only an escape can make a lone surrogate.
    if "\\u" in text or not _is_plain(value, max_depth):
        _check_tree(value, place, max_depth)
    return value


def _is_plain(value: Any, depth: int) -> bool:
    """Whether `_check_tree` finds nothing in a tree without surrogates; False where it may.

    Found out level by level and without a path for each value: almost all that is decoded is so.
    """
    level = [value]
    for _ in range(depth):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                if not "".join(item).isascii():
                    return False
                below += item.values()
            elif kind is list:
                below += item
            elif kind is not str and kind is not int:
                return False
        level = below
    return not level


def _check_tree(value: Any, place: str, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, dict):
        if depth == 0:
            raise InvalidEncoding(place, "nested too deep")
        for name, member in value.items():
            _check_name(name, place)
            _check_tree(member, f"{place}.{name[:64]}", depth - 1)
    elif isinstance(value, list):
        if depth == 0:
            raise InvalidEncoding(place, "nested too deep")
        for position, member in enumerate(value):
            _check_tree(member, f"{place}[{position}]", depth - 1)
    elif value is None or isinstance(value, bool):
        raise InvalidEncoding(place, "null, true and false are not used in this format")


def _check_name(name: str, place: str) -> None:
    """So that sorting by code point (here) and by UTF-16 code unit (RFC 8785) is one and the same,
    and no two names look alike. The name is not told again: it may be somebody's."""
    if not name.isascii():
        raise InvalidEncoding(place, "a member's name is not ASCII")


def _check_text(text: str, place: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidEncoding(place, "lone surrogate in a string") from error


def decode_json_object(
    data: bytes, *, place: str, max_bytes: int, max_depth: int = _MAX_DEPTH
) -> dict[str, Any]:
    """`decode_json`, and the outermost value must be an object."""
    value = decode_json(data, place=place, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        raise InvalidEncoding(place, "must be a JSON object")
    return value


def canonical_json(value: Any) -> bytes:
    """Encode strings, integers, arrays and objects as RFC 8785 does; member names are ASCII.

    Raises:
        InvalidEncoding: JSON has no form for ``value``: NaN, a lone surrogate, another type; or a
            member's name is not ASCII.
    """
    try:
        text = _ENCODER.encode(value)
        data = text.encode("utf-8")
        if not text.isascii():
            _check_names(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEncoding("canonical JSON", f"cannot hold this value: {error}") from error
    return data


def _check_names(value: Any) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(name, str):
                _check_name(name, "canonical JSON")
            _check_names(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            _check_names(member)


def decode_canonical_json(data: bytes, *, place: str, max_bytes: int) -> dict[str, Any]:
    """Decode an object and require that its bytes are its canonical form (RFC 8785)."""
    value = decode_json_object(data, place=place, max_bytes=max_bytes)
    if canonical_json(value) != data:
        raise InvalidEncoding(place, "not in canonical form (RFC 8785)")
    return value


def encode_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str | bytes, *, place: str) -> bytes:
    """Decode canonical base64url: no padding, no other characters, no loose bits at the end.

    Raises:
        InvalidEncoding: the text is not what `encode_base64url` would give back.
    """
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise InvalidEncoding(place, "not base64url: a character outside ASCII") from error
    rest = len(raw) % 4
    if rest == 1 or _BASE64URL.fullmatch(raw) is None:
        raise InvalidEncoding(place, "not base64url without padding (RFC 7515 §2)")
    if rest and raw[-1] not in LAST_CHARACTERS[rest]:
        raise InvalidEncoding(place, "base64url with loose bits in its last character")
    return binascii.a2b_base64(raw.translate(_TO_STANDARD) + b"=" * (-len(raw) % 4))


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def decode_hex(text: Any, *, place: str, length: int | None = None) -> bytes:
    """Decode lower-case hex, of ``length`` bytes when given."""
    if not isinstance(text, str) or _HEX.fullmatch(text) is None:
        raise InvalidEncoding(place, "must be lower-case hex")
    if length is not None and len(text) != 2 * length:
        raise InvalidEncoding(place, f"must be {length} bytes of hex, {2 * length} characters")
    return bytes.fromhex(text)


def decode_hash(text: Any, *, place: str) -> bytes:
    """Decode a SHA-256 value written as 64 characters of lower-case hex."""
    if not isinstance(text, str) or _HASH.fullmatch(text) is None:
        raise InvalidEncoding(place, "must be a SHA-256 value in lower-case hex, 64 characters")
    return bytes.fromhex(text)


def encode_uvarint(value: int) -> bytes:
    """Unsigned LEB128, as protobuf and CometBFT's socket protocol use it."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_uvarint(data: bytes, offset: int, *, place: str) -> tuple[int, int]:
    """Read one canonical uvarint (at most 64 bits, no superfluous zero byte).

    Returns:
        The value and the offset behind it.
    """
    value = shift = 0
    for position in range(offset, min(offset + 10, len(data))):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and position > offset) or value >> 64:
                raise InvalidEncoding(place, "uvarint is not canonical")
            return value, position + 1
        shift += 7
    raise InvalidEncoding(place, "uvarint is cut off or longer than 64 bits")


_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468


def _civil_from_days(days: int) -> tuple[int, int, int]:
    days += 719468
    era = days // 146097
    day_of_era = days - era * 146097
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


@lru_cache(maxsize=1024)
def rfc3339(milliseconds: int, *, offset_hours: int = 8, whole_seconds: bool = False) -> str:
    """Write a Unix time in milliseconds as RFC 3339, in China's time unless told otherwise.

    With ``whole_seconds`` no fraction is shown: for times that are only known to the second.
    """
    local = milliseconds + offset_hours * 3_600_000
    days, rest = divmod(local, 86_400_000)
    year, month, day = _civil_from_days(days)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, millis = divmod(rest, 1000)
    zone = (
        "Z"
        if offset_hours == 0
        else f"{'-' if offset_hours < 0 else '+'}{abs(offset_hours):02d}:00"
    )
    date = f"{year:04d}-{month:02d}-{day:02d}"
    fraction = "" if whole_seconds else f".{millis:03d}"
    return f"{date}T{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}{zone}"


def parse_rfc3339(text: str, *, place: str) -> tuple[int, int]:
    """Read a UTC time of RFC 3339 (``…Z``), as CometBFT's JSON has it.

    Returns:
        Seconds since the Unix epoch, and nanoseconds.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidEncoding(place, "must be a UTC time of RFC 3339")
    year, month, day, hours, minutes, seconds = (int(part) for part in match.groups()[:6])
    days = _days_from_civil(year, month, day)
    if _civil_from_days(days) != (year, month, day) or hours > 23 or minutes > 59 or seconds > 59:
        raise InvalidEncoding(place, "is no date or time of the calendar")
    nanos = int((match[7] or "0").ljust(9, "0"))
    return days * 86_400 + hours * 3600 + minutes * 60 + seconds, nanos
