"""Certificate numbers 证书编号: ``ZS``, the date in China, ten random digits, a check digit.

The date is that of issue in Asia/Shanghai (UTC+8 without exception). The check digit is that of ISO
7064 MOD 11,10 over the 18 digits before it, as evidence codes have theirs.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from node.core.errors import InvalidEncoding
from node.core.evidence_code import check_digit, tidy_lookup

__all__ = ["is_mistyped", "looks_like_number", "new_certificate_no", "read_certificate_no"]

_CHINA = timezone(timedelta(hours=8))
_SHAPE = re.compile(r"ZS(\d{18})(\d)", re.ASCII)
_ATTEMPTS = 16


def new_certificate_no(now: int, is_taken: Callable[[str], bool]) -> str:
    """A number that nobody can guess and that ``is_taken`` says is free. ``now`` in ms.

    Raises:
        RuntimeError: every one tried was taken, which chance does not bring about.
    """
    day = datetime.fromtimestamp(now / 1000, UTC).astimezone(_CHINA).strftime("%Y%m%d")
    for _ in range(_ATTEMPTS):
        digits = f"{day}{secrets.randbelow(10**10):010d}"
        number = f"ZS{digits}{check_digit(digits)}"
        if not is_taken(number):
            return number
    raise RuntimeError("no free certificate number was found")


def looks_like_number(text: str) -> bool:
    """Whether a tidied text has the form of a certificate number, right or mistyped."""
    return _SHAPE.fullmatch(text) is not None


def is_mistyped(text: str) -> bool:
    """Whether a tidied text has the form of a number and a check digit that does not fit."""
    match = _SHAPE.fullmatch(text)
    return match is not None and check_digit(match[1]) != match[2]


def read_certificate_no(text: str, *, place: str = "certificate_no") -> str:
    """The number in what somebody typed: full-width forms, blanks and lower case are forgiven.

    Raises:
        InvalidEncoding: it has not the form of one, or its check digit does not fit.
    """
    number = tidy_lookup(text)
    if not looks_like_number(number):
        raise InvalidEncoding(place, "must be ZS and 19 digits")
    if is_mistyped(number):
        raise InvalidEncoding(place, "the check digit does not fit: a digit is mistyped")
    return number
