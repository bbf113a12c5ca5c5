"""Handing out private fields: decided, put on the chain, logged, and only then answered.

The order is the guarantee: nothing leaves before ``disclosure.released`` is recorded (where the
node has its operator's key) and the access log has it. What was refused is logged too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from node.api import models
from node.api.authentication import SignedIn
from node.api.description import answers
from node.api.problems import Problem
from node.api.requests import Caller, CaseNo, Purpose, Subject
from node.api.responses import json_answer
from node.api.service import Served, Service
from node.core.disclosure import decode_disclosure
from node.core.errors import EvidenceError
from node.ledger.reader import LedgerReader
from node.rules.events import EVENTS
from node.rules.judgement import State
from node.rules.rejections import REJECTIONS
from node.rules.schema import Object
from node.submission.tickets import Ticket
from node.vault import policy
from node.vault.access_log import AccessRecord
from node.vault.reading import StoredDisclosure
from node.vault.tombstones import Tombstone

__all__ = ["Asked", "Released", "named_digests", "record_slices", "release", "routes"]

routes = APIRouter(tags=["disclosures"])

_SLICE = 64
_LOG_SLICE = 4096
_RELEASED = "disclosure.released"
_NO_KEY = (
    "this node has no operator's key: the release stands in its access log alone, not on the chain"
)
_NO_KEY_ZH = "本节点未配置运营方密钥：此次披露仅记入节点访问日志，未上链。"


@dataclass(frozen=True)
class Asked:
    """A request for the private fields of a dossier, whose value in the state map is ``state``:
    all of them, or those whose digests are in ``only``."""

    subject: str
    state: State
    purpose: str
    case_no: str
    only: frozenset[str] | None = None


@dataclass(frozen=True)
class Released:
    """What is handed out, and the codes of the records on the chain that say so.

    ``erased`` and ``elsewhere``: digests that the dossier names and this node does not hold, those
    with a tombstone, and the others.
    """

    decision: policy.Decision
    disclosures: tuple[StoredDisclosure, ...]
    erased: tuple[Tombstone, ...]
    elsewhere: tuple[str, ...]
    records: tuple[str, ...]


@routes.get(
    "/v1/dossiers/{sub}/disclosures",
    summary="A dossier's private fields 私密字段披露",
    response_class=Response,
    responses=answers(models.Disclosures, 400, 401, 403, 404, 503),
)
def get_disclosures(
    service: Served, caller: Caller, sub: Subject, purpose: Purpose = "", case_no: CaseNo = ""
) -> Response:
    """For the dossier's parties, and with a purpose for courts (and a case number), notaries and
    auditors; for police and status authorities where a seal is of their division. Every request is
    logged; what is handed out leaves `disclosure.released` on the chain before it is."""
    with service.node.reader() as reader:
        state = reader.state(f"dossier/{sub}")
    if state is None:
        raise Problem("not-found", f"there is no dossier {sub}", f"没有卷宗 {sub}")
    released = release(service, caller, Asked(sub, state, purpose, case_no))
    content: dict[str, Any] = {
        "sub": sub,
        "code": f"CZ{state['code']}",
        "decision": {
            "granted": True,
            "reason": released.decision.reason,
            "text": released.decision.en,
            "text_zh": released.decision.zh,
        },
        "disclosures": [_shown(item) for item in released.disclosures],
        "erased": [
            {"digest": item.digest, "at": item.at_ms, "by": item.by} for item in released.erased
        ],
        "elsewhere": list(released.elsewhere),
        "records": list(released.records),
    }
    if released.disclosures and not released.records:
        content["notice"], content["notice_zh"] = _NO_KEY, _NO_KEY_ZH
    return json_answer(content)


def _shown(item: StoredDisclosure) -> dict[str, Any]:
    return {
        "digest": item.digest,
        "name": item.name,
        "value": decode_disclosure(item.encoded).value,
        "encoded": item.encoded,
        "transaction": item.transaction_id.hex(),
    }


def release(service: Service, caller: SignedIn, asked: Asked) -> Released:
    """Decide whether ``caller`` may see a dossier's private fields, and if so hand them out.

    Raises:
        Problem: 403 where the policy refuses, 503 where it could not be put on the chain.
    """
    _check_texts(asked)
    node = service.node
    decision = policy.decide(
        policy.Viewer(caller.member, caller.roles, caller.divisions),
        asked.state,
        policy.Purpose(asked.purpose, asked.case_no),
    )
    if not decision.granted:
        _log(service, caller, asked, "refused", decision.reason, ())
        raise Problem("forbidden", decision.en, decision.zh, {"name": decision.reason})
    with node.reader() as reader:
        named = [
            digest
            for digest in named_digests(reader, asked.subject)
            if asked.only is None or digest in asked.only
        ]
    held = tuple(item for item in node.vault.reveal(asked.subject, named))
    erased = node.vault.tombstones(asked.subject, named)
    gone = {item.digest for item in held} | {item.digest for item in erased}
    digests = tuple(dict.fromkeys(item.digest for item in held))
    records = _put_on_chain(service, caller, asked, decision, digests)
    _log(service, caller, asked, "granted", decision.reason, digests)
    elsewhere = tuple(digest for digest in named if digest not in gone)
    return Released(decision, held, erased, elsewhere, records)


def named_digests(reader: LedgerReader, subject: str) -> list[str]:
    """The digests of private fields that a dossier's recorded transactions name."""
    found: dict[str, None] = {}
    for entry in reader.entries(reader.dossier_indexes(subject)):
        found.update(dict.fromkeys(entry.transaction.digests))
    return list(found)


