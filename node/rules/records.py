"""Records without a life cycle: imported ones, disclosures, certificates, anchors."""

from __future__ import annotations

from collections.abc import Callable

from node.core.evidence_code import check_digit
from node.rules.anchor_points import ANCHOR_RECORDS
from node.rules.judgement import Event, State, View, refuse

__all__ = ["APPLY"]

Changes = list[tuple[str, State | None]]
Facts = dict[str, str | int]


def _need_opener(event: Event, dossier: State) -> None:
    if event.iss != dossier["opener"]:
        raise refuse("not_permitted")


def _import(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    if dossier["count"]:
        raise refuse("dossier_exists")
    facts["imported"] = 1
    return {**dossier, "status": "imported", "status_version": 1}


def _about_code(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    """An event about a recorded code, which must exist: a disclosure, an erasure, a certificate."""
    _need_opener(event, dossier)
    facts["about"] = _need_code(view, event.data["code"])
    return {**dossier, "status": "recorded"}


def _need_code(view: View, code: str) -> str:
    """The dossier that ``code`` names; with an ordinal, that record must exist too."""
    digits, _, ordinal = code[2:].partition("-")
    held = view.get("code/" + digits) if check_digit(digits[:12]) == digits[12] else None
    if held is None:
        raise refuse("code_unknown")
    subject: str = held["dossier"]
    about = view.get("dossier/" + subject)
    if about is None or (ordinal and int(ordinal) > about["count"]):
        raise refuse("code_unknown")
    return subject


def _confirm_anchor(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_opener(event, dossier)
    root = view.log_root(event.data["size"])
    if root is None or root.hex() != event.data["root"]:
        raise refuse("anchor_unknown")
    records = view.get(ANCHOR_RECORDS)
    changes.append((ANCHOR_RECORDS, {"count": 1 if records is None else records["count"] + 1}))
    return {**dossier, "status": "recorded"}


Apply = Callable[[View, Event, State, State, Changes, Facts], State]

APPLY: dict[str, Apply] = {
    "record.imported": _import,
    "disclosure.released": _about_code,
    "disclosure.erased": _about_code,
    "certificate.issued": _about_code,
    "anchor.confirmed": _confirm_anchor,
}
