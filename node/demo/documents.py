"""The demonstration's contract: its facts, its typesetting, and the names of its revisions.

``seal_pdf``, ``validate_sealed`` and ``verify_sealed`` are offered here too, so that one module
shows the way of a document: typeset, sealed by one party after the other, validated.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.hazmat.primitives.hashes import SM3, Hash

from node.core.errors import InvalidInput
from node.demo.sealing import SealedPdf, seal_pdf
from node.demo.signature_status import SignatureStatus, validate_sealed, verify_sealed
from node.evidence.imprints.typeface import sans, serif
from node.evidence.imprints.typesetting import query_values, template_source, typeset_pdf

__all__ = [
    "ContractFacts",
    "DocumentName",
    "NaturalPerson",
    "Organisation",
    "SealPlace",
    "SealedPdf",
    "SignatureStatus",
    "name_document",
    "running_example",
    "seal_pdf",
    "seal_places",
    "typeset_contract",
    "validate_sealed",
    "verify_sealed",
]

_TEMPLATE = template_source("node.demo", "contract.typ")
_SEAL_LABEL = "seal-place"
_SET_IN_SANS = ("facts.title", "facts.sign_no")  # title and running head; the rest is in serif
_A4_HEIGHT_POINTS = 297 / 25.4 * 72
_POINTS_A_MILLIMETRE = 72 / 25.4
_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class NaturalPerson:
    """A person as a page may show one: name and identity number masked."""

    name: str
    id_no: str


@dataclass(frozen=True)
class Organisation:
    """A party, its legal representative (masked name), and the ``agent`` who seals for it."""

    name: str
    uscc: str
    address: str
    representative: str
    agent: NaturalPerson


@dataclass(frozen=True)
class ContractFacts:
    """What the contract says. ``amount`` is in yuan, ``created_at`` has a time zone."""

    title: str
    document_name: str
    sign_no: str
    party_a: Organisation
    party_b: Organisation
    platform: str
    amount: str
    amount_in_words: str
    created_at: datetime


@dataclass(frozen=True)
class SealPlace:
    """Where a seal goes: page from 0, box (left, bottom, right, top) in points from below left."""

    page: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class DocumentName:
    """How a transaction names a document: by its hashes (lower-case hex), size and media type."""

    sha256: str
    sm3: str
    size: int
    media_type: str

    def to_json(self) -> dict[str, str | int]:
        """The object that stands in ``documents[]`` of an event."""
        return dataclasses.asdict(self)


def name_document(data: bytes, media_type: str = "application/pdf") -> DocumentName:
    """The name of the document ``data``, SM3 as in GB/T 32905."""
    sm3 = Hash(SM3())
    sm3.update(data)
    return DocumentName(
        sha256=hashlib.sha256(data).hexdigest(),
        sm3=sm3.finalize().hex(),
        size=len(data),
        media_type=media_type,
    )


def running_example(created_at: datetime) -> ContractFacts:
    """The case that the documentation follows, with made-up parties and a masked agent."""
    return ContractFacts(
        title="电子印章应用技术服务合同",
        document_name="待盖章文件",
        sign_no="QY812163472634127040-1",
        party_a=Organisation(
            name="东营演示科技有限公司",
            uscc="91370500MA0DEM0A77",
            address="山东省东营市东营区演示路 1 号",
            representative="张**",
            agent=NaturalPerson(name="南**", id_no="120105*******061X"),
        ),
        party_b=Organisation(
            name="天津河西演示信息服务有限公司",
            uscc="91120103MA0DEM0B5N",
            address="天津市河西区演示道 2 号",
            representative="李**",
            agent=NaturalPerson(name="王**", id_no="120103*******2047"),
        ),
        platform="安云印电子印章平台",
        amount="128,000.00",
        amount_in_words="壹拾贰万捌仟元整",
        created_at=created_at,
    )


def typeset_contract(facts: ContractFacts) -> bytes:
    """Typeset the contract: PDF/A-3b, A4, the same bytes for the same facts.

    Raises:
        InvalidInput: a fact is empty, holds a character that the typefaces lack, or has no time
            zone.
    """
    return typeset_pdf(_TEMPLATE, _inputs(facts), created_at=_in_beijing(facts.created_at))


def seal_places(facts: ContractFacts, *, size_mm: int = 40) -> dict[str, SealPlace]:
    """Where the seals of ``party_a`` and ``party_b`` go, for seals ``size_mm`` across.

    Raises:
        InvalidInput: as ``typeset_contract``.
    """
    size = math.ceil(size_mm * _POINTS_A_MILLIMETRE)
    places = {}
    for found in query_values(_TEMPLATE, _SEAL_LABEL, _inputs(facts)):
        left = round(found["x"] - size / 2)
        bottom = round(_A4_HEIGHT_POINTS - found["y"] - size / 2)
        places[found["party"]] = SealPlace(
            found["page"] - 1, (left, bottom, left + size, bottom + size)
        )
    return places


def _inputs(facts: ContractFacts) -> dict[str, str]:
    shown = dataclasses.asdict(facts)
    created_at = _in_beijing(shown.pop("created_at"))
    for place, text in _texts(shown, "facts"):
        if not text:
            raise InvalidInput(place, "must not be empty")
        if place != "facts.title":
            serif().require_glyphs(text, place=place)
        if place in _SET_IN_SANS:
            sans().require_glyphs(text, place=place)
    shown["signed_on"] = f"{created_at.year} 年 {created_at.month} 月 {created_at.day} 日"
    return {"facts": json.dumps(shown, ensure_ascii=False)}


def _texts(value: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Every string within ``value`` and where it stands."""
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _texts(inner, f"{place}.{name}")
        else:
            yield f"{place}.{name}", inner


def _in_beijing(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise InvalidInput("facts.created_at", "must have a time zone")
    return moment.astimezone(_BEIJING).replace(microsecond=0)
