"""Signed statuses of seals, ``evidence-seal-status/1``: published, proven, and soon stale.

A member's node says what status a seal has; the state map's proof, under headers that the
validators signed, shows that it is so. docs/spec/seal-status.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from node.core.bundle import Bundle, read_chain_parts
from node.core.compact_jws import CompactJws, decode_compact_jws
from node.core.encoding import decode_json_object, rfc3339
from node.core.errors import InvalidBundle, InvalidEncoding, InvalidInput, InvalidProof
from node.core.fields import exact_members, read_integer, read_match, read_object, read_text
from node.core.signatures import Backend
from node.core.statement_signer import active_member, signing_key
from node.core.transaction import MAX_SECONDS
from node.core.trust import Trust
from node.core.verify_case import Case
from node.core.verify_chain import (
    check_commits,
    check_form,
    check_headers,
    check_identity,
    check_state,
)

__all__ = [
    "MAX_SEAL_STATUS_BYTES",
    "SEAL_STATUS_FORMAT",
    "SEAL_STATUS_TYP",
    "STATUSES",
    "SealStatusStatement",
    "StaleStatus",
    "StatusListPlace",
    "derived_status",
    "verify_seal_status",
]

SEAL_STATUS_FORMAT = "evidence-seal-status/1"
SEAL_STATUS_TYP = "seal-status+jwt"
MAX_SEAL_STATUS_BYTES = 4 << 20
STATUSES = (
    "active",
    "cancelled",
    "created",
    "expired",
    "lost",
    "not_yet_valid",
    "revoked",
    "suspended",
)
_CLOCK_LEEWAY_MS = 30_000
_ES_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_CLAIMS = ("as_of", "cid", "exp", "iat", "iss", "next_update", "status", "status_version", "sub")
_VALIDITY = ("valid_from", "valid_to")


class StaleStatus(InvalidInput):
    """A status that was true once, and is too old to say anything of now."""


@dataclass(frozen=True)
class StatusListPlace:
    """Where a seal stands in the published lists (`node.core.status_list`)."""

    uri: str
    index: int


@dataclass(frozen=True)
class SealStatusStatement:
    """A status that was verified.

    ``status`` is that at the moment of the check: by the proven state, and the seal's validity.
    ``as_of_height`` and ``as_of_time`` (ms) are of the block whose state was proven;
    ``next_update`` and ``expires`` are ms.
    """

    es_id: str
    member: str
    status: str
    status_version: int
    valid_from: int
    valid_to: int
    as_of_height: int
    as_of_time: int
    issued_at: int
    next_update: int
    expires: int
    place: StatusListPlace | None


def derived_status(stored: str, valid_from: int, valid_to: int, time: int) -> str:
    """A seal's status at ``time`` (ms): as stored, or by its validity (docs/spec/state-map.md)."""
    if stored in ("active", "suspended") and time > valid_to:
        return "expired"
    return "not_yet_valid" if stored == "active" and time < valid_from else stored


def verify_seal_status(
    data: bytes, trust: Trust, *, es_id: str, now: int, max_age_ms: int, backend: Backend
) -> SealStatusStatement:
    """Check a signed status in one call: form, chain, validators, state, key, signature, age.

    Args:
        data: what a node gave out, believed in nothing.
        trust: the chain that is meant.
        es_id: the seal that was asked about.
        now: the checker's clock, ms.
        max_age_ms: how old the state may be that it is of.

    Raises:
        StaleStatus: it is true of a moment that is too long ago.
        InvalidInput: it is not of its format, or something in it does not hold.
    """
    value = decode_json_object(data, place="status", max_bytes=MAX_SEAL_STATUS_BYTES)
    exact_members(
        value, "status", ("as_of", "chain", "format", "predecessors", "state", "statement")
    )
    if value["format"] != SEAL_STATUS_FORMAT:
        raise InvalidBundle("status.format", f"must be {SEAL_STATUS_FORMAT}")
    statement = decode_compact_jws(
        read_text(value["statement"], "status.statement", most=8192),
        typ=SEAL_STATUS_TYP,
        place="status.statement",
        max_bytes=8192,
    )
    case = Case(trust, backend, bundle=_as_bundle(value))
    for check in (check_form, check_identity, check_commits, check_headers, check_state):
        check(case)
    told = _read_claims(statement, case)
    key = signing_key(case.state, statement.kid, told.member, told.as_of_height)
    active_member(case.state, told.member, told.as_of_height)
    statement.verify(key, backend)
    _check_seal(case, told, es_id)
    _check_age(told, now, max_age_ms)
    status = derived_status(_stored(case, es_id), told.valid_from, told.valid_to, now)
    return SealStatusStatement(**{**told.__dict__, "status": status})


