"""How members decide together, and what a member does about its own keys.

open → approved, from a height on; open → rejected, withdrawn, void, or closed (by the clock). Every
active member has one vote; a proposal is approved by more than 2/3 of those who have one then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.key_proof import verify_key_proof
from node.core.signatures import Backend, PublicJwk, load_backend
from node.rules.changes import check_change, plan_change, voting_members
from node.rules.consortium_events import MAX_MEMBER_KEYS
from node.rules.judgement import Event, Refused, State, View, refuse
from node.rules.key_changes import replace_key, revoke_key
from node.rules.planning import Changed, Plan
from node.rules.rejections import REJECTIONS

__all__ = [
    "APPLY",
    "LEAST_DELAY",
    "MAX_DELAY",
    "MAX_OPEN",
    "MAX_OPEN_MS",
    "MAX_OPEN_OF_ONE",
    "proposal_status",
]

LEAST_DELAY = 2
"""Blocks from a decision until it holds: the engine takes so many to change validators."""
MAX_DELAY = 10_000_000
"""Blocks from a proposal until what it asks for holds, at most."""
MAX_OPEN, MAX_OPEN_OF_ONE = 100, 10
"""Of so many, only members that have none open may propose more: a few cannot keep others out."""
MAX_OPEN_MS = 90 * 86_400_000
"""How long a proposal can be voted on, in ms of block time."""

Changes = list[tuple[str, State | None]]
Facts = dict[str, str | int]


def proposal_status(dossier: State, time: int) -> str:
    """A proposal's status at ``time`` (ms): as stored, or closed by its ``closes_at``."""
    status: str = dossier["status"]
    return "closed" if status == "open" and dossier["closes_at"] <= time else status


