"""What a consortium says of itself to a court: who runs the platform, with what, for whom.

A ledger proves who signed what and when. It does not prove who stands behind a platform, which
filings it has, or whose interests it serves, which article 17 of 《人民法院在线诉讼规则》 asks. The
members say that once, in a document that they sign with their ledger keys; certificates print it
and name who signed. docs/spec/consortium-description.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

from node.core.encoding import (
    canonical_json,
    decode_base64url,
    decode_canonical_json,
    encode_base64url,
)
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.fields import (
    exact_members,
    read_each,
    read_hash,
    read_integer,
    read_match,
    read_object,
    read_text,
)
from node.core.genesis import read_chain_id
from node.core.signatures import ALGORITHMS, Backend, PublicJwk

__all__ = [
    "CONSORTIUM_DESCRIPTION_FORMAT",
    "MAX_CONSORTIUM_DESCRIPTION_BYTES",
    "ConsortiumDescription",
    "DescriptionSignature",
    "KeyOf",
    "add_signature",
    "check_signers",
    "decode_consortium_description",
    "draft_consortium_description",
]

CONSORTIUM_DESCRIPTION_FORMAT = "evidence-consortium/1"
MAX_CONSORTIUM_DESCRIPTION_BYTES = 131_072
_MOST_MEMBERS = 150
_MOST_FILINGS = 50
_LONG = 4_000
_SHORT = 200
_MEMBER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}", re.ASCII)
_KID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_YES_NO = re.compile(r"yes|no", re.ASCII)  # this project's JSON has no true and false
_MOST_TIME = 253_402_300_799_999
_ES256 = ALGORITHMS["ES256"]
_BODY = ("chain_id", "environment", "format", "genesis_hash", "made_at", "members", "platform")
_PLATFORM = {
    "interest_statement": _LONG,
    "name": _SHORT,
    "operator": _SHORT,
    "qualification": _LONG,
}
_ENVIRONMENT = {"description": _LONG, "security": _LONG, "time_source": _LONG}

KeyOf = Callable[[str], Optional[Tuple[str, PublicJwk]]]
"""Given a kid: the member whose signing key it is now, and the key; None where it is nobody's."""


@dataclass(frozen=True)
class DescriptionSignature:
    """A member's signature (ES256, r‖s) by its ledger key ``kid``."""

    member: str
    kid: str
    signature: bytes


@dataclass(frozen=True)
class ConsortiumDescription:
    """A decoded description. ``body`` is all of it but the signatures, ``body_hash`` what they are
    over, ``document`` its canonical bytes."""

    document: bytes
    chain_id: str
    genesis_hash: bytes
    made_at: int
    body: dict[str, Any]
    signatures: tuple[DescriptionSignature, ...]

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of the canonical JSON of the body."""
        return hashlib.sha256(canonical_json(self.body)).digest()

    def to_json(self) -> dict[str, Any]:
        """The file's content."""
        return {**self.body, "signatures": [_signature_json(one) for one in self.signatures]}


def _signature_json(one: DescriptionSignature) -> dict[str, str]:
    return {
        "kid": one.kid,
        "member": one.member,
        "signature": encode_base64url(one.signature),
    }


def _signed_text(body_hash: bytes, member: str) -> bytes:
    """What a member signs. No JWT, vote, note or other file of this project begins like it."""
    return f"{CONSORTIUM_DESCRIPTION_FORMAT}\n{member}\n{body_hash.hex()}\n".encode("ascii")


def draft_consortium_description(body: dict[str, Any]) -> ConsortiumDescription:
    """The description with this body, unsigned.

    Raises:
        InvalidInput: names the place and the rule.
    """
    value = {**body, "format": CONSORTIUM_DESCRIPTION_FORMAT, "signatures": []}
    return decode_consortium_description(canonical_json(value))