def _as_bundle(value: dict[str, Any]) -> Bundle:
    """The parts that a status has in common with a bundle, as a bundle without entries."""
    chain, predecessors, state = read_chain_parts(value, "status")
    return Bundle(
        scope="record",
        as_of=read_integer(value["as_of"], "status.as_of", least=1),
        chain=chain,
        predecessors=predecessors,
        entries=(),
        state=state,
        consistency=(),
        anchors=(),
    )


def _read_claims(statement: CompactJws, case: Case) -> SealStatusStatement:
    place, claims = statement.place, statement.claims
    exact_members(claims, place, (*_CLAIMS, *_VALIDITY), ("status_list",))
    if claims["cid"] != case.trust.chain_id:
        raise InvalidProof(f"{place}.cid", "is of another chain")
    if claims["status"] not in STATUSES:
        raise InvalidEncoding(f"{place}.status", f"must be one of {', '.join(STATUSES)}")
    as_of = exact_members(claims["as_of"], f"{place}.as_of", ("height", "time"))
    height = read_integer(as_of["height"], f"{place}.as_of.height", least=1)
    if height != case.need_bundle().as_of:
        raise InvalidProof(f"{place}.as_of.height", "is not the height that is proven")
    seconds = {
        name: read_integer(claims[name], f"{place}.{name}", most=MAX_SECONDS) * 1000
        for name in ("exp", "iat", "next_update")
    }
    if not seconds["iat"] <= seconds["next_update"] <= seconds["exp"]:
        raise InvalidEncoding(f"{place}.next_update", "must be from iat to exp")
    return SealStatusStatement(
        es_id=read_match(claims["sub"], f"{place}.sub", _ES_ID, "must be a seal's id"),
        member=read_text(claims["iss"], f"{place}.iss", most=64),
        status=claims["status"],
        status_version=read_integer(claims["status_version"], f"{place}.status_version"),
        valid_from=read_integer(claims["valid_from"], f"{place}.valid_from"),
        valid_to=read_integer(claims["valid_to"], f"{place}.valid_to"),
        as_of_height=height,
        as_of_time=read_integer(as_of["time"], f"{place}.as_of.time"),
        issued_at=seconds["iat"],
        next_update=seconds["next_update"],
        expires=seconds["exp"],
        place=_read_place(claims, place),
    )


def _read_place(claims: dict[str, Any], place: str) -> StatusListPlace | None:
    if "status_list" not in claims:
        return None
    inside = f"{place}.status_list"
    value = exact_members(read_object(claims["status_list"], inside), inside, ("idx", "uri"))
    return StatusListPlace(
        read_text(value["uri"], f"{inside}.uri", most=2048),
        read_integer(value["idx"], f"{inside}.idx"),
    )


def _stored(case: Case, es_id: str) -> str:
    return str(case.need_state(f"seal/{es_id}").get("status"))


def _check_seal(case: Case, told: SealStatusStatement, es_id: str) -> None:
    """What the member says must be what the state map shows."""
    if told.es_id != es_id:
        raise InvalidProof("status.statement.sub", f"is of another seal than {es_id}")
    value = case.need_state(f"seal/{es_id}")
    shown = {name: value.get(name) for name in ("status_version", *_VALIDITY)}
    if shown != {name: getattr(told, name) for name in shown}:
        raise InvalidProof("status.statement", f"says of {es_id} what the state map does not show")
    derived = derived_status(_stored(case, es_id), told.valid_from, told.valid_to, told.issued_at)
    if told.status != derived:
        raise InvalidProof("status.statement.status", f"must be {derived} at its iat")
    time = case.headers[told.as_of_height + 1].time.milliseconds
    if told.as_of_time != time:
        raise InvalidProof("status.statement.as_of.time", f"must be {time}, that of the next block")


def _check_age(told: SealStatusStatement, now: int, max_age_ms: int) -> None:
    if told.issued_at > now + _CLOCK_LEEWAY_MS:
        raise StaleStatus("status.statement.iat", "is in the future: check the clock")
    if now >= told.expires:
        raise StaleStatus(
            "status.statement.exp", f"passed at {rfc3339(told.expires)}: ask for a new status"
        )
    if now - told.as_of_time > max_age_ms:
        raise StaleStatus(
            "status.as_of",
            f"the state is of {rfc3339(told.as_of_time)}, more than {max_age_ms // 1000} s ago",
        )
