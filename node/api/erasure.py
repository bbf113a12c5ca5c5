"""Erasing private fields on this node, for good: by its operator alone.

Rows and keys go and leave tombstones, which the access log has in the same write; then the store
rewrites its files (again after a backup that is under way, which still reads them); then
``disclosure.erased`` goes on the chain. Copies of certificates that show private fields of the
dossier go as well. What an earlier try erased and did not get on the chain is
recorded when the same is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from node.api import models
from node.api.authentication import SignedIn
from node.api.description import answers, body_of
from node.api.disclosures import named_digests, record_slices
from node.api.problems import Problem
from node.api.requests import Caller, Subject
from node.api.responses import json_answer
from node.api.service import Served, Service
from node.core.encoding import decode_json_object
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_each, read_text
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader
from node.rules.events import EVENTS
from node.rules.judgement import State
from node.rules.schema import Object
from node.vault.access_log import AccessRecord
from node.vault.removal import Erasure

__all__ = ["MAX_ERASURE_BYTES", "Wanted", "read_wanted", "routes"]

routes = APIRouter(tags=["disclosures"])

MAX_ERASURE_BYTES = 64 << 10
_MOST_DIGESTS = 1024
_SLICE = 4096
_MOST_RECORDS = 1000
_ERASED = "disclosure.erased"


@dataclass(frozen=True)
class Wanted:
    """What is to be erased: ``digests``, None for all that are held; why; the case, if any."""

    digests: tuple[str, ...] | None
    reason: str
    case_no: str


def read_wanted(body: bytes) -> Wanted:
    """Decode ``{"digests": [...] or "all", "reason": …, "case_no"?: …}``. Raises InvalidInput."""
    value = decode_json_object(body, place="body", max_bytes=MAX_ERASURE_BYTES)
    exact_members(value, "body", ("digests", "reason"), ("case_no",))
    digests: tuple[str, ...] | None = None
    if value["digests"] != "all":
        digests = read_each(
            value["digests"], "body.digests", _read_digest, least=1, most=_MOST_DIGESTS
        )
    form = EVENTS[_ERASED].data
    assert isinstance(form, Object)
    form.members["purpose"].check(value["reason"], "body.reason")
    if "case_no" in value:
        form.members["case_no"].check(value["case_no"], "body.case_no")
    return Wanted(digests, value["reason"], value.get("case_no", ""))


def _read_digest(value: Any, place: str) -> str:
    return read_text(value, place, least=43, most=43)


@routes.post(
    "/v1/dossiers/{sub}/erasure",
    summary="Erase private fields 删除私密字段",
    response_class=Response,
    responses=answers(models.Erasure, 400, 401, 403, 404, 413, 503),
    openapi_extra=body_of(
        "application/json",
        models.ErasureRequest,
        {"digests": "all", "reason": "retention period over"},
    ),
)
async def post_erasure(service: Served, caller: Caller, sub: Subject, request: Request) -> Response:
    """Deletes private fields and their key on this node and leaves tombstones. The chain stays as
    it is: it only ever held their digests. For the member that operates the node."""
    body = await request.body()
    return await run_in_threadpool(_erase, service, caller, sub, body)


def _erase(service: Service, caller: SignedIn, subject: str, body: bytes) -> Response:
    _need_operator(service, caller)
    wanted = read_wanted(body)
    node = service.node
    with node.reader() as reader:
        state = reader.state(f"dossier/{subject}")
        if state is None:
            raise Problem("not-found", f"there is no dossier {subject}", f"没有卷宗 {subject}")
        _check_digests(wanted.digests, named_digests(reader, subject))
        recorded = _recorded_before(reader, state)
    erasures = [
        _erase_slice(service, caller, subject, wanted, digests)
        for digests in _slices(wanted.digests, node.vault.held(subject))
    ]
    certificates = _forget_copies(service, subject)
    purged = node.vault.purge(subject)
    gone = [tombstone.digest for tombstone in node.vault.tombstones(subject, wanted.digests)]
    data = {"code": f"CZ{state['code']}", "purpose": wanted.reason}
    if wanted.case_no:
        data["case_no"] = wanted.case_no
    return json_answer(
        {
            "sub": subject,
            "purged": purged,
            "certificates": certificates,
            **_summary(erasures),
            **_put_on_chain(service, data, [item for item in gone if item not in recorded]),
        }
    )


def _forget_copies(service: Service, subject: str) -> list[str]:
    """Remove this node's copies of certificates that show the dossier's private fields."""
    issuer = service.node.certificates
    if issuer is None:
        return []
    return issuer.forget_disclosed(subject, "private fields of its dossier were erased")


def _need_operator(service: Service, caller: SignedIn) -> None:
    operator = service.node.config.operator.member
    if not operator:
        raise Problem(
            "forbidden",
            "this node names no operator in its configuration: nobody may erase over HTTP",
            "本节点配置中未指定运营方成员，不接受删除请求。",
        )
    if caller.member != operator:
        raise Problem(
            "forbidden",
            f"only {operator}, which operates this node, may erase here",
            f"仅本节点运营方 {operator} 可执行删除。",
        )


def _check_digests(digests: Iterable[str] | None, named: Sequence[str]) -> None:
    known = set(named)
    for position, digest in enumerate(digests or ()):
        if digest not in known:
            raise InvalidEncoding(
                f"body.digests[{position}]", "no record of this dossier names that digest"
            )


def _recorded_before(reader: LedgerReader, state: State) -> set[str]:
    """Digests whose erasure in this dossier stands on the chain already."""
    indexes = list(find(reader.rows, "about", state["code"], limit=_MOST_RECORDS))
    found: set[str] = set()
    for entry in reader.entries(indexes):
        if entry.transaction.type == _ERASED:
            found.update(entry.transaction.data["digests"])
    return found


def _slices(digests: tuple[str, ...] | None, held: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What to erase, in parts that one record of the access log can name."""
    wanted = held if digests is None else digests
    for start in range(0, len(wanted), _SLICE):
        yield wanted[start : start + _SLICE]


