"""Recorded exchanges with a service, against which a service file is rehearsed.

A recording holds no key: what was sent and what came back, for one point, and when.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.rest.exchange import Reply, Sent
from node.core.anchors.point import AnchorPoint
from node.core.encoding import decode_json_object
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.fields import (
    exact_members,
    read_each,
    read_integer,
    read_match,
    read_object,
    read_text,
)

__all__ = ["RECORDING_FORMAT", "Recording", "Step", "decode_recording", "encode_recording"]

RECORDING_FORMAT = "evidence-rest-recording/1"
_MAX_RECORDING = 32 << 20
_MAX_BODY = 16 << 20
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Step:
    """One exchange. ``request`` is ``submit`` or ``poll``, ``time`` the clock in ms when it was
    made; ``sent`` is None where only the answer was recorded."""

    request: str
    time: int
    sent: Sent | None
    reply: Reply


@dataclass(frozen=True)
class Recording:
    """What was exchanged about ``point`` by ``member`` with the account's ``values``."""

    point: AnchorPoint
    member: str
    values: dict[str, str]
    steps: tuple[Step, ...]


def decode_recording(data: bytes, place: str) -> Recording:
    """Decode a recording. Raises Misconfigured, naming the member and the rule."""
    try:
        value = decode_json_object(data, place=place, max_bytes=_MAX_RECORDING)
        members = exact_members(value, place, ("format", "member", "point", "steps", "values"))
        if members["format"] != RECORDING_FORMAT:
            raise InvalidEncoding(f"{place}.format", f"must be {RECORDING_FORMAT}")
        return Recording(
            AnchorPoint.from_json(members["point"], f"{place}.point"),
            read_match(members["member"], f"{place}.member", _MEMBER, "must be a member's id"),
            _read_texts(members["values"], f"{place}.values"),
            read_each(members["steps"], f"{place}.steps", _read_step, least=1, most=1000),
        )
    except InvalidInput as error:
        raise Misconfigured(str(error)) from error


def _read_texts(value: Any, place: str) -> dict[str, str]:
    return {
        name: read_text(text, f"{place}.{name[:64]}", least=0, most=1 << 20)
        for name, text in read_object(value, place).items()
    }


def _read_step(value: Any, place: str) -> Step:
    members = exact_members(value, place, ("answer", "request", "time"), ("sent",))
    if members["request"] not in ("submit", "poll"):
        raise InvalidEncoding(f"{place}.request", "must be submit or poll")
    answer = exact_members(members["answer"], f"{place}.answer", ("body", "headers", "status"))
    headers = _read_texts(answer["headers"], f"{place}.answer.headers")
    return Step(
        members["request"],
        read_integer(members["time"], f"{place}.time", least=1),
        _read_sent(members["sent"], f"{place}.sent") if "sent" in members else None,
        Reply(
            read_integer(answer["status"], f"{place}.answer.status", least=100, most=999),
            {name.lower(): text for name, text in headers.items()},
            _read_body(answer["body"], f"{place}.answer.body"),
        ),
    )


def _read_sent(value: Any, place: str) -> Sent:
    members = exact_members(value, place, ("body", "headers", "method", "path"))
    headers = _read_texts(members["headers"], f"{place}.headers")
    return Sent(
        read_text(members["method"], f"{place}.method", most=10),
        read_text(members["path"], f"{place}.path", most=65_536),
        tuple(headers.items()),
        _read_body(members["body"], f"{place}.body"),
    )


def _read_body(value: Any, place: str) -> bytes:
    return read_text(value, place, least=0, most=_MAX_BODY).encode("utf-8")


def encode_recording(recording: Recording) -> dict[str, Any]:
    """The recording as an object."""
    return {
        "format": RECORDING_FORMAT,
        "member": recording.member,
        "point": recording.point.to_json(),
        "steps": [_step_to_json(step) for step in recording.steps],
        "values": dict(recording.values),
    }


def _step_to_json(step: Step) -> dict[str, Any]:
    out: dict[str, Any] = {
        "answer": {
            "body": step.reply.body.decode("utf-8"),
            "headers": dict(step.reply.headers),
            "status": step.reply.status,
        },
        "request": step.request,
        "time": step.time,
    }
    if step.sent is not None:
        out["sent"] = {
            "body": step.sent.body.decode("utf-8"),
            "headers": dict(step.sent.headers),
            "method": step.sent.method,
            "path": step.sent.path,
        }
    return out
