"""Private fields: what their disclosures must look like where they are handed in.

These are checked at the edge only. What is on the chain are digests, which say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from node.core.errors import InvalidTransaction
from node.rules.validation import is_identity_number

__all__ = ["check_private_field"]

_DECIMAL = re.compile(r"-?\d{1,3}(?:\.\d{1,12})?", re.ASCII)
_PERCENT = re.compile(r"(?:100(?:\.0+)?|\d{1,2}(?:\.\d{1,4})?)%?", re.ASCII)
_PHONE = re.compile(r"\+?[0-9-]{5,20}", re.ASCII)
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}", re.ASCII)


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _is_coordinate(limit: int) -> Callable[[str], bool]:
    def test(text: str) -> bool:
        return _DECIMAL.fullmatch(text) is not None and abs(float(text)) <= limit

    return test


_TEXTS: dict[str, tuple[Callable[[str], bool], str]] = {
    "agent_id_no": (is_identity_number, "must be an identity card number (GB 11643)"),
    "id_no": (is_identity_number, "must be an identity card number (GB 11643)"),
    "owner_id_no": (is_identity_number, "must be an identity card number (GB 11643)"),
    "ip": (_matches(_ADDRESS), "must be an IP address"),
    "latitude": (_is_coordinate(90), "must be a decimal in text, -90 to 90"),
    "longitude": (_is_coordinate(180), "must be a decimal in text, -180 to 180"),
    "phone": (_matches(_PHONE), "must be a telephone number"),
    "score": (_matches(_PERCENT), "must be a percentage in text"),
}
_LISTS = ("document_names", "party_names", "page_rectangles")


def check_private_field(name: str, value: Any) -> None:
    """Check the value that a disclosure gives a private field.

    Raises:
        InvalidTransaction: names the field and the rule.
    """
    place = f"disclosure {name}"
    if name in _LISTS:
        if not isinstance(value, list) or not 1 <= len(value) <= 200:
            raise InvalidTransaction(place, "must be a list of 1 to 200 items")
        return
    if not isinstance(value, str) or not 1 <= len(value) <= 2000:
        raise InvalidTransaction(place, "must be text of 1 to 2000 characters")
    test = _TEXTS.get(name)
    if test is not None and not test[0](value):
        raise InvalidTransaction(place, test[1])
