"""Events as commands are given them, checked and signed: what `submit` sends."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.cli.files import read_input
from node.client.keys import SigningKey
from node.client.records import Submission, build_submission
from node.core.encoding import decode_json_object, parse_rfc3339
from node.core.errors import InvalidInput
from node.core.fields import exact_members, read_integer, read_object, read_text
from node.rules.events import EVENTS
from node.rules.judge import check_public
from node.rules.private import check_private_field

__all__ = ["Signer", "read_object_argument", "read_time"]

_OFFSET = re.compile(r"(.*T.*)([+-])(\d\d):(\d\d)", re.ASCII)
_MAX_OBJECT_BYTES = 1 << 20
_OPTIONAL = ("collected_at", "event_id", "lifetime", "occurred_at", "private", "source")
_HOUR = 3600


def read_time(value: Any, place: str) -> int:
    """A time in ms: an integer, or RFC 3339 with any offset.

    Raises:
        InvalidInput: neither.
    """
    if not isinstance(value, str):
        return read_integer(value, place)
    if re.fullmatch(r"\d{1,16}", value, re.ASCII):
        return int(value)
    text, shift = value, 0
    match = _OFFSET.fullmatch(value)
    if match is not None:
        minutes = int(match[3]) * 60 + int(match[4])
        text, shift = f"{match[1]}Z", minutes if match[2] == "+" else -minutes
    try:
        seconds, nanos = parse_rfc3339(text, place=place)
    except InvalidInput as error:
        raise InvalidInput(
            place, "must be ms since 1970, or RFC 3339 such as 2026-03-01T09:30:00+08:00"
        ) from error
    return (seconds - shift * 60) * 1000 + nanos // 1_000_000


def read_object_argument(text: str, place: str) -> dict[str, Any]:
    """A JSON object: as it stands, or the content of a file (``@file``; ``@-``: standard input).

    Raises:
        InvalidInput: it is none.
        OSError: the file cannot be read.
    """
    if text.startswith("@"):
        content, place = read_input(text[1:], _MAX_OBJECT_BYTES), text[1:]
    else:
        content = text.encode("utf-8", "surrogatepass")
    return decode_json_object(content, place=place, max_bytes=_MAX_OBJECT_BYTES)


@dataclass(frozen=True)
class Signer:
    """Who signs, for which chain. ``default_source`` stands in events that name no source."""

    key: SigningKey
    member: str
    chain_id: str
    default_source: Mapping[str, str]

    def sign(self, event: Mapping[str, Any], place: str, now: int) -> Submission:
        """Check an event as a node would, and sign it.

        Args:
            event: ``type``, ``subject``, ``data``, and what else `_OPTIONAL` names.
            place: where it comes from, for errors.
            now: the time, in ms.

        Raises:
            InvalidInput: a member is missing or not of its form, or its rules forbid it.
        """
        exact_members(event, place, ("data", "subject", "type"), _OPTIONAL)
        private = read_object(event.get("private", {}), f"{place}.private")
        occurred_at, collected_at = (
            None if name not in event else read_time(event[name], f"{place}.{name}")
            for name in ("occurred_at", "collected_at")
        )
        submission = build_submission(
            self.key,
            chain_id=self.chain_id,
            member=self.member,
            event_id=event.get("event_id") or secrets.token_hex(16),
            event_type=read_text(event["type"], f"{place}.type", most=64),
            subject=read_text(event["subject"], f"{place}.subject", most=128),
            data=read_object(event["data"], f"{place}.data"),
            source=read_object(event.get("source", dict(self.default_source)), f"{place}.source"),
            occurred_at=now if occurred_at is None else occurred_at,
            collected_at=collected_at,
            issued_at=now,
            private=private,
            lifetime=read_integer(event.get("lifetime", _HOUR), f"{place}.lifetime", least=1),
        )
        _check_rules(submission)
        return submission


def _check_rules(submission: Submission) -> None:
    """What a node would refuse whatever its state is had better not be signed."""
    transaction = submission.transaction
    check_public(
        {
            "data": transaction.data,
            "jti": transaction.jti,
            "source": transaction.source,
            "sub": transaction.sub,
            "type": transaction.type,
        }
    )
    for disclosure in submission.disclosures:
        if disclosure.name not in EVENTS[transaction.type].private:
            rule = f"is no private field of {transaction.type}"
            raise InvalidInput(f"private.{disclosure.name[:64]}", rule)
        check_private_field(disclosure.name, disclosure.value)
