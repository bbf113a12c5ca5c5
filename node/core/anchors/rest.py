"""Receipts of REST services: the text that the service signed, and its signature
(docs/spec/anchor-rest.md).

A receipt holds nothing of the answer but what its signature covers. Where only someone who shares a
secret with the service could check it, the receipt is kept and said to be not checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from node.core.anchors.canonical_string import DIGESTS, point_values, read_time, split_parts
from node.core.anchors.der import SEQUENCE, decode_der
from node.core.anchors.foreign_json import decode_foreign_json, text_at
from node.core.anchors.key_forms import raw_signature, read_text_form
from node.core.anchors.point import AnchorPoint
from node.core.anchors.public_keys import SignatureAlgorithm, decode_public_key, verify_signature
from node.core.anchors.rest_entry import (
    PUBLIC_ALGORITHMS,
    ServiceEntry,
    SignedText,
    decode_service_entry,
)
from node.core.anchors.sm2 import verify_sm2
from node.core.anchors.sm3 import sm3
from node.core.anchors.vouching import Vouched
from node.core.errors import InvalidInput, InvalidProof, InvalidSignature
from node.core.fields import exact_members, read_object, read_text
from node.core.signatures import Backend, PublicJwk
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = [
    "MAX_SIGNED",
    "Statement",
    "check_statement",
    "read_fields",
    "verify_rest",
    "verify_service_signature",
]

_RSA = SignatureAlgorithm("rsa-pkcs1", "sha256")
MAX_SIGNED = 65_536
"""Characters of a signed text or of a kept answer."""


@dataclass(frozen=True)
class Statement:
    """What a service said and signed: the point was there at ``time`` (ms), as its ``serial``."""

    time: int
    serial: str
    fields: dict[str, str]


def verify_rest(
    receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
) -> Vouched:
    """Check a receipt of kind ``rest``. See `VerifyReceipt`.

    1. Its form; which entry of the trust file is the service's.
    2. The signature over the text, under the key of that entry.
    3. The text, taken apart by that entry's rule: the point's digest, the expected values, a time.
    """
    signed = "signed" in read_object(receipt, place)
    held = "signed" if signed else "answer"
    members = exact_members(
        receipt, place, ("service", held, "signature") if signed else ("service", held)
    )
    name = read_text(members["service"], f"{place}.service", most=40)
    text = read_text(members[held], f"{place}.{held}", most=MAX_SIGNED)
    signature = read_text(members["signature"], f"{place}.signature", most=2048) if signed else ""
    entry = _entry_of(name, trust)
    if entry.algorithm not in PUBLIC_ALGORITHMS:
        _check_names_point(text, point, place)
        raise _not_checked(entry)
    if not signed:
        raise InvalidProof(f"{place}.signed", f"is missing: {name} signs its answers")
    verify_service_signature(entry, text, signature, backend, f"{place}.signature")
    assert entry.text is not None  # of a public algorithm
    statement = check_statement(entry.text, text, point, f"{place}.signed")
    return _vouched(entry, statement)


def _entry_of(name: str, trust: Trust) -> ServiceEntry:
    """The service's entry in the trust file."""
    for entry in trust.entries("rest", decode_service_entry):
        if entry.name == name:
            return entry
    raise NotChecked(
        "the trust file names no REST service like the one of this receipt",
        "信任文件中没有该回执所属的 REST 存证服务",
    )


def _check_names_point(text: str, point: AnchorPoint, place: str) -> None:
    values = point_values(point)
    if not any(values[name] in text for name in DIGESTS):
        raise InvalidProof(place, "does not hold this point's digest")


def _not_checked(entry: ServiceEntry) -> NotChecked:
    if entry.algorithm == "none":
        return NotChecked(
            f"{entry.operator} does not sign its answers: ask it for the record",
            f"{entry.operator} 的应答没有签名，须向其核实存证记录",
        )
    return NotChecked(
        f"signed with {entry.algorithm}: only who shares the secret with {entry.operator} "
        "can check it",
        f"签名算法为 {entry.algorithm}，只有与 {entry.operator} 共享密钥者才能核验",
    )


def verify_service_signature(
    entry: ServiceEntry, text: str, signature: str, backend: Backend, place: str
) -> None:
    """Check the signature of a service over a text.

    Raises:
        InvalidInput: malformed, not canonically written, or it does not hold.
    """
    message = text.encode("utf-8")
    if entry.hashed:
        hashed = sm3(message) if entry.hashed == "sm3" else hashlib.sha256(message).digest()
        message = hashed.hex().encode("ascii")
    raw = read_text_form(signature, entry.encoding, place=place)
    if entry.form == "der":
        raw = raw_signature(raw, place=place)
    try:
        if entry.algorithm == "sm2-sm3":
            verify_sm2(entry.key, message, raw, user_id=entry.user_id)
        elif entry.algorithm == "rsa-pkcs1-sha256":
            key = decode_public_key(decode_der(entry.key, "public key", SEQUENCE))
            verify_signature(key, _RSA, message, raw, backend, place)
        else:
            backend.verify_es256(PublicJwk(entry.key[:32], entry.key[32:]), message, raw)
    except InvalidInput as error:
        raise InvalidSignature(place, error.rule) from error


def read_fields(rule: SignedText, text: str, place: str) -> dict[str, str]:
    """The fields of a signed text. Raises InvalidInput where it is not of the rule's form."""
    if rule.parts:
        return split_parts(rule.parts, rule.separator, text, place=place)
    document = decode_foreign_json(text, place=place)
    return {
        name: text_at(document, pointer, place=f"{place}, {name}")
        for name, pointer in rule.pointers.items()
    }


def check_statement(rule: SignedText, text: str, point: AnchorPoint, place: str) -> Statement:
    """Check what a signed text says: this point's digest, the values expected, a time.

    Raises:
        InvalidInput: it says something else.
    """
    fields = read_fields(rule, text, place)
    if fields[rule.digest_field] != point_values(point)[rule.digest_is]:
        raise InvalidProof(f"{place}, {rule.digest_field}", "is not this point's digest")
    for name, allowed in rule.expects.items():
        if fields[name] not in allowed:
            raise InvalidProof(
                f"{place}, {name}",
                f"must be {' or '.join(allowed)}",
                f"须为 {' 或 '.join(allowed)}",
            )
    time = read_time(fields[rule.time_field], rule.time_form, place=f"{place}, {rule.time_field}")
    serial = "" if rule.serial_field is None else fields[rule.serial_field]
    return Statement(time, serial, fields)


def _vouched(entry: ServiceEntry, statement: Statement) -> Vouched:
    kind = entry.algorithm.partition("-")[0].upper()
    where = f"{entry.name} {statement.serial}".strip()
    return Vouched(
        by=entry.operator,
        time=statement.time,
        where="".join(c if c.isprintable() else "?" for c in where[:200]),
        how=f"its {kind} signature over this point's digest and the time holds; that its clock was "
        "right and that it still keeps the record is its own word",
        how_zh=f"其对锚定点摘要与时间的 {kind} 签名有效；"
        "其时钟是否准确、记录是否仍在，以该机构自身陈述为准",
    )
