"""The life cycle of a seal.

applied → created → active ⇄ suspended; active | suspended → lost → cancelled, or → active again;
active | suspended → revoked → cancelled; active | suspended → expired (by the clock) → cancelled.
"""

from __future__ import annotations

from collections.abc import Callable

from node.rules.judgement import Event, State, View, in_force, refuse

__all__ = ["APPLY", "TRANSITIONS", "shown_status", "status_at"]

Changes = list[tuple[str, State | None]]
Facts = dict[str, str | int]

TRANSITIONS = {
    "active": ("suspended", "lost", "revoked"),
    "suspended": ("active", "lost", "revoked"),
    "lost": ("active", "cancelled"),
    "revoked": ("cancelled",),
    "expired": ("cancelled",),
    "cancelled": (),
}


def status_at(seal: State, time: int) -> str:
    """The seal's status at ``time`` (ms): as stored, or expired by its ``valid_to``."""
    status: str = seal["status"]
    if status in ("active", "suspended") and time > seal["valid_to"]:
        return "expired"
    return status


def shown_status(seal: State, time: int) -> str:
    """`status_at` as it is told to people: an active seal may be ``not_yet_valid``."""
    status = status_at(seal, time)
    return "not_yet_valid" if status == "active" and time < seal["valid_from"] else status


def _covers(member: State, division: str) -> bool:
    return any(division.startswith(prefix) for prefix in member["divisions"])


def _need_division(member: State, dossier: State) -> None:
    if not _covers(member, dossier["division"]):
        raise refuse("other_division")


def _new(dossier: State) -> None:
    if dossier["count"]:
        raise refuse("dossier_exists")


def _apply_for(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _new(dossier)
    data = event.data
    maker = data.get("maker", event.iss)
    made_by = view.get("member/" + maker)
    if made_by is None or "seal_maker" not in in_force(made_by, view.height)["roles"]:
        raise refuse("maker_unknown")
    facts["status"] = "applied"
    opened = {
        **dossier,
        "division": data["division"],
        "maker": maker,
        "owner_kind": data["owner_kind"],
        "status": "applied",
        "status_version": 1,
    }
    if "owner_uscc" in data:
        opened["owner_uscc"] = data["owner_uscc"]
    return opened


def _new_seal(
    view: View, event: Event, dossier: State, status: str, version: int, owner: State
) -> State:
    """The state of a new seal, its es_id free and what it supersedes the same owner's."""
    data = event.data
    if data["valid_to"] <= data["valid_from"]:
        raise refuse("validity_reversed")
    if view.get("seal/" + data["es_id"]) is not None:
        raise refuse("seal_exists")
    seal: State = {
        "certificates": [],
        "code": dossier["code"],
        "dossier": event.sub,
        "ordinal": dossier["count"] + 1,
        "owner_kind": owner["owner_kind"],
        "status": status,
        "status_version": version,
        "valid_from": data["valid_from"],
        "valid_to": data["valid_to"],
    }
    if "owner_uscc" in owner:
        seal["owner_uscc"] = owner["owner_uscc"]
    if "supersedes" in data:
        old = view.get("seal/" + data["supersedes"])
        if (
            old is None
            or old["owner_kind"] != seal["owner_kind"]
            or old.get("owner_uscc") != seal.get("owner_uscc")
        ):
            raise refuse("supersedes_invalid")
        seal["supersedes"] = data["supersedes"]
    return seal


def _create(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    data = event.data
    if dossier["maker"] != event.iss:
        raise refuse("not_permitted")
    if dossier["status"] != "applied":
        raise refuse("wrong_status")
    if dossier["owner_kind"] == "person" and "seal_name" in data:
        raise refuse("private_in_clear")
    if dossier["owner_kind"] == "organisation" and "seal_name" not in data:
        raise refuse("malformed_data")
    version = dossier["status_version"] + 1
    seal = _new_seal(view, event, dossier, "created", version, dossier)
    changes.append(("seal/" + data["es_id"], seal))
    facts["status"], facts["status_version"] = "created", version
    return {
        **dossier,
        "es_id": data["es_id"],
        "status": "created",
        "status_version": version,
    }


def _take_filing(view: View, event: Event, changes: Changes) -> None:
    key = f"filing/{event.data['filing_unit_code']}|{event.data['filing_no']}"
    if view.get(key) is not None:
        raise refuse("filing_exists")
    changes.append((key, {"dossier": event.sub}))


def _set_status(view: View, dossier: State, status: str, changes: Changes, facts: Facts) -> State:
    """The dossier with a new status, and its seal's state beside it."""
    version = dossier["status_version"] + 1
    key = "seal/" + dossier["es_id"]
    seal = view.get(key)
    assert seal is not None
    changes.append(
        (
            key,
            {
                **seal,
                "ordinal": dossier["count"] + 1,
                "status": status,
                "status_version": version,
            },
        )
    )
    facts["status"], facts["status_version"] = status, version
    return {**dossier, "status": status, "status_version": version}


def _file(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_division(member, dossier)
    if dossier["status"] != "created":
        raise refuse("wrong_status")
    _take_filing(view, event, changes)
    return _set_status(view, dossier, "active", changes, facts)


def _change_status(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_division(member, dossier)
    if "es_id" not in dossier:
        raise refuse("wrong_status")
    seal = view.get("seal/" + dossier["es_id"])
    assert seal is not None
    before = status_at(seal, view.time)
    if event.data["to"] not in TRANSITIONS.get(before, ()):
        raise refuse("wrong_status")
    facts["from"] = before
    return _set_status(view, dossier, event.data["to"], changes, facts)


def _import(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _new(dossier)
    data = event.data
    if "seal_maker" not in member["roles"]:
        _need_division(member, data)
    seal = _new_seal(view, event, dossier, data["status"], 1, data)
    _take_filing(view, event, changes)
    changes.append(("seal/" + data["es_id"], seal))
    facts["imported"], facts["status"], facts["status_version"] = 1, data["status"], 1
    opened = {
        **dossier,
        "division": data["division"],
        "es_id": data["es_id"],
        "maker": event.iss,
        "owner_kind": data["owner_kind"],
        "status": data["status"],
        "status_version": 1,
    }
    if "owner_uscc" in data:
        opened["owner_uscc"] = data["owner_uscc"]
    return opened


def _renew_certificate(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_division(member, dossier)
    data = event.data
    if "es_id" not in dossier:
        raise refuse("wrong_status")
    key = "seal/" + dossier["es_id"]
    seal = view.get(key)
    assert seal is not None
    if status_at(seal, view.time) in ("revoked", "cancelled", "expired"):
        raise refuse("wrong_status")
    if data["valid_to"] <= data["valid_from"]:
        raise refuse("validity_reversed")
    known = seal["certificates"]
    if known and known[-1] != data["old_cert_sn"]:
        raise refuse("certificate_unknown")
    changes.append((key, {**seal, "certificates": [*known[-9:], data["new_cert_sn"]]}))
    facts["status"] = status_at(seal, view.time)
    return dict(dossier)


Apply = Callable[[View, Event, State, State, Changes, Facts], State]

APPLY: dict[str, Apply] = {
    "seal.applied": _apply_for,
    "seal.created": _create,
    "seal.filed": _file,
    "seal.status_changed": _change_status,
    "seal.imported": _import,
    "seal.certificate_renewed": _renew_certificate,
}
