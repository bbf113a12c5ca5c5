"""Orders of certificates: what a request asks for, and the dossiers and records that it names."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from node.api.problems import Problem
from node.core.encoding import decode_json_object
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.evidence_code import parse_code, tidy_lookup
from node.core.fields import exact_members, read_each, read_text
from node.evidence.certificates.port import Language
from node.ledger.reader import LedgerReader
from node.rules.events import EVENTS
from node.rules.judgement import State
from node.rules.schema import Object

__all__ = ["MAX_ORDER_BYTES", "CertificateRequest", "Target", "find_targets", "read_request"]

MAX_ORDER_BYTES = 4 << 20
_MOST_CODES = 32
_MOST_PICTURES = 16
_MOST_PICTURE_BYTES = 1 << 20
_OPTIONAL = (
    *("codes", "subject", "case_no", "language", "disclosures", "seals", "pictures", "token"),
)


@dataclass(frozen=True)
class CertificateRequest:
    """A decoded request. ``pictures`` by their SHA-256 (hex)."""

    codes: tuple[str, ...]
    subject: str
    applicant: str
    purpose: str
    case_no: str
    language: Language
    disclosed: bool
    with_seals: bool
    token: str
    pictures: dict[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Target:
    """A dossier, or with ``ordinal`` one of its records; or the problem with what was asked for."""

    asked: str
    subject: str = ""
    code: str = ""
    ordinal: int | None = None
    state: State | None = None
    problem: Problem | None = None


def read_request(body: bytes) -> CertificateRequest:
    """Decode the body of a request.

    Raises:
        InvalidInput: names the place and the rule.
    """
    value = decode_json_object(body, place="body", max_bytes=MAX_ORDER_BYTES)
    exact_members(value, "body", ("applicant", "purpose"), _OPTIONAL)
    if ("codes" in value) == ("subject" in value):
        raise InvalidEncoding("body", "must have codes or subject, and not both")
    codes: tuple[str, ...] = ()
    if "codes" in value:
        codes = read_each(value["codes"], "body.codes", _read_code, least=1, most=_MOST_CODES)
        if len(set(codes)) != len(codes):
            raise InvalidEncoding("body.codes", "has one of them twice")
    return CertificateRequest(
        codes=codes,
        subject=_text(value, "subject", 120),
        applicant=_not_blank(_printable(value, "applicant", 200), "applicant"),
        purpose=_not_blank(_event_text(value, "certificate.issued", "purpose"), "purpose"),
        case_no=_event_text(value, "disclosure.released", "case_no"),
        language="en" if _choice(value, "language", ("zh", "en")) == "en" else "zh",
        disclosed=_choice(value, "disclosures", ("none", "all")) == "all",
        with_seals=_choice(value, "seals", ("none", "all")) == "all",
        token=_printable(value, "token", 128),
        pictures=_read_pictures(value.get("pictures", [])),
    )


def _read_code(value: Any, place: str) -> str:
    return tidy_lookup(read_text(value, place, most=64, least=1))


def _text(value: dict[str, Any], name: str, most: int) -> str:
    if name not in value:
        return ""
    return read_text(value[name], f"body.{name}", most=most, least=1)


def _printable(value: dict[str, Any], name: str, most: int) -> str:
    text = _text(value, name, most)
    if any(ord(one) < 32 or 127 <= ord(one) < 160 for one in text):
        raise InvalidEncoding(f"body.{name}", "must hold no control characters")
    return text


def _not_blank(text: str, name: str) -> str:
    """A certificate says who wants it and what for: neither is a line of blanks."""
    if not text.strip():
        raise InvalidEncoding(f"body.{name}", "must not be blank")
    return text


def _event_text(value: dict[str, Any], event: str, name: str) -> str:
    """A text that goes on the chain, and has the form that is asked there."""
    if name not in value:
        return ""
    form = EVENTS[event].data
    assert isinstance(form, Object)
    form.members[name].check(value[name], f"body.{name}")
    return str(value[name])


def _choice(value: dict[str, Any], name: str, choices: tuple[str, str]) -> str:
    chosen = value.get(name, choices[0])
    if chosen not in choices:
        raise InvalidEncoding(f"body.{name}", f"must be {' or '.join(choices)}")
    return str(chosen)


def _read_pictures(value: Any) -> dict[str, bytes]:
    pictures = read_each(value, "body.pictures", _read_picture, most=_MOST_PICTURES)
    return {hashlib.sha256(one).hexdigest(): one for one in pictures}


def _read_picture(value: Any, place: str) -> bytes:
    text = read_text(value, place, most=-(-_MOST_PICTURE_BYTES // 3) * 4, least=4)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding(place, "must be base64 of a picture") from error


def find_targets(reader: LedgerReader, request: CertificateRequest) -> list[Target]:
    """What a request names, in its order, and behind a case its seals where they are asked for.

    What cannot be found is a target with its problem: it spoils no other.
    """
    if request.subject:
        named = [_by_subject(reader, request.subject)]
    else:
        named = [_by_code(reader, code) for code in request.codes]
    found: dict[str, Target] = {}
    for target in named:
        found.setdefault(target.asked, target)
        if request.with_seals and target.problem is None:
            for seal in _seals_of(reader, target):
                found.setdefault(seal.asked, seal)
    return list(found.values())


def _by_subject(reader: LedgerReader, subject: str) -> Target:
    state = reader.state(f"dossier/{subject}") if subject.isascii() else None
    if state is None:
        text, text_zh = f"there is no dossier {subject}", f"没有卷宗 {subject}"
        return Target(subject, problem=Problem("not-found", text, text_zh))
    code = f"CZ{state['code']}"
    return Target(code, subject, code, state=state)


def _by_code(reader: LedgerReader, asked: str) -> Target:
    try:
        code = parse_code(asked)
    except InvalidInput as error:
        text_zh = f"{asked} 不是有效的存证编码，或有一位数字输错"
        return Target(asked, problem=Problem("malformed", f"{asked}: {error.rule}", text_zh))
    held = reader.state(f"code/{code.digits}")
    state = None if held is None else reader.state(f"dossier/{held['dossier']}")
    if held is None or state is None or (code.ordinal or 1) > state["count"]:
        text_zh = f"本账本中没有存证编码 {asked}"
        return Target(asked, problem=Problem("not-found", f"no record has {asked}", text_zh))
    return Target(asked, held["dossier"], str(code), code.ordinal, state)


def _seals_of(reader: LedgerReader, target: Target) -> Iterator[Target]:
    """The dossiers of the seals that a case's records name."""
    assert target.state is not None
    if target.state["kind"] != "case":
        return
    for es_id in _named_seals(reader, target):
        seal = reader.state(f"seal/{es_id}")
        if seal is not None:
            yield _by_subject(reader, seal["dossier"])


def _named_seals(reader: LedgerReader, target: Target) -> Iterable[str]:
    indexes = reader.dossier_indexes(target.subject)
    if target.ordinal is not None:
        indexes = indexes[target.ordinal - 1 : target.ordinal]
    named = (entry.transaction.data.get("es_id") for entry in reader.entries(indexes))
    return dict.fromkeys(one for one in named if isinstance(one, str))
