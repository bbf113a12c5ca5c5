"""What the forms of answers share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AsOf",
    "Code",
    "Form",
    "Hash",
    "Json",
    "Member",
    "Problem",
    "Roots",
    "Shown",
    "StateAnswer",
    "Time",
]

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Code = Annotated[str, Field(pattern="^CZ[0-9]{13}(-[1-9][0-9]*)?$", description="存证编码")]
Time = Annotated[int, Field(description="Milliseconds since the Unix epoch, UTC")]
Json = dict[str, Any]


class Form(BaseModel):
    """An answer with these members and no others."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(extra="allow")
    type: str = Field(description="Stable: urn:evidence-ledger:problem:<name>")
    title: str
    title_zh: str
    status: int
    detail: str
    detail_zh: str
    instance: str = Field("", description="Names this occurrence in the node's log")
    place: str = Field("", description="Where the input is at fault")
    rule: str = Field("", description="What is asked there")
    code: int = Field(0, description="Of the registry of refusals")
    name: str = Field("", description="Of the registry of refusals, or of the access policy")
    height: int = Field(0, description="Of the block in which it was refused")
    retry_after: int = Field(0, description="Seconds")


class Member(Form):
    """A member of the consortium."""

    id: str
    name: str


class AsOf(Form):
    """The moment of which an answer speaks; after ``next_update`` ask again."""

    height: int
    time: Time
    next_update: Time


class Roots(Form):
    """Log and state map after the block at ``height``."""

    height: int
    size: int
    root: Hash
    state_root: Hash


class Shown(Form):
    """What shows roots: the next header, whose app_hash is of them, its commit, who signed."""

    roots: Roots
    header: Json
    commit: Json
    validators: list[Json]


class StateAnswer(Shown):
    """A key of the state map, or its absence, after the block at ``as_of``."""

    as_of: int
    proof: Json