def _check_texts(asked: Asked) -> None:
    """What goes on the chain must have the form that it asks. Raises FieldError."""
    form = EVENTS[_RELEASED].data
    assert isinstance(form, Object)
    for name, text in (("purpose", asked.purpose), ("case_no", asked.case_no)):
        if text:
            form.members[name].check(text, f"query.{name}")


def _put_on_chain(
    service: Service,
    caller: SignedIn,
    asked: Asked,
    decision: policy.Decision,
    digests: Sequence[str],
) -> tuple[str, ...]:
    """Record the release, where the node can; the codes of the records."""
    data = {
        "code": f"CZ{asked.state['code']}",
        "purpose": asked.purpose or decision.reason,
        "to": caller.member,
    }
    if asked.case_no:
        data["case_no"] = asked.case_no
    try:
        return record_slices(service, _RELEASED, data, digests)
    except Problem:
        _log(service, caller, asked, "refused", "not_recorded", ())
        raise


def record_slices(
    service: Service, event_type: str, data: dict[str, Any], digests: Iterable[str]
) -> tuple[str, ...]:
    """Record an event of the node's operator about ``digests``, in as many records as they need.

    Returns:
        The records' codes; none where there are no digests, or the node has no operator's key.

    Raises:
        Problem: a record was refused, or not committed in time.
    """
    operator = service.node.operator
    if operator is None:
        return ()
    left, codes = list(digests), []
    while left:
        slice_, left = left[:_SLICE], left[_SLICE:]
        try:
            ticket = operator.record(event_type, {**data, "digests": slice_})
        except EvidenceError as error:
            raise _not_recorded(event_type, str(error)) from error
        position = ticket.position
        if position is None:
            raise _not_recorded(event_type, _reason(ticket))
        codes.append(position.code)
    return tuple(codes)


def _reason(ticket: Ticket) -> str:
    if ticket.flaw is not None:
        return f"{ticket.flaw[1]}: {ticket.flaw[2]}"
    code = ticket.rejection
    return "no reason is known" if code is None else REJECTIONS[code].text


def _not_recorded(event_type: str, reason: str) -> Problem:
    return Problem(
        "not-recorded",
        f"{event_type} could not be recorded: {reason}",
        f"{event_type} 未能上链：{reason}",
        {"retry_after": 5},
    )


def _log(
    service: Service,
    caller: SignedIn,
    asked: Asked,
    decision: str,
    reason: str,
    digests: Sequence[str],
) -> None:
    """Put the outcome into the access log, before anybody hears of it."""
    for start in range(0, max(1, len(digests)), _LOG_SLICE):
        record = AccessRecord(
            at_ms=service.node.now(),
            member=caller.member,
            kid=caller.kid,
            dossier=asked.subject,
            purpose=asked.purpose,
            case_no=asked.case_no,
            decision=decision,
            reason=reason,
            digests=tuple(digests[start : start + _LOG_SLICE]),
        )
        service.node.access_log.append(record)
    service.metrics.decided(decision)
