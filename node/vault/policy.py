"""Who may see the personal data of a dossier. Pure: the ledger's state in, a decision out.

Whether the viewer is who it says, is not suspended, and whether the dossier exists, is decided
before; that every decision is logged, granted or refused, is the caller's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Decision", "Purpose", "Viewer", "decide"]

_TEXTS = {
    "opener": (
        "申请人为该卷宗的开立方",
        "the viewer opened this dossier",
    ),
    "participant": (
        "申请人为该签约的参与方",
        "the viewer is named among the participants of this case",
    ),
    "court": (
        "人民法院因案件查阅，已注明用途与案号",
        "a court, with a purpose and a case number",
    ),
    "notary": (
        "公证机构查阅，已注明用途",
        "a notary, with a purpose",
    ),
    "auditor": (
        "审计机构查阅，已注明用途",
        "an auditor, with a purpose",
    ),
    "police": (
        "公安机关查阅本辖区印章",
        "the police, a seal of their own division",
    ),
    "status_authority": (
        "印章状态主管部门查阅本辖区印章",
        "the status authority, a seal of its own division",
    ),
    "purpose_missing": (
        "拒绝：法院、公证、审计机构查阅须注明用途",
        "refused: a court, notary or auditor has to state a purpose",
    ),
    "case_no_missing": (
        "拒绝：法院查阅须注明案号",
        "refused: a court has to state a case number",
    ),
    "other_division": (
        "拒绝：该印章不属于申请人的行政区划",
        "refused: the seal belongs to another administrative division",
    ),
    "not_concerned": (
        "拒绝：申请人与该卷宗无关，亦无查阅职权",
        "refused: the viewer has no part in this dossier and no office that would open it",
    ),
}
_GRANTED = frozenset(
    ("opener", "participant", "court", "notary", "auditor", "police", "status_authority")
)
_OFFICES = ("court", "notary", "auditor")
_DIVISION_OFFICES = ("police", "status_authority")
_REFUSALS = ("case_no_missing", "purpose_missing", "other_division")
_SIX_DIGITS = re.compile(r"\d{6}", re.ASCII)
_DIVISION = re.compile(r"(?:\d\d){0,3}", re.ASCII)


@dataclass(frozen=True)
class Viewer:
    """A member that asks. ``divisions`` are prefixes of six-digit codes, "" for all."""

    member: str
    roles: frozenset[str]
    divisions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Purpose:
    """What the data is asked for; ``case_no`` is the court's case number, "" if there is none."""

    text: str = ""
    case_no: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether access is granted, by which rule (``reason``), and that in both languages."""

    granted: bool
    reason: str
    zh: str
    en: str


def decide(viewer: Viewer, dossier_state: Mapping[str, Any], purpose: Purpose) -> Decision:
    """Decide whether ``viewer`` may see the disclosures of a dossier.

    ``dossier_state`` is the value of ``dossier/<sub>`` in the state map: ``kind``, ``opener``, of a
    case ``participants`` (a list), of a seal ``division`` (six digits). The first rule that grants
    decides; if none does, the refusal that comes nearest to a grant is given.
    """
    found = [
        _of_parties(viewer, dossier_state),
        *(_of_office(office, viewer, purpose) for office in _OFFICES),
        *(_of_division(office, viewer, dossier_state) for office in _DIVISION_OFFICES),
    ]
    reason = next((reason for reason in found if reason in _GRANTED), None)
    if reason is None:
        reason = next((refusal for refusal in _REFUSALS if refusal in found), "not_concerned")
    zh, en = _TEXTS[reason]
    return Decision(reason in _GRANTED, reason, zh, en)


def _of_parties(viewer: Viewer, dossier_state: Mapping[str, Any]) -> str | None:
    if not viewer.member:
        return None
    if dossier_state.get("opener") == viewer.member:
        return "opener"
    participants = dossier_state.get("participants", ())
    if dossier_state.get("kind") != "case" or not isinstance(participants, list | tuple):
        return None  # of text, "in" would find a part of another member's name
    return "participant" if viewer.member in participants else None


def _of_office(office: str, viewer: Viewer, purpose: Purpose) -> str | None:
    if office not in viewer.roles:
        return None
    if not _says_something(purpose.text):
        return "purpose_missing"
    if office == "court" and not _says_something(purpose.case_no):
        return "case_no_missing"
    return office


def _of_division(office: str, viewer: Viewer, dossier_state: Mapping[str, Any]) -> str | None:
    if office not in viewer.roles or dossier_state.get("kind") != "seal":
        return None
    division = dossier_state.get("division")
    if not isinstance(division, str) or _SIX_DIGITS.fullmatch(division) is None:
        return "other_division"
    return office if _covers(viewer.divisions, division) else "other_division"


def _covers(divisions: Iterable[str], division: str) -> bool:
    return any(
        _DIVISION.fullmatch(own) is not None and division.startswith(own) for own in divisions
    )


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)
