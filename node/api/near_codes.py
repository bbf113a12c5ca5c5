"""Codes of this ledger that somebody may have meant who mistyped one: one digit wrong, or two
neighbouring ones exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node.core.evidence_code import check_digit
from node.ledger.reader import LedgerReader

__all__ = ["NearCode", "near_codes"]

_DIGITS = 13


@dataclass(frozen=True)
class NearCode:
    """A code that a dossier has. ``place`` counts the 13 digits from 1; ``typed`` is the digit that
    stood there instead of ``digit``, "" where it and the next one were exchanged."""

    code: str
    place: int
    digit: str
    typed: str


def near_codes(reader: LedgerReader, query: str) -> list[NearCode]:
    """The dossiers' codes that differ from a mistyped one so little. ``query`` is a tidied look-up
    of the form of a code; its ordinal, if it has one, is left out."""
    digits = query.removeprefix("CZ").partition("-")[0]
    if len(digits) != _DIGITS or not (digits.isascii() and digits.isdigit()):
        return []
    return [
        near
        for near in _candidates(digits)
        if reader.state(f"code/{near.code.removeprefix('CZ')}") is not None
    ]


def _candidates(digits: str) -> Iterator[NearCode]:
    """The codes with a check digit that fits, about 22 of 129."""
    for at, typed in enumerate(digits):
        for digit in "0123456789":
            changed = digits[:at] + digit + digits[at + 1 :]
            if digit != typed and _fits(changed):
                yield NearCode(f"CZ{changed}", at + 1, digit, typed)
    for at in range(_DIGITS - 1):
        swapped = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
        if swapped != digits and _fits(swapped):
            yield NearCode(f"CZ{swapped}", at + 1, digits[at + 1], "")


def _fits(digits: str) -> bool:
    return check_digit(digits[:-1]) == digits[-1]
