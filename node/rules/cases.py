"""The life cycle of a signing case.

initiated → started → completed; before completed also → rejected | voided. Parties are verified and
confirm their intent until then; each seals a document whose hash is the case's current one, which
its new hash then replaces.
"""

from __future__ import annotations

from collections.abc import Callable

from node.rules.events import SEAL_SIGNATURES
from node.rules.genesis_parameters import sign_no_fits
from node.rules.judgement import Event, State, View, refuse
from node.rules.seals import status_at

__all__ = ["APPLY"]

Changes = list[tuple[str, State | None]]
Facts = dict[str, str | int]
_OPEN = ("initiated", "started")
_MAX_CONFIRMED = 32
_MAX_WITH_PARTICIPANTS = 1_000


def _need_open(event: Event, dossier: State) -> None:
    """The case must take records, and the issuer be its opener or one that it names.

    A participant must not make somebody else's case too large to be shown whole, in one bundle.
    """
    if event.iss != dossier["opener"]:
        if event.iss not in dossier.get("participants", ()):
            raise refuse("not_permitted")
        if dossier["count"] >= _MAX_WITH_PARTICIPANTS:
            raise refuse("dossier_full")
    if dossier["status"] not in _OPEN:
        raise refuse("wrong_status")


def _need_party(event: Event, dossier: State) -> State:
    party: State | None = dossier["parties"].get(event.data["party_ref"])
    if party is None:
        raise refuse("party_unknown")
    return party


def _with_party(event: Event, dossier: State, party: State) -> State:
    return {**dossier, "parties": {**dossier["parties"], event.data["party_ref"]: party}}


def _initiate(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    if dossier["count"]:
        raise refuse("dossier_exists")
    data = event.data
    if not sign_no_fits(data["sign_no"], view.parameter("sign_no_patterns")):
        raise refuse("sign_no_malformed")
    documents = [document["sha256"] for document in data["documents"]]
    parties = {party["party_ref"]: {"kind": party["kind"]} for party in data["parties"]}
    if len(set(documents)) != len(documents) or len(parties) != len(data["parties"]):
        raise refuse("party_twice")
    opened = {
        **dossier,
        "documents": documents,
        "parties": parties,
        "status": "initiated",
        "status_version": 1,
    }
    if "participants" in data:
        for participant in data["participants"]:
            if view.get("member/" + participant) is None:
                raise refuse("participant_unknown")
        opened["participants"] = data["participants"]
    if "deadline" in data:
        opened["deadline"] = data["deadline"]
    facts["status"] = "initiated"
    return opened


def _verify_identity(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_open(event, dossier)
    party = _need_party(event, dossier)
    facts["status"] = dossier["status"]
    verified = 1 if event.data["result"] == "passed" else 0
    return _with_party(event, dossier, {**party, "verified": verified})


def _confirm_intent(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_open(event, dossier)
    party = _need_party(event, dossier)
    if not party.get("verified"):
        raise refuse("party_not_verified")
    digest = event.data["document_hash"]
    if digest not in dossier["documents"]:
        raise refuse("document_unknown")
    confirmed = [item for item in party.get("confirmed", ()) if item != digest]
    facts["status"] = dossier["status"]
    party = {**party, "confirmed": [*confirmed[1 - _MAX_CONFIRMED :], digest]}
    return _with_party(event, dossier, party)


def _check_signing(
    view: View, event: Event, dossier: State, digest: str, facts: Facts
) -> tuple[State, str]:
    """What starting and sealing both ask: an open case in time, a verified party, a current
    document, and for the two kinds of seal one that is active and valid now.

    Returns:
        The party, and the document's place in the case.
    """
    _need_open(event, dossier)
    if "deadline" in dossier and view.time > dossier["deadline"]:
        raise refuse("deadline_passed")
    party = _need_party(event, dossier)
    if not party.get("verified"):
        raise refuse("party_not_verified")
    if digest not in dossier["documents"]:
        raise refuse("document_unknown")
    facts["intent"] = "confirmed" if digest in party.get("confirmed", ()) else "none"
    owner_kind = SEAL_SIGNATURES.get(event.data["signature_kind"])
    if owner_kind is not None:
        _check_seal(view, event.data["es_id"], owner_kind, facts)
    return party, str(dossier["documents"].index(digest))


def _check_seal(view: View, es_id: str, owner_kind: str, facts: Facts) -> None:
    seal = view.get("seal/" + es_id)
    if seal is None:
        raise refuse("seal_unknown")
    if seal["owner_kind"] != owner_kind:
        raise refuse("seal_kind")
    if view.time < seal["valid_from"]:
        raise refuse("seal_not_valid")
    status = status_at(seal, view.time)
    if status == "expired":
        raise refuse("seal_not_valid")
    if status != "active":
        raise refuse("seal_not_active")
    facts["seal_record"] = f"CZ{seal['code']}-{seal['ordinal']}"
    facts["seal_status"] = status
    facts["seal_status_version"] = seal["status_version"]


def _means(event: Event) -> str:
    """How a party signs: the kind of signature and, for a seal, which."""
    kind: str = event.data["signature_kind"]
    return f"{kind}/{event.data['es_id']}" if kind in SEAL_SIGNATURES else kind


def _start(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    party, place = _check_signing(view, event, dossier, event.data["document_hash"], facts)
    started = {**party.get("started", {}), place: _means(event)}
    changed = _with_party(event, dossier, {**party, "started": started})
    if dossier["status"] != "started":
        changed["status"] = "started"
        changed["status_version"] = dossier["status_version"] + 1
    facts["status"] = "started"
    return changed


def _seal(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    data = event.data
    party, place = _check_signing(view, event, dossier, data["before_hash"], facts)
    started = dict(party.get("started", ()))
    if started.pop(place, None) != _means(event):
        raise refuse("not_started")
    documents = list(dossier["documents"])
    if data["after_hash"] in documents:
        raise refuse("party_twice")
    documents[int(place)] = data["after_hash"]
    changed = _with_party(event, dossier, {**party, "started": started})
    changed["documents"] = documents
    facts["status"] = "started"
    return changed


def _close(dossier: State, status: str, facts: Facts) -> State:
    """The case in a final status, without what only signing needed."""
    closed = {key: value for key, value in dossier.items() if key not in ("deadline", "parties")}
    closed["status"] = status
    closed["status_version"] = dossier["status_version"] + 1
    facts["status"] = status
    return closed


def _complete(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_open(event, dossier)
    if dossier["status"] != "started":
        raise refuse("wrong_status")
    final = sorted(document["sha256"] for document in event.data["documents"])
    if final != sorted(dossier["documents"]):
        raise refuse("documents_differ")
    return _close(dossier, "completed", facts)


def _end(
    view: View, event: Event, member: State, dossier: State, changes: Changes, facts: Facts
) -> State:
    _need_open(event, dossier)
    if "party_ref" in event.data:
        _need_party(event, dossier)
    return _close(dossier, event.type.rpartition(".")[2], facts)


Apply = Callable[[View, Event, State, State, Changes, Facts], State]

APPLY: dict[str, Apply] = {
    "signing.initiated": _initiate,
    "signing.identity_verified": _verify_identity,
    "signing.intent_confirmed": _confirm_intent,
    "signing.started": _start,
    "signing.sealed": _seal,
    "signing.completed": _complete,
    "signing.rejected": _end,
    "signing.voided": _end,
}