def _propose(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    if dossier["count"]:
        raise refuse("dossier_exists")
    data = event.data
    if not view.time < data["closes_at"] <= view.time + MAX_OPEN_MS:
        raise refuse("closing_time")
    if data.get("from", 0) > view.height + MAX_DELAY:
        raise refuse("height_too_far")
    _list_open(view, event, changes)
    plan_change(view, data["change"], _height_of(view, data))
    proposal = {
        **dossier,
        "change": data["change"],
        "closes_at": data["closes_at"],
        "status": "open",
        "status_version": 1,
        "votes": {event.iss: "approve"},
    }
    if "from" in data:
        proposal["from"] = data["from"]
    return _decide(view, proposal, changes, facts)


def _list_open(view: View, event: Event, changes: Changes) -> None:
    """Put a new proposal among the open ones. Raises Refused where there are too many."""
    held = view.get("consortium/open") or {"subs": []}
    kept = []
    for subject in held["subs"]:
        dossier = view.get("dossier/" + subject)
        assert dossier is not None
        if proposal_status(dossier, view.time) == "open":
            kept.append(subject)
    own = sum(subject.split(":")[1] == event.iss for subject in kept)
    if own >= MAX_OPEN_OF_ONE or (own and len(kept) >= MAX_OPEN):
        raise refuse("too_many_open")
    changes.append(("consortium/open", {"subs": [*kept, event.sub]}))


def _height_of(view: View, proposal: State) -> int:
    """The height from which a proposal that is decided now holds."""
    return max(int(proposal.get("from", 0)), view.height + LEAST_DELAY)


def _need_open(view: View, dossier: State) -> None:
    if "change" not in dossier:
        raise refuse("wrong_status")
    if proposal_status(dossier, view.time) != "open":
        raise refuse("proposal_closed")


def proposal_hash(proposal: Mapping[str, Any]) -> str:
    """What a vote says of the proposal that it is for: SHA-256, in hex, of the canonical form of
    its ``change``, ``closes_at`` and, where it has one, ``from``.

    A member without a node of its own reads proposals at another's. The name of a proposal alone
    would let that one show something else than what is voted on.
    """
    names = ("change", "closes_at", "from")
    told = {name: proposal[name] for name in names if name in proposal}
    return sha256(canonical_json(told)).hexdigest()


def _vote(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_open(view, dossier)
    if event.iss in dossier["votes"]:
        raise refuse("already_voted")
    if event.data["proposal_hash"] != proposal_hash(dossier):
        raise refuse("other_proposal")
    votes = {**dossier["votes"], event.iss: event.data["vote"]}
    return _decide(view, {**dossier, "votes": votes}, changes, facts)


def _decide(view: View, proposal: State, changes: Changes, facts: Facts) -> State:
    """Count the votes; where they decide, write down what follows."""
    voters = voting_members(view)
    votes = proposal["votes"]
    approvals = sum(votes.get(member) == "approve" for member in voters)
    rejections = sum(votes.get(member) == "reject" for member in voters)
    facts["approvals"], facts["voters"] = approvals, len(voters)
    if 3 * approvals > 2 * len(voters):
        proposal = _approve(view, proposal, changes, facts)
    elif 3 * (len(voters) - rejections) <= 2 * len(voters):
        proposal = _close(proposal, "rejected")
    facts["status"] = proposal["status"]
    return proposal


def _close(proposal: State, status: str) -> State:
    return {**proposal, "status": status, "status_version": proposal["status_version"] + 1}


def _approve(view: View, proposal: State, changes: Changes, facts: Facts) -> State:
    """The proposal in force; void where what has happened since leaves no way to."""
    height = _height_of(view, proposal)
    try:
        check_change(proposal["change"])
        changed = plan_change(view, proposal["change"], height)
    except Refused as refusal:
        facts["void"] = REJECTIONS[refusal.code].name
        return _close(proposal, "void")
    changes.extend(changed.items())
    facts["in_force_from"] = height
    return {**_close(proposal, "approved"), "in_force_from": height}


def _withdraw(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_open(view, dossier)
    if event.iss != dossier["opener"]:
        raise refuse("not_permitted")
    facts["status"] = "withdrawn"
    return _close(dossier, "withdrawn")


def _rotate_key(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _new(dossier)
    if not _by_recovery_key(view, event):
        raise refuse("recovery_key_needed")
    registered = view.get("member/" + event.iss)
    assert registered is not None
    if registered["keys"] >= MAX_MEMBER_KEYS:
        raise refuse("too_many_keys")
    _verify_proof(view, event)
    height = view.height + 1
    changed: Changed = {}
    replace_key(Plan(view, changed), event.iss, event.data, height)
    changes.extend(changed.items())
    facts["in_force_from"] = height
    return {**dossier, "status": "recorded"}


def _by_recovery_key(view: View, event: Event) -> bool:
    key = view.get("key/" + event.kid)
    assert key is not None
    return "use" in key


def _verify_proof(view: View, event: Event) -> None:
    """The new key must have signed: else any key, once seen, could be taken before its owner."""
    key = PublicJwk.from_json(event.data["jwk"], place="jwk")
    try:
        verify_key_proof(key, view.chain_id, event.iss, event.data["proof"], _backend())
    except InvalidInput as error:
        raise refuse("key_unproven") from error


@functools.cache
def _backend() -> Backend:
    return load_backend()


def _new(dossier: State) -> None:
    if dossier["count"]:
        raise refuse("dossier_exists")


def _report_key(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    """A signing key may report itself alone: so a thief can only stop himself."""
    _new(dossier)
    if event.data["kid"] != event.kid and not _by_recovery_key(view, event):
        raise refuse("recovery_key_needed")
    if event.data["suspect_from"] > view.latest:
        raise refuse("occurred_in_future")
    changed: Changed = {}
    revoke_key(Plan(view, changed), event.iss, event.data, view.height + 1)
    changes.extend(changed.items())
    facts["in_force_from"] = view.height + 1
    return {**dossier, "status": "recorded"}


def _record_misbehaviour(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    """What the blocks show of a validator: the engine's evidence has left it in the state."""
    _new(dossier)
    data = event.data
    key = f"misbehaviour/{data['address']}/{data['height']}"
    shown = view.get(key)
    if shown is None or shown["kind"] != data["misbehaviour"]:
        raise refuse("misbehaviour_unknown")
    if "dossier" in shown:
        raise refuse("misbehaviour_recorded")
    changes.append((key, {**shown, "dossier": event.sub}))
    validator = view.get("validator/" + data["address"])
    if validator is not None:
        facts["member"] = validator["member"]
    facts["shown_at"], facts["status"] = shown["shown_at"], "recorded"
    return {**dossier, "status": "recorded"}


Apply = Callable[[View, Event, State, State, Changes, Facts], State]

APPLY: dict[str, Apply] = {
    "governance.proposed": _propose,
    "governance.voted": _vote,
    "governance.withdrawn": _withdraw,
    "key.compromised": _report_key,
    "key.rotated": _rotate_key,
    "validator.misbehaved": _record_misbehaviour,
}
