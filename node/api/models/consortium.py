"""Forms of the consortium's members, validators, parameters and proposals."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from node.api.models.base import AsOf, Code, Form, Json, Member, Time

__all__ = ["Consortium", "Proposal", "Proposals"]


class Consortium(Form):
    """Who and what is in force at ``as_of``; values are those of the state map."""

    chain_id: str
    members: list[Json]
    validators: list[Json]
    parameters: dict[str, Json]
    voting_members: list[str] = Field(description="One vote each")
    as_of: AsOf


class Proposal(Form):
    """A change that members vote on. ``status`` is open, approved, rejected, withdrawn, void (it
    could no longer be made when it was approved) or closed (its time ran out)."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    sub: str
    code: Code
    proposer: Member
    status: str
    status_zh: str
    change: Json
    closes_at: Time
    votes: dict[str, str]
    waiting_for: list[str]
    from_: int = Field(0, alias="from", description="The height that the proposer asked for")
    in_force_from: int = Field(0, description="The height from which it holds")


class Proposals(Form):
    """Proposals, oldest first."""

    proposals: list[Proposal]
    as_of: AsOf
