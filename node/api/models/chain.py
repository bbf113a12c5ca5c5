"""Forms of seal statuses, blocks and proofs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from node.api.models.base import AsOf, Form, Hash, Json, StateAnswer, Time
from node.api.models.records import Record

__all__ = [
    "Block",
    "BlockSummary",
    "Blocks",
    "Consistency",
    "EngineAnswer",
    "EngineCall",
    "Inclusion",
    "Result",
    "SealStatus",
    "SignedSealStatus",
    "StatusLists",
]


class SealStatus(Form):
    """A seal's status at ``at``; "unknown" before its first record. ``now`` proves its state."""

    es_id: str
    at: Time
    status: str
    status_zh: str
    derived: bool = Field(description="Expired or not yet valid by its validity, not by a record")
    valid_from: Time
    valid_to: Time
    dossier: str
    set_by: Record | None
    as_of: AsOf
    now: StateAnswer


class SignedSealStatus(Form):
    """A seal's status, signed by the node's operator, with what proves it."""

    as_of: int
    chain: Json
    format: Literal["evidence-seal-status/1"]
    predecessors: list[Json]
    state: list[Json]
    statement: str = Field(description="A JWT of the type seal-status+jwt")


class StatusLists(Form):
    """The addresses of the lists of all seals' statuses."""

    lists: list[str]
    seals_each: int


class BlockSummary(BaseModel):
    """A block, and log and state after it."""

    model_config = ConfigDict(extra="forbid")
    height: int
    time: Time
    transactions: int
    recorded: int
    refused: int
    size: int
    root: Hash
    state_root: Hash
    app_hash: Hash


class Blocks(Form):
    """Blocks, newest first."""

    blocks: list[BlockSummary]


class Result(Form):
    """What became of a transaction: 0, or a code of the registry of refusals."""

    code: int
    name: str


class Block(BlockSummary):
    """A block whole. Its app_hash stands in the next block's header."""

    first_index: int
    results: list[Result]
    header: Json | None
    commit: Json | None
    validators: list[Json] | None


class Inclusion(Form):
    """Audit path (RFC 9162 §2.1.3)."""

    index: int
    size: int
    path: list[Hash]
    leaf_hash: Hash
    root: Hash


class Consistency(Form):
    """Consistency proof (RFC 9162 §2.1.4)."""

    first: int
    second: int
    proof: list[Hash]
    first_root: Hash
    second_root: Hash


class EngineCall(Form):
    """A JSON-RPC 2.0 request, of one of the few methods that are offered."""

    jsonrpc: Literal["2.0"]
    id: int | str
    method: Literal["commit", "consensus_params", "status", "validators"]
    params: dict[str, Annotated[str, Field(pattern="^[0-9]{1,15}$")]] = Field(
        default={}, description="height; of validators also page and per_page, at most 100"
    )


class EngineAnswer(BaseModel):
    """A JSON-RPC 2.0 response: a result, or an error."""

    model_config = ConfigDict(extra="forbid")
    jsonrpc: Literal["2.0"]
    id: int | str
    result: Json | None = None
    error: Json | None = None
