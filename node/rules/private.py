"""Private fields: what their disclosures must look like where they are handed in.

These are checked at the edge only. What is on the chain are digests, which say nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from node.core.errors import InvalidTransaction
from node.rules.validation import is_identity_number, is_uscc

__all__ = ["check_private_field", "private_rule"]

_DECIMAL = re.compile(r"-?\d{1,3}(?:\.\d{1,12})?", re.ASCII)
_PERCENT = re.compile(r"(?:100(?:\.0+)?|\d{1,2}(?:\.\d{1,4})?)%?", re.ASCII)
_PHONE = re.compile(r"\+?[0-9-]{5,20}", re.ASCII)
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}", re.ASCII)
_MOST_ITEMS = 200
_LONGEST_NAME = 200
_LONGEST_TEXT = 2000


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _is_coordinate(limit: int) -> Callable[[str], bool]:
    def test(text: str) -> bool:
        return _DECIMAL.fullmatch(text) is not None and abs(float(text)) <= limit

    return test


def _is_address(text: str) -> bool:
    if _ADDRESS.fullmatch(text) is None:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_owner_number(text: str) -> bool:
    return is_identity_number(text) or is_uscc(text)


_TEXTS: dict[str, tuple[Callable[[str], bool], str]] = {
    "agent_id_no": (is_identity_number, "must be an identity card number (GB 11643)"),
    "id_no": (
        _is_owner_number,
        "must be an identity card number (GB 11643) or, of an organisation, a unified social "
        "credit code (GB 32100)",
    ),
    "ip": (_is_address, "must be an IP address"),
    "latitude": (_is_coordinate(90), "must be a decimal in text, -90 to 90"),
    "longitude": (_is_coordinate(180), "must be a decimal in text, -180 to 180"),
    "owner_id_no": (is_identity_number, "must be an identity card number (GB 11643)"),
    "phone": (_matches(_PHONE), "must be a telephone number"),
    "score": (_matches(_PERCENT), "must be a percentage in text"),
}
_NAMES = ("document_names", "party_names")
_LISTS = (*_NAMES, "page_rectangles")
_LIST_RULE = f"must be a list of 1 to {_MOST_ITEMS} items"
_NAMES_RULE = f"{_LIST_RULE}, each text of 1 to {_LONGEST_NAME} characters"
_TEXT_RULE = f"must be text of 1 to {_LONGEST_TEXT} characters"


def private_rule(name: str) -> str:
    """What the value of a private field must be."""
    if name in _TEXTS:
        return _TEXTS[name][1]
    if name in _LISTS:
        return _NAMES_RULE if name in _NAMES else _LIST_RULE
    return _TEXT_RULE


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= most


def check_private_field(name: str, value: Any) -> None:
    """Check the value that a disclosure gives a private field.

    Raises:
        InvalidTransaction: names the field and the rule.
    """
    if name in _LISTS:
        good = isinstance(value, list) and 1 <= len(value) <= _MOST_ITEMS
        if good and name in _NAMES:
            good = all(_is_text(item, _LONGEST_NAME) for item in value)
    else:
        good = _is_text(value, _LONGEST_TEXT)
        if good and name in _TEXTS:
            good = _TEXTS[name][0](value)
    if not good:
        raise InvalidTransaction(f"disclosure {name}", private_rule(name))
