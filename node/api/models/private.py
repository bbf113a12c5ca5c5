"""Forms of what is said of private fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from node.api.models.base import Code, Form, Hash, Time

__all__ = ["DecisionShown", "Disclosed", "Disclosures", "Erased", "Erasure", "ErasureRequest"]


class Disclosed(Form):
    """A private field; ``encoded`` is what its digest is over."""

    digest: str
    name: str
    value: Any
    encoded: str
    transaction: Hash


class DecisionShown(Form):
    """Why it was granted."""

    granted: bool
    reason: str
    text: str
    text_zh: str


class Erased(Form):
    """A private field that was erased here."""

    digest: str
    at: Time
    by: str


class Disclosures(Form):
    """Private fields of a dossier, and the codes of the records that say that they were handed
    out. ``elsewhere``: digests of fields that this node does not hold."""

    sub: str
    code: Code
    decision: DecisionShown
    disclosures: list[Disclosed]
    erased: list[Erased]
    elsewhere: list[str]
    records: list[Code]
    notice: str = ""
    notice_zh: str = ""


class ErasureRequest(Form):
    """What to erase and why. The reason goes on the chain: name nobody."""

    digests: Literal["all"] | list[Annotated[str, Field(min_length=43, max_length=43)]]
    reason: str = Field(min_length=1, max_length=200)
    case_no: str = Field("", min_length=1, max_length=100)


class Erasure(Form):
    """What was erased, and the codes of the records that say so. ``purged``: the bytes have left
    the files of the node's store too; if not, they do after the backup that is under way.
    ``certificates``: numbers of those whose copies here showed private fields, and are gone."""

    sub: str
    purged: bool
    certificates: list[str]
    erased: list[str]
    not_held: list[str]
    erased_before: list[str]
    key_erased: bool
    records: list[Code]
    notice: str = ""
    notice_zh: str = ""
