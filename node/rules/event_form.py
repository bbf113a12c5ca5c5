"""What the types of events are made of: the forms that several share, and the type itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from node.rules import validation
from node.rules.schema import Form, Integer, Match, Object

__all__ = [
    "CODE",
    "DIGEST",
    "DIVISION",
    "ES_ID",
    "HASH",
    "HEIGHT",
    "MEMBER",
    "PARTY_REF",
    "RECEIVER",
    "SEAL_CODE",
    "SERIAL",
    "SIGN_NO",
    "TIME",
    "TOKEN",
    "USCC",
    "WORD",
    "EventType",
    "event_type",
    "match",
]


def match(pattern: str, rule: str, *, opaque: bool = False) -> Match:
    """Text that ``pattern`` matches whole, in ASCII."""
    return Match(re.compile(pattern, re.ASCII), rule, opaque=opaque)


_MEMBER = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
_PARTY_REF = r"[A-Za-z0-9_-]{22,43}"

HASH = match(r"[0-9a-f]{64}", "must be a hash of 32 bytes in lower-case hex")
TIME = Integer(0, 253_402_300_799_999, "must be a time in milliseconds since 1970 UTC")
MEMBER = match(_MEMBER, "must be a member id")
PARTY_REF = match(
    _PARTY_REF, "must be an opaque random reference, 22 to 43 of A-Za-z0-9_-", opaque=True
)
RECEIVER = match(f"{_MEMBER}|{_PARTY_REF}", "must be a member id or a party_ref", opaque=True)
ES_ID = match(r"[A-Za-z0-9._-]{1,64}", "must be a seal id: 1 to 64 of A-Za-z0-9._-")
TOKEN = match(r"[A-Za-z0-9._:/-]{1,128}", "must be 1 to 128 of A-Za-z0-9._:/-")
WORD = match(r"[a-z][a-z0-9_]{0,39}", "must be 1 to 40 lower-case letters, digits or '_'")
SERIAL = match(r"[0-9a-f]{1,64}", "must be a certificate serial number in lower-case hex")
SIGN_NO = match(r"[A-Za-z0-9_-]{1,64}", "must be 1 to 64 of A-Za-z0-9_-")
CODE = match(r"CZ\d{13}(?:-[1-9]\d{0,8})?", "must be an evidence code")
DIGEST = match(
    r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", "must be a SHA-256 digest in base64url, as in _sd"
)
DIVISION = Match(validation.DIVISION, "must be a six-digit administrative division")
SEAL_CODE = Match(
    validation.SEAL_CODE, "must be 13 or 14 digits that begin with an administrative division"
)
USCC = Match(validation.USCC, "must be a unified social credit code (GB 32100)", validation.is_uscc)
HEIGHT = Integer(1, 2**53 - 1, "must be a height")


@dataclass(frozen=True)
class EventType:
    """One type of event. ``opens`` says that it may or must be the first of its dossier."""

    name: str
    title_zh: str
    roles: frozenset[str]
    kind: str
    data: Form
    private: tuple[str, ...] = ()
    opens: bool = False


def event_type(
    name: str,
    title_zh: str,
    roles: str,
    kind: str,
    data: Mapping[str, Form] | Form,
    *,
    private: tuple[str, ...] = (),
    opens: bool = False,
) -> EventType:
    """An event type; ``roles`` are words."""
    form = Object(data, private) if isinstance(data, Mapping) else data
    return EventType(name, title_zh, frozenset(roles.split()), kind, form, private, opens)
