"""What a submitter is told of a submission: a receipt, "pending", or why not."""

from __future__ import annotations

from typing import Any, NamedTuple

from node.api.problems import Problem, malformed
from node.api.standing import Recorded, standing_of
from node.ledger.reader import LedgerReader
from node.rules.rejections import ACCEPTED, REJECTIONS, Rejection, rejection
from node.submission.admission import Flaw
from node.submission.tickets import Position, Ticket

__all__ = [
    "Answer",
    "answer_again",
    "answer_at_once",
    "answer_problem",
    "location_of",
    "receipt",
    "refusal_problem",
]

_SAID_BEFORE = frozenset((rejection("duplicate"), rejection("already_refused")))
_NAMES = {item.name: item for item in REJECTIONS.values()}
_NOTICE = (
    "the signature's s was high; it was turned into n - s, which alone is valid on the chain, and "
    "the id is that of the turned one"
)
_NOTICE_ZH = "签名的 s 值偏高，已换为链上唯一有效的低值 n-s；此编号为换算后交易的编号。"
_NOT_KEPT = (
    "it is not known yet whether the submission is on the node's disk: send the same bytes again"
)


class Answer(NamedTuple):
    """An answer to one submission: HTTP status, content, outcome as the metrics count it."""

    status: int
    content: dict[str, Any]
    outcome: str


def answer_at_once(chain_id: str, ticket: Ticket, *, safe: bool) -> Answer | None:
    """The answer that a ticket holds; None where the ledger has to be asked what it said before.

    ``safe``: all of the ticket's group is on disk or done.
    """
    if ticket.flaw is not None:
        return answer_problem(_flaw_problem(ticket.flaw))
    if not safe:
        problem = Problem(
            "stopped",
            _NOT_KEPT,
            "尚不能确认该记录是否已落盘，请以相同字节重新提交。",
            {"retry_after": 5},
        )
        return answer_problem(problem)
    code = ticket.rejection
    if ticket.known is not None or code in _SAID_BEFORE:
        return None
    assert ticket.id is not None
    if code is None:
        return _marked(Answer(202, _pending(chain_id, ticket.id), "pending"), ticket)
    if code == ACCEPTED:
        position = ticket.position
        assert position is not None
        return _marked(Answer(201, receipt(chain_id, ticket.id, position), "recorded"), ticket)
    assert ticket.outcome is not None
    return answer_problem(refusal_problem(REJECTIONS[code], ticket.outcome.height, ticket.id))


def answer_again(reader: LedgerReader, chain_id: str, ticket: Ticket) -> Answer:
    """The answer to a transaction that the ledger has judged before: the same as then."""
    assert ticket.id is not None
    found = standing_of(reader, ticket.id)
    if found is None:
        return _marked(Answer(202, _pending(chain_id, ticket.id), "pending"), ticket)
    if not isinstance(found, Recorded):
        return answer_problem(refusal_problem(found.rejection, found.height, ticket.id))
    entry = found.entry.entry
    position = Position(
        entry.code,
        found.entry.index,
        entry.height,
        entry.time,
        found.proven_time,
        entry.leaf_hash(),
    )
    of_chain = found.entry.transaction.cid
    return _marked(Answer(201, receipt(of_chain, ticket.id, position), "repeated"), ticket)


def receipt(chain_id: str, identifier: bytes, position: Position) -> dict[str, Any]:
    """The receipt of a recorded transaction."""
    return {
        "status": "recorded",
        "id": identifier.hex(),
        "chain_id": chain_id,
        "code": position.code,
        "index": position.index,
        "height": position.height,
        "time": position.time,
        "proven_time": position.proven_time,
        "leaf_hash": position.leaf.hex(),
    }


def location_of(answer: Answer) -> str | None:
    """Where to ask for the transaction of a receipt or a pending one."""
    if answer.status >= 300:
        return None
    return f"/v1/transactions/{answer.content['id']}"


def refusal_problem(reason: Rejection, height: int | None, identifier: bytes | None) -> Problem:
    """The problem that tells of a rule's refusal; without a height it never came on the chain."""
    where = "it was not put on the chain" if height is None else f"refused at height {height}"
    where_zh = "未提交上链" if height is None else f"于高度 {height} 被拒绝"
    members: dict[str, Any] = {"code": reason.code, "name": reason.name}
    if height is not None:
        members["height"] = height
    if identifier is not None:
        members["id"] = identifier.hex()
    return Problem(
        "conflict" if reason.name == "conflict" else "refused",
        f"{reason.text}; {where}",
        f"{reason.text_zh}；{where_zh}",
        members,
    )


def answer_problem(problem: Problem) -> Answer:
    """A problem as the answer to one submission."""
    outcomes = {"refused": "refused", "conflict": "conflict", "busy": "busy", "stopped": "stopped"}
    return Answer(problem.status, problem.to_json(), outcomes.get(problem.kind.name, "malformed"))


def _flaw_problem(flaw: Flaw) -> Problem:
    kind, place, rule, name = flaw
    if kind == "WorkerFailed":
        return Problem("internal", f"{place}: {rule}", f"节点未能处理该记录：{rule}")
    if kind != "FieldError":
        return malformed(
            place, rule, "invalid-signature" if kind == "InvalidSignature" else "malformed"
        )
    problem = refusal_problem(_NAMES[name], None, None)
    problem.detail = f"{place}: {rule}; it was not put on the chain"
    problem.detail_zh = f"{_NAMES[name].text_zh}（{place}：{rule}）；未提交上链"
    problem.members.update(place=place, rule=rule)
    return problem


def _pending(chain_id: str, identifier: bytes) -> dict[str, Any]:
    return {"status": "pending", "id": identifier.hex(), "chain_id": chain_id}


def _marked(answer: Answer, ticket: Ticket) -> Answer:
    """The answer, which says so where the submitted signature was changed."""
    if ticket.lowered:
        answer.content.update(lowered=True, notice=_NOTICE, notice_zh=_NOTICE_ZH)
    return answer
