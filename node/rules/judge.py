"""The one way in: an event and a view of the state, to changes and facts, or a refusal.

The checks run in the order in which they stand in `judge`. What comes before `rules` there needs
only the issuer, what comes after also the dossier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.core.evidence_code import code_digits
from node.rules import cases, governance, records, seals
from node.rules.consortium_events import BY_RECOVERY_KEY
from node.rules.events import EVENTS, EventType
from node.rules.judgement import Accepted, Event, Refused, State, View, in_force, refuse
from node.rules.quick import accepts_data
from node.rules.rejections import rejection
from node.rules.schema import FieldError
from node.rules.validation import find_identity_number

__all__ = ["check_data", "check_public", "flaw_of", "judge"]

_APPLY = {**seals.APPLY, **cases.APPLY, **records.APPLY, **governance.APPLY}


def check_data(event_type: str, data: Any) -> None:
    """Check the form of an event's public fields, which needs no state.

    Raises:
        FieldError: names the place, the rule and the rejection.
    """
    event = EVENTS.get(event_type)
    if event is None:
        raise FieldError("payload.type", f"{event_type} is no event type", "unknown_type")
    event.data.check(data, "payload.data")


def check_public(payload: Mapping[str, Any]) -> None:
    """Check all that a checked payload says in public: its data, and no identity number anywhere.

    Raises:
        FieldError: names the place, the rule and the rejection.
    """
    check_data(payload["type"], payload["data"])
    source = payload["source"]["system"]
    for place, text in (
        ("sub", payload["sub"]),
        ("jti", payload["jti"]),
        ("source.system", source),
    ):
        if len(text) > 17 and find_identity_number(text):
            raise FieldError(
                f"payload.{place}",
                "holds an identity card number in clear",
                "personal_number_in_clear",
            )


def flaw_of(payload: Mapping[str, Any]) -> int:
    """The byte of the rejection that `check_public` finds, 0 if none."""
    if accepts_data(payload["type"], payload["data"]):
        texts = f"{payload['sub']} {payload['jti']} {payload['source']['system']}"
        if not find_identity_number(texts):
            return 0
    try:
        check_public(payload)
    except FieldError as error:
        return rejection(error.rejection)
    return 0


def judge(view: View, event: Event) -> Accepted:
    """Judge an event whose signature holds and whose (iss, jti) is new.

    Raises:
        Refused: with the byte of the registry.
    """
    member = _check_issuer(view, event)
    _check_times(view, event)
    if event.flaw:
        raise Refused(event.flaw)
    kind = EVENTS[event.type]
    if kind.roles.isdisjoint(member["roles"]):
        raise refuse("role_missing")
    dossier = view.get("dossier/" + event.sub)
    changes: list[tuple[str, State | None]] = []
    if dossier is None:
        dossier = _open_dossier(view, event, kind, changes)
    elif dossier["kind"] != kind.kind:
        raise refuse("wrong_kind")
    facts: dict[str, str | int] = {}
    lag = view.time - event.occurred_at
    if lag > view.late_after:
        facts["late"] = lag
    changed = _APPLY[event.type](view, event, member, dossier, changes, facts)
    changed["count"] = dossier["count"] + 1
    return Accepted(changed, changes, facts)


def _check_issuer(view: View, event: Event) -> State:
    if event.cid != view.chain_id:
        raise refuse("wrong_chain")
    member = view.issuers.get((event.kid, event.iss))
    return _find_issuer(view, event) if member is None else member


def _find_issuer(view: View, event: Event) -> State:
    """The issuer, an active member whose key is in force. Both change between blocks only."""
    key = view.get("key/" + event.kid)
    if key is None:
        raise refuse("unknown_key")
    if key["member"] != event.iss:
        raise refuse("foreign_key")
    if view.height < key["from"] or ("to" in key and view.height >= key["to"]):
        raise refuse("key_not_in_force")
    held = view.get("member/" + event.iss)
    member = None if held is None else in_force(held, view.height)
    if member is None or member["status"] != "active" or member["since"] > view.height:
        raise refuse("member_not_active")
    if "use" not in key:
        view.issuers[event.kid, event.iss] = member
    elif event.type not in BY_RECOVERY_KEY:
        raise refuse("recovery_key_only")
    return member


def _check_times(view: View, event: Event) -> None:
    if event.exp * 1000 <= view.time:
        raise refuse("expired")
    if event.iat * 1000 > view.latest:
        raise refuse("issued_in_future")
    if event.occurred_at > view.latest:
        raise refuse("occurred_in_future")


def _open_dossier(
    view: View, event: Event, kind: EventType, changes: list[tuple[str, State | None]]
) -> State:
    """A dossier without records, its code taken."""
    subject_kind, opener, _ = event.sub.split(":")
    if not kind.opens:
        raise refuse("dossier_unknown")
    if subject_kind != kind.kind:
        raise refuse("wrong_kind")
    if opener != event.iss:
        raise refuse("not_opener")
    counter = 0
    while view.get("code/" + (digits := code_digits(event.cid, event.id, counter))) is not None:
        counter += 1
    changes.append(("code/" + digits, {"dossier": event.sub}))
    return {
        "code": digits,
        "count": 0,
        "counter": counter,
        "kind": subject_kind,
        "opener": opener,
        "status": "",
        "status_version": 0,
    }
