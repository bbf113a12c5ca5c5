"""Numbers of Chinese standards: unified social credit codes, identity cards, divisions, seals."""

from __future__ import annotations

import re

__all__ = [
    "DIVISION",
    "SEAL_CODE",
    "USCC",
    "find_identity_number",
    "identity_check_character",
    "is_identity_number",
    "is_uscc",
    "uscc_check_character",
]

_USCC_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES = {character: value for value, character in enumerate(_USCC_CHARACTERS)}
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
"""The form of a unified social credit code (GB 32100-2015 §4), without its check."""

_PROVINCE = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])"
DIVISION = re.compile(_PROVINCE + r"\d{4}", re.ASCII)
"""The form of a division's code in a known province (GB/T 2260)."""
SEAL_CODE = re.compile(_PROVINCE + r"\d{11,12}", re.ASCII)
"""13 or 14 digits that begin with a division's code."""

# 83 is Taiwan's in residence permits; the first 9 is that of foreign permanent residents (2023).
_IDENTITY = re.compile(rf"(?:{_PROVINCE}|83|9\d)\d{{15}}[\dX]", re.ASCII)
_IDENTITY_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])", re.ASCII)
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS = "10X98765432"
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FULL_WIDTH_DIGIT = re.compile("[\uff10-\uff19]")
_FROM_FULL_WIDTH = {
    **{0xFF10 + digit: str(digit) for digit in range(10)},
    **{0xFF21 + letter: chr(0x41 + letter) for letter in range(26)},
    **{0xFF41 + letter: chr(0x61 + letter) for letter in range(26)},
}


def uscc_check_character(first: str) -> str:
    """The 18th character of a unified social credit code (GB 32100-2015 §4, mod 31)."""
    total = sum(_USCC_VALUES[character] * weight for character, weight in zip(first, _USCC_WEIGHTS))
    return _USCC_CHARACTERS[-total % 31]


def is_uscc(text: str) -> bool:
    """Whether ``text`` is a unified social credit code with the right check character."""
    return USCC.fullmatch(text) is not None and uscc_check_character(text[:17]) == text[17]


def identity_check_character(first: str) -> str:
    """The 18th character of an identity card number (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first, _IDENTITY_WEIGHTS))
    return _IDENTITY_CHECKS[total % 11]


def is_identity_number(text: str) -> bool:
    """Whether ``text`` is an identity card number (GB 11643: province, birth date, MOD 11-2)."""
    if _IDENTITY.fullmatch(text) is None or not _is_birth_date(text[6:14]):
        return False
    return identity_check_character(text[:17]) == text[17]


def _is_birth_date(text: str) -> bool:
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not 1800 <= year <= 2099 or not 1 <= month <= 12:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 29 if month == 2 and leap else _MONTH_DAYS[month - 1]
    return 1 <= day <= longest


def find_identity_number(text: str) -> bool:
    """Whether an identity card number stands in ``text``, apart from other letters and digits.

    Full-width digits count as digits. A number cut up by blanks is not found.
    """
    if not text.isascii() and _FULL_WIDTH_DIGIT.search(text) is not None:
        text = text.translate(_FROM_FULL_WIDTH)
    found = _IDENTITY_IN_TEXT.findall(text)
    return bool(found) and any(is_identity_number(number.upper()) for number in found)
