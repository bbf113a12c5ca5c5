"""What the rules are given and what they give back."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from node.rules.rejections import rejection

__all__ = ["Accepted", "Event", "Misbehaviour", "Refused", "State", "View", "in_force", "refuse"]

State = dict[str, Any]
"""A value of the state map: never changed in place."""


class Event(NamedTuple):
    """What the rules see of a transaction. ``iat``, ``exp`` in seconds, ``occurred_at`` in ms."""

    id: bytes
    cid: str
    iss: str
    jti: str
    kid: str
    iat: int
    exp: int
    type: str
    sub: str
    occurred_at: int
    data: dict[str, Any]
    flaw: int = 0
    """The rejection that the form of ``data`` earns, found where the transaction was decoded."""


class Accepted(NamedTuple):
    """An event that is recorded: its dossier's new value, other changed keys, and what was found.

    The ledger completes the dossier with its last leaf hash and index.
    """

    dossier: State
    changes: list[tuple[str, State | None]]
    facts: dict[str, str | int]


class Misbehaviour(NamedTuple):
    """What a block shows of a validator: that it signed two blocks, or a false header.

    ``kind`` is ``duplicate_vote`` or ``light_client_attack``; ``height`` and ``time`` (ms) are
    those of the deed, ``power`` what it had then of ``total_power``.
    """

    kind: str
    address: bytes
    power: int
    height: int
    time: int
    total_power: int

    def state(self, shown_at: int) -> tuple[str, State]:
        """The key of the state map where it is kept, and its value."""
        return (
            f"misbehaviour/{self.address.hex()}/{self.height}",
            {
                "kind": self.kind,
                "power": self.power,
                "shown_at": shown_at,
                "time": self.time,
                "total_power": self.total_power,
            },
        )


class Refused(Exception):
    """The rules refuse an event. ``code`` is the byte of the registry."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def refuse(name: str) -> Refused:
    """The refusal called ``name``, to be raised."""
    return Refused(rejection(name))


class View(Protocol):
    """What the rules may know: the block's height and time (ms), the state before this event."""

    height: int
    time: int
    chain_id: str
    latest: int
    """The latest time (ms) that an event may claim: the block's, and the clocks' tolerance."""
    late_after: int
    """How long after it occurred, in ms, an event counts as late."""
    issuers: dict[tuple[str, str], State]
    """Members whose key (kid, iss) was found in force in this block: a note that the rules keep."""

    def get(self, key: str) -> State | None:
        """The value of a key of the state map."""

    def parameter(self, name: str) -> Any:
        """A parameter's value in force."""

    def log_root(self, size: int) -> bytes | None:
        """Root of the log's first ``size`` entries as of the block before, None if it had fewer."""


def in_force(value: State, height: int) -> State:
    """A value of the state map as it is in force at ``height``.

    Changes that were voted are written down at once, beside what holds until their height: ``next``
    has, for each field that changes, the height ``from`` which it has another ``value``.
    """
    coming = value.get("next")
    if coming is None:
        return value
    settled = {name: member for name, member in value.items() if name != "next"}
    for name, item in coming.items():
        if item["from"] <= height:
            settled[name] = item["value"]
    return settled
