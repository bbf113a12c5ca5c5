"""Numbers of Chinese standards: unified social credit codes, identity cards, divisions, seals."""

from __future__ import annotations

import re

__all__ = [
    "find_identity_number",
    "is_division",
    "is_identity_number",
    "is_seal_code",
    "is_uscc",
    "uscc_check_character",
]

_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
_USCC_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES = {character: value for value, character in enumerate(_USCC_CHARACTERS)}
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)

_IDENTITY = re.compile(r"\d{17}[\dX]", re.ASCII)
_IDENTITY_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])", re.ASCII)
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS = "10X98765432"
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
    ]
)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DIVISION = re.compile(r"\d{6}", re.ASCII)
_SEAL_CODE = re.compile(r"\d{13,14}", re.ASCII)


def uscc_check_character(first: str) -> str:
    """The 18th character of a unified social credit code (GB 32100-2015 §4, mod 31)."""
    total = sum(_USCC_VALUES[character] * weight for character, weight in zip(first, _USCC_WEIGHTS))
    return _USCC_CHARACTERS[-total % 31]


def is_uscc(text: str) -> bool:
    """Whether ``text`` is a unified social credit code with the right check character."""
    return _USCC.fullmatch(text) is not None and uscc_check_character(text[:17]) == text[17]


def is_identity_number(text: str) -> bool:
    """Whether ``text`` is an identity card number (GB 11643: MOD 11-2, province, birth date)."""
    if _IDENTITY.fullmatch(text) is None or text[:2] not in _PROVINCES:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text, _IDENTITY_WEIGHTS))
    return _IDENTITY_CHECKS[total % 11] == text[17] and _is_date(text[6:14])


def _is_date(text: str) -> bool:
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not 1800 <= year <= 2200 or not 1 <= month <= 12:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = (
        29 if month == 2 and leap else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    )
    return 1 <= day <= longest


def find_identity_number(text: str) -> bool:
    """Whether an identity card number stands somewhere in ``text``, apart from other digits."""
    return any(is_identity_number(found.upper()) for found in _IDENTITY_IN_TEXT.findall(text))


def is_division(text: str) -> bool:
    """Whether ``text`` has the form of a division code (GB/T 2260) of a known province."""
    return _DIVISION.fullmatch(text) is not None and text[:2] in _PROVINCES


def is_seal_code(text: str) -> bool:
    """Whether ``text`` is 13 or 14 digits that begin with a division code."""
    return _SEAL_CODE.fullmatch(text) is not None and text[:2] in _PROVINCES
