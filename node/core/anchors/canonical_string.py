"""The texts that services sign, made of parts with a separator between them, and their values.

A *template* is text with ``{name}`` where a value stands; ``{{`` and ``}}`` are braces. The rules
here are made so that a signed text can be taken apart again in one way only: then the text itself
is all that a receipt has to hold, and every byte of it is under the signature.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence

from node.core.anchors.point import AnchorPoint
from node.core.anchors.sm3 import sm3
from node.core.encoding import MAX_INTEGER, parse_rfc3339
from node.core.errors import InvalidEncoding

__all__ = [
    "DIGESTS",
    "TIME_FORMS",
    "check_signed_parts",
    "fill_template",
    "join_parts",
    "names_in",
    "point_values",
    "read_time",
    "split_parts",
]

DIGESTS = (
    "digest",
    "digest_base64",
    "digest_upper",
    "document",
    "document_base64",
    "document_sm3",
    "document_sm3_base64",
)
"""Those of `point_values` that stand for the whole point."""

_PIECE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_:.]{0,63})\}|[{}]", re.ASCII)


def point_values(point: AnchorPoint) -> dict[str, str]:
    """What templates can say of a point, by name."""
    document, digest = point.document(), point.digest()
    national = sm3(document)
    return {
        "chain_id": point.chain_id,
        "digest": digest.hex(),
        "digest_base64": base64.b64encode(digest).decode("ascii"),
        "digest_upper": digest.hex().upper(),
        "document": document.decode("utf-8"),
        "document_base64": base64.b64encode(document).decode("ascii"),
        "document_sm3": national.hex(),
        "document_sm3_base64": base64.b64encode(national).decode("ascii"),
        "header": point.header.hex(),
        "height": str(point.height),
        "root": point.root.hex(),
        "size": str(point.size),
        "state_root": point.state_root.hex(),
    }


def _pieces(template: str, place: str) -> list[tuple[str, str | None]]:
    """(text, None) for what stands as it is, ("", name) for what is filled in."""
    pieces: list[tuple[str, str | None]] = []
    end = 0
    for match in _PIECE.finditer(template):
        pieces.append((template[end : match.start()], None))
        end = match.end()
        if match[1] is not None:
            pieces.append(("", match[1]))
        elif match[0] in ("{{", "}}"):
            pieces.append((match[0][0], None))
        else:
            raise InvalidEncoding(place, "a brace that is none of {name}, {{ and }}")
    pieces.append((template[end:], None))
    return [piece for piece in pieces if piece[0] or piece[1] is not None]


def names_in(template: str, *, place: str) -> tuple[str, ...]:
    """The names that a template asks for. Raises InvalidEncoding for a stray brace."""
    return tuple(name for _, name in _pieces(template, place) if name is not None)


def fill_template(template: str, values: Mapping[str, str], *, place: str) -> str:
    """The template with its values. Raises InvalidEncoding where one is not given."""
    out = []
    for text, name in _pieces(template, place):
        if name is None:
            out.append(text)
        elif name in values:
            out.append(values[name])
        else:
            raise InvalidEncoding(place, f"{{{name}}} is not known here")
    return "".join(out)


def join_parts(
    parts: Sequence[str], separator: str, values: Mapping[str, str], *, place: str
) -> str:
    """The canonical string: the filled parts with the separator between them."""
    return separator.join(
        fill_template(part, values, place=f"{place}[{index}]") for index, part in enumerate(parts)
    )


def check_signed_parts(parts: Sequence[str], separator: str, *, place: str) -> None:
    """Check that what these parts make can be taken apart in one way only.

    Raises:
        InvalidEncoding: the separator is empty, a part has two values in it, or its own text holds
            a character of the separator.
    """
    if not separator:
        raise InvalidEncoding(
            f"{place}.separator", "must not be empty: the signed text could be read in several ways"
        )
    if not parts:
        raise InvalidEncoding(f"{place}.parts", "must name at least one part")
    for index, part in enumerate(parts):
        pieces = _pieces(part, f"{place}.parts[{index}]")
        if sum(name is not None for _, name in pieces) > 1:
            raise InvalidEncoding(f"{place}.parts[{index}]", "must hold at most one {name}")
        if any(set(separator) & set(text) for text, _ in pieces):
            raise InvalidEncoding(
                f"{place}.parts[{index}]", "must hold no character of the separator"
            )


def split_parts(parts: Sequence[str], separator: str, text: str, *, place: str) -> dict[str, str]:
    """The values that a canonical string was made of, by name.

    Raises:
        InvalidEncoding: ``text`` is not made of these parts, has two values for one name, or a
            value with a character of the separator.
    """
    given = text.split(separator)
    if len(given) != len(parts):
        raise InvalidEncoding(place, f"has {len(given)} parts, {len(parts)} are asked for")
    values: dict[str, str] = {}
    for index, (part, found) in enumerate(zip(parts, given)):
        where = f"{place}, part {index}"
        pieces = _pieces(part, where)
        names = [name for _, name in pieces if name is not None]
        at = next((i for i, (_, name) in enumerate(pieces) if name is not None), len(pieces))
        before = "".join(piece for piece, _ in pieces[:at])
        behind = "".join(piece for piece, _ in pieces[at + 1 :])
        whole = len(before) + len(behind)
        exact = found == before if not names else len(found) >= whole
        if not (exact and found.startswith(before) and found.endswith(behind)):
            raise InvalidEncoding(where, f"is not of the form {part}")
        for name in names:
            value = found[len(before) : len(found) - len(behind)]
            if set(separator) & set(value):
                raise InvalidEncoding(where, "holds a character of the separator")
            if values.setdefault(name, value) != value:
                raise InvalidEncoding(where, f"gives {name} a second value")
    return values


_DIGITS = re.compile(r"[1-9]\d{0,15}", re.ASCII)
_CHINA = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
TIME_FORMS = ("china", "china_compact", "milliseconds", "rfc3339", "seconds")
"""How services write times: ``2026-11-23 16:06:31`` or ``20261123160631`` in China's time, numbers
since the Unix epoch, RFC 3339."""


def read_time(text: str, form: str, *, place: str) -> int:
    """A time in ms since the Unix epoch, at the end of the second or millisecond that it names: so
    what is said to have been there at that time was there no later.

    Raises:
        InvalidEncoding: not of this form, or no date of the calendar.
    """
    if form in ("milliseconds", "seconds"):
        if _DIGITS.fullmatch(text) is None:
            raise InvalidEncoding(place, f"must be {form} since 1970 in decimal digits")
        value = int(text) if form == "milliseconds" else int(text) * 1000 + 999
    else:
        value = _read_calendar(text, form, place)
    if not 0 < value <= MAX_INTEGER:
        raise InvalidEncoding(place, "is no time after 1970")
    return value


def _read_calendar(text: str, form: str, place: str) -> int:
    """The ends of seconds and milliseconds are written without a unit: 999 ms, 999,999 ns."""
    pattern = {"china": _CHINA, "china_compact": _COMPACT, "rfc3339": _RFC3339}[form]
    match = pattern.fullmatch(text)
    if match is None:
        raise InvalidEncoding(place, f"must be a time of the form {form}")
    offset, fraction = 8 * 60, ""
    if form == "china_compact":
        whole = f"{match[1]}-{match[2]}-{match[3]}T{match[4]}:{match[5]}:{match[6]}"
    else:
        whole = f"{match[1]}T{match[2]}"
    if form == "rfc3339":
        hours, minutes = int(match[5] or 0), int(match[6] or 0)
        if hours > 23 or minutes > 59:
            raise InvalidEncoding(place, "its offset is none")
        offset = (hours * 60 + minutes) * (-1 if match[4] == "-" else 1)
        fraction = (match[3] or "")[1:]
    seconds, _ = parse_rfc3339(f"{whole}Z", place=place)
    return (seconds - offset * 60) * 1000 + _milliseconds_of(fraction)


def _milliseconds_of(fraction: str) -> int:
    """The end of what a fraction of a second names; what is finer than 1 ms is rounded up."""
    if len(fraction) <= 3:
        return int(fraction.ljust(3, "9"))
    return -(-int(fraction) // int("1".ljust(len(fraction) - 2, "0")))