def _erase_slice(
    service: Service, caller: SignedIn, subject: str, wanted: Wanted, digests: tuple[str, ...]
) -> Erasure:
    """Erase, and log it, in one write."""
    node = service.node
    now = node.now()
    batch = node.stores.local.batch()
    erasure = node.vault.erase(
        batch, subject, digests, at_ms=now, by=caller.member, why=wanted.reason
    )
    record = AccessRecord(
        at_ms=now,
        member=caller.member,
        kid=caller.kid,
        dossier=subject,
        purpose=wanted.reason,
        case_no=wanted.case_no,
        decision="erased",
        reason="operator",
        digests=digests,
    )
    node.access_log.append(record, along=batch)
    service.metrics.decided("erased")
    return erasure


def _summary(erasures: Sequence[Erasure]) -> dict[str, Any]:
    return {
        "erased": [digest for erasure in erasures for digest in erasure.erased],
        "not_held": [digest for erasure in erasures for digest in erasure.not_held],
        "erased_before": [item.digest for erasure in erasures for item in erasure.before],
        "key_erased": bool(erasures) and erasures[-1].key_erased,
    }


def _put_on_chain(service: Service, data: dict[str, Any], digests: list[str]) -> dict[str, Any]:
    """Record the erasure; it has happened, so a failure is told and not raised."""
    if service.node.operator is None:
        return {
            "records": [],
            "notice": "this node has no operator's key: the erasure stands in its access log alone",
            "notice_zh": "本节点未配置运营方密钥：此次删除仅记入节点访问日志，未上链。",
        }
    try:
        return {"records": list(record_slices(service, _ERASED, data, digests))}
    except Problem as problem:
        return {
            "records": [],
            "notice": f"erased, but {problem.detail}; ask for the same erasure again to record it",
            "notice_zh": f"已删除，但{problem.detail_zh}；请再次提交同一删除请求以补记上链。",
        }
