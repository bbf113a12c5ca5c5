"""Forms of bundles, checks, and what a node says of itself."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from node.api.models.base import Form, Hash, Json, Member, Time

__all__ = [
    "Bundle",
    "Case",
    "EventTypeShown",
    "EventTypes",
    "NodeInfo",
    "Ready",
    "RejectionShown",
    "Rejections",
    "Statistics",
    "StepShown",
    "TrustFile",
    "Verification",
    "VerifierShown",
    "Verifiers",
]


class Bundle(BaseModel):
    """An evidence bundle; its format is described in docs/spec/bundle.md."""

    model_config = ConfigDict(extra="allow")
    format: Literal["evidence-bundle/1"]


class Case(BaseModel):
    """A bundle and, if wanted, a trust file; or a bundle file as it is."""

    model_config = ConfigDict(extra="allow")
    bundle: Json | str = {}
    trust: Json | str = {}


class StepShown(Form):
    """One check; ``part`` is 0, or counts the parts of a check of several things."""

    number: int
    part: int
    id: str
    title: str
    title_zh: str
    status: Literal["passed", "failed", "not checked"]
    text: str
    text_zh: str
    details: list[str]


class Verification(Form):
    """The verifier's steps; ``accepted`` when none failed."""

    accepted: bool
    trust: Literal["node", "given"]
    trust_fingerprint: Hash
    notice: str
    notice_zh: str
    backend: str
    steps: list[StepShown]


class VerifierShown(Form):
    """A verifier that runs anywhere, as one file."""

    name: str
    path: str
    sha256: Hash
    size: int


class Verifiers(Form):
    """Files that check evidence without any node."""

    verifiers: list[VerifierShown]


class TrustFile(BaseModel):
    """A trust file."""

    model_config = ConfigDict(extra="allow")
    format: Literal["evidence-trust/1"]
    chain_id: str
    genesis_hash: Hash


class NodeInfo(Form):
    """What a node says of itself."""

    software: str
    version: str
    chain_id: str
    genesis_hash: Hash
    rules_version: int
    trust_fingerprint: Hash
    member: Member
    audience: str = Field(description="What the tokens of signed requests to it must name as aud")
    verifier_key: str = Field(description="C2SP signed-note verifier key of its checkpoints")
    validators: int
    public_url: str
    height: int
    time: Time
    size: int
    root: Hash
    state_root: Hash
    alarms: list[str] = Field(description="An outside chain contradicts this ledger 外部链不一致")


class Statistics(Form):
    """Counts."""

    dossiers: dict[str, int]
    records: dict[str, int]
    refused: dict[str, int]
    height: int
    size: int


class RejectionShown(Form):
    """A reason for which a rule refuses a record."""

    code: int
    name: str
    text: str
    text_zh: str
    remembered: bool


class Rejections(Form):
    """The registry."""

    rejections: list[RejectionShown]


class EventTypeShown(Form):
    """A type of event; ``data`` is a JSON Schema."""

    type: str
    title_zh: str
    roles: list[str]
    kind: str
    opens: bool
    private: list[str]
    data: Json


class EventTypes(Form):
    """All of them."""

    event_types: list[EventTypeShown]


class Ready(Form):
    """Whether records are taken, and how far the chain is."""

    ready: bool
    reasons: list[str]
    height: int
    time: Time
    pending: int
    alarms: list[str] = Field(description="An outside chain contradicts this ledger 外部链不一致")
