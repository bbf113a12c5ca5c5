"""Forms of receipts, records, dossiers and look-ups."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from node.api.models.base import AsOf, Code, Form, Hash, Json, Member, Shown, StateAnswer, Time

__all__ = [
    "Document",
    "Dossier",
    "DossierHead",
    "FoundDossier",
    "InclusionShown",
    "Lookup",
    "Pending",
    "Receipt",
    "Record",
    "RecordedTransaction",
    "RefusedTransaction",
    "Transaction",
]


class Pending(Form):
    """On the node's disk, not on the chain yet."""

    status: Literal["pending"]
    id: Hash
    chain_id: str
    lowered: bool = Field(False, description="The signature's s was high and was turned low")
    notice: str = ""
    notice_zh: str = ""


class Receipt(Form):
    """A record's place on the chain. It came into the log between ``time`` and ``proven_time``."""

    status: Literal["recorded"]
    id: Hash
    chain_id: str
    code: Code
    index: int
    height: int
    time: Time
    proven_time: Time
    leaf_hash: Hash
    lowered: bool = Field(False, description="The signature's s was high and was turned low")
    notice: str = ""
    notice_zh: str = ""


class InclusionShown(Shown):
    """An entry in the log after its block."""

    index: int
    size: int
    leaf_hash: Hash
    path: list[Hash]


class RecordedTransaction(Receipt):
    """It is in the log."""

    inclusion: InclusionShown


class RefusedTransaction(Form):
    """A rule refused it. ``state``: while the state map remembers it."""

    status: Literal["refused"]
    id: Hash
    chain_id: str
    code: int
    name: str
    text: str
    text_zh: str
    height: int
    state: StateAnswer | None = None


class Record(BaseModel):
    """A record: masked as listed; members also get ``data``, ``source``, ``kid``, ``digests`` and
    the ``entry`` itself."""

    model_config = ConfigDict(extra="forbid")
    code: Code
    type: str
    title_zh: str
    member: Member
    occurred_at: Time
    collected_at: int | None
    submitted_at: Time
    time: Time
    proven_time: Time
    height: int
    index: int
    facts: dict[str, str | int]
    documents: list[Hash]
    private_fields: int
    id: Hash
    leaf_hash: Hash
    sub: str = ""
    data: Json = {}
    source: dict[str, str] = {}
    kid: str = ""
    digests: list[str] = []
    entry: str = ""


class DossierHead(BaseModel):
    """What stands at the head of a dossier."""

    model_config = ConfigDict(extra="forbid")
    code: Code
    sub: str
    kind: Literal["anchor", "case", "consortium", "record", "seal"]
    kind_zh: str
    opener: Member
    records: int
    status: str
    status_zh: str
    status_version: int
    head: Hash = Field(description="Leaf hash of the last record")


class Dossier(DossierHead):
    """A dossier. ``about``: records of other dossiers about this one; for members."""

    masked: bool
    entries: list[Record]
    as_of: AsOf
    about: list[Record] = []


class FoundDossier(DossierHead):
    """A dossier that a look-up found, by what, and by which record."""

    matched: str
    record: Code


class Lookup(Form):
    """What a look-up came to."""

    query: str
    outcome: Literal["found", "not_found", "mistyped", "unknown_code", "unknown_record"]
    text: str
    text_zh: str
    dossiers: list[FoundDossier]
    as_of: AsOf


class Document(Form):
    """Records that name a document."""

    sha256: Hash
    entries: list[Record]
    as_of: AsOf


Transaction = RecordedTransaction | RefusedTransaction | Pending