def decode_consortium_description(document: bytes) -> ConsortiumDescription:
    """Decode a description. No signature is verified yet.

    Raises:
        InvalidInput: names the place and the rule.
    """
    place = "consortium"
    value = decode_canonical_json(document, place=place, max_bytes=MAX_CONSORTIUM_DESCRIPTION_BYTES)
    exact_members(value, place, (*_BODY, "signatures"))
    if value["format"] != CONSORTIUM_DESCRIPTION_FORMAT:
        raise InvalidEncoding(f"{place}.format", f"must be {CONSORTIUM_DESCRIPTION_FORMAT}")
    _check_texts(value["environment"], f"{place}.environment", _ENVIRONMENT)
    _check_platform(value["platform"], f"{place}.platform")
    _check_members(value["members"], f"{place}.members")
    signatures = read_each(
        value["signatures"], f"{place}.signatures", _read_signature, most=_MOST_MEMBERS
    )
    if len({one.member for one in signatures}) != len(signatures):
        raise InvalidEncoding(f"{place}.signatures", "has two of one member")
    return ConsortiumDescription(
        document=document,
        chain_id=read_chain_id(value["chain_id"], f"{place}.chain_id"),
        genesis_hash=read_hash(value["genesis_hash"], f"{place}.genesis_hash"),
        made_at=read_integer(value["made_at"], f"{place}.made_at", most=_MOST_TIME),
        body={name: item for name, item in value.items() if name != "signatures"},
        signatures=signatures,
    )


def _check_texts(value: Any, place: str, texts: dict[str, int]) -> None:
    exact_members(value, place, (), texts)
    for name, text in value.items():
        read_text(text, f"{place}.{name}", most=texts[name])


def _check_platform(value: Any, place: str) -> None:
    members = read_object(value, place)
    texts = {name: item for name, item in members.items() if name != "filings"}
    _check_texts(texts, place, _PLATFORM)
    read_each(members.get("filings", []), f"{place}.filings", _read_filing, most=_MOST_FILINGS)


def _read_filing(value: Any, place: str) -> None:
    exact_members(value, place, ("authority", "kind", "number"))
    for name in ("authority", "kind", "number"):
        read_text(value[name], f"{place}.{name}", most=_SHORT)


def _check_members(value: Any, place: str) -> None:
    ids = read_each(value, place, _read_member, most=_MOST_MEMBERS)
    if len(set(ids)) != len(ids):
        raise InvalidEncoding(place, "has two of one id")


def _read_member(value: Any, place: str) -> str:
    exact_members(
        value, place, ("id", "legal_name", "runs_node"), ("contact", "neutrality", "uscc")
    )
    read_text(value["legal_name"], f"{place}.legal_name", most=_SHORT)
    read_match(value["runs_node"], f"{place}.runs_node", _YES_NO, "must be yes or no")
    if "uscc" in value:
        rule = "must be a unified social credit code, 18 characters"
        read_match(value["uscc"], f"{place}.uscc", _USCC, rule)
    for name, most in (("contact", _SHORT), ("neutrality", _LONG)):
        if name in value:
            read_text(value[name], f"{place}.{name}", most=most)
    return read_match(value["id"], f"{place}.id", _MEMBER, "must be a member id")


def _read_signature(value: Any, place: str) -> DescriptionSignature:
    exact_members(value, place, ("kid", "member", "signature"))
    text = read_text(value["signature"], f"{place}.signature", least=86, most=86)
    return DescriptionSignature(
        read_match(value["member"], f"{place}.member", _MEMBER, "must be a member id"),
        read_match(value["kid"], f"{place}.kid", _KID, "must be a key's thumbprint"),
        decode_base64url(text, place=f"{place}.signature"),
    )


def add_signature(
    described: ConsortiumDescription, member: str, kid: str, sign: Callable[[bytes], bytes]
) -> ConsortiumDescription:
    """The description with the signature of ``member``, in the place of one that it had.

    Raises:
        InvalidInput: the member's id or the kid is none.
    """
    signed = DescriptionSignature(member, kid, sign(_signed_text(described.body_hash, member)))
    others = [one for one in described.signatures if one.member != member]
    ordered = sorted((*others, signed), key=lambda one: one.member)
    value = {**described.body, "signatures": [_signature_json(one) for one in ordered]}
    return decode_consortium_description(canonical_json(value))


def check_signers(
    described: ConsortiumDescription, key_of: KeyOf, backend: Backend
) -> tuple[str, ...]:
    """The members that have signed it, each with a key that is its own.

    Raises:
        InvalidSignature: a signature does not hold, or is by a key that is not that member's.
    """
    for one in described.signatures:
        place = f"consortium: signature of {one.member}"
        held = key_of(one.kid)
        if held is None or held[0] != one.member:
            raise InvalidSignature(place, f"{one.kid} is no signing key of that member")
        try:
            _ES256.check_form(one.signature)
            if _ES256.canonical(one.signature) != one.signature:
                raise InvalidSignature(place, "its s must be low")
            message = _signed_text(described.body_hash, one.member)
            _ES256.verify(held[1], message, one.signature, backend)
        except InvalidInput as error:
            raise InvalidSignature(place, error.rule) from error
    return tuple(one.member for one in described.signatures)
