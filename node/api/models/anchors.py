"""Forms of anchor points and of how a node's anchors stand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from node.api.models.base import Form, Hash, Json, Time

__all__ = ["AdapterShown", "AlarmShown", "Anchored", "Anchors", "PointShown", "ReceiptShown"]


class PointShown(Form):
    """An anchor point. ``digest`` is the SHA-256 of ``point`` in canonical JSON: what outside
    chains hold."""

    point: Json
    digest: Hash


class ReceiptShown(Form):
    """A receipt that this node keeps, of whom, of which outside chain."""

    hash: Hash
    kind: str
    chain: str
    member: str


class Anchored(PointShown):
    """An anchor point and what vouches for it."""

    receipts: list[ReceiptShown]


class Newest(Form):
    """The newest anchor that is final: ``time`` by the outside chain, ``ended_at`` by the node."""

    size: int
    time: Time
    ended_at: Time


class Lag(Form):
    """Points that are not final yet, and the seconds since the oldest of them came."""

    points: int
    seconds: int


class AdapterShown(Form):
    """One way to one outside chain."""

    name: str
    kind: str
    chain: str
    operator: str
    configured: bool
    state: Literal["up to date", "working", "unreachable", "stopped", "conflict", "not configured"]
    breaker: Literal["", "closed", "open", "half-open"]
    jobs: dict[str, int]
    lag: Lag
    newest: Newest | None


class AlarmShown(Form):
    """An outside chain holds something else than this ledger, or denies what it confirmed."""

    kind: Literal["anchor-conflict"]
    adapter: str
    chain: str
    text: str
    at: Time


class Anchors(Form):
    """Points, newest first; adapters; alarms, of which there should be none."""

    points: list[PointShown]
    adapters: list[AdapterShown]
    alarms: list[AlarmShown] = Field(description="联盟账本与外部链不一致")
