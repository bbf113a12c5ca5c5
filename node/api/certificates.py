"""Routes of certificates of evidence: issued for who may ask, looked up and checked by anybody.

What of a dossier may be disclosed is decided, logged and put on the chain as for any request of
private fields, before anything is composed. A PDF shows who applied, so it is for the member that
asked and for the node's operator.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from node.api import models
from node.api.authentication import SignedIn
from node.api.certificate_orders import CertificateRequest, Target, find_targets, read_request
from node.api.description import answers, body_of, content_of
from node.api.disclosures import Asked as AskedFields
from node.api.disclosures import release
from node.api.examples import CODE
from node.api.problems import Problem
from node.api.requests import Caller
from node.api.responses import bytes_answer, json_answer
from node.api.service import Served, Service
from node.api.standing import proven_time
from node.api.views import Views
from node.core.errors import LedgerFault
from node.evidence.bundle import Shown, bundle_dossier, encode_bundle
from node.evidence.certificates.finishing import certificate_record
from node.evidence.certificates.issuing import CertificateIssuer
from node.evidence.certificates.keeping import Kept
from node.evidence.certificates.numbering import read_certificate_no
from node.evidence.certificates.port import Order
from node.evidence.certificates.requests import Asked, Issued, Wanted
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader, LogEntry
from node.vault import policy
from node.vault.access_log import AccessRecord

__all__ = ["need_issuer", "on_record", "routes"]

routes = APIRouter(tags=["certificates"])

_OFFICES = frozenset(("court", "notary", "operator"))
_EVENT = "certificate.issued"
_MOST_RECORDS = 20
_RETRY_AFTER = 5
_CHECKED = {
    "on_record": (
        "this very file was issued as a certificate and is on record",
        "该文件与链上登记的存证证书完全一致",
    ),
    "not_on_record": (
        "no certificate on record has this hash: the file was not issued here, or it has been "
        "changed since",
        "链上没有该哈希对应的存证证书：该文件并非在此出具，或出具后已被改动",
    ),
}
Number = Annotated[
    str,
    Path(
        max_length=100,
        description="A certificate's number; blanks, full-width characters and lower case are "
        "forgiven 证书编号",
        examples=["ZS2026112312345678906"],
    ),
]


@dataclass(frozen=True)
class _Job:
    service: Service
    issuer: CertificateIssuer
    caller: SignedIn
    request: CertificateRequest


def need_issuer(service: Service) -> CertificateIssuer:
    """What issues certificates here. Raises Problem where nothing does."""
    issuer = service.node.certificates
    if issuer is None:
        raise Problem(
            "not-offered",
            "certificates are not issued here: this node has no institution's seal configured",
            "本节点未配置出证机构印章，不出具存证证书。",
        )
    return issuer


@routes.post(
    "/v1/certificates",
    summary="Have certificates issued 出具存证证书",
    response_class=Response,
    status_code=201,
    responses=answers(
        models.CertificatesIssued, 400, 401, 403, 404, 408, 409, 413, 503, status=201
    ),
    openapi_extra=body_of(
        "application/json",
        models.CertificateOrder,
        {"codes": [CODE], "applicant": "示例互联网法院", "purpose": "案件审理"},
    ),
)
async def post_certificates(service: Served, caller: Caller, request: Request) -> Response:
    """For courts, notaries, operators, and the parties of a dossier. Each code gets a certificate
    or the problem with it; where there is one code alone, its problem is the answer. 503 with
    Retry-After: too many are under way. Certificates are on record before they are answered."""
    issuer = need_issuer(service)
    body = await request.body()
    loop = asyncio.get_running_loop()
    job, targets = await loop.run_in_executor(None, _prepare, service, issuer, caller, body)
    with issuer.admitted(len(targets)):
        done = await asyncio.gather(
            *(loop.run_in_executor(issuer.threads, _answer_one, job, target) for target in targets)
        )
    failed = [one for one in done if isinstance(one[1], Problem)]
    if len(done) == 1 and failed:
        problem = failed[0][1]
        assert isinstance(problem, Problem)
        raise problem
    told = [_told(target, outcome) for target, outcome in done]
    return json_answer({"certificates": told, "failed": len(failed)}, 201)


def _prepare(
    service: Service, issuer: CertificateIssuer, caller: SignedIn, body: bytes
) -> tuple[_Job, list[Target]]:
    request = read_request(body)
    with service.node.reader() as reader:
        targets = find_targets(reader, request)
    return _Job(service, issuer, caller, request), [_permitted(caller, one) for one in targets]


def _permitted(caller: SignedIn, target: Target) -> Target:
    """The target, or why the caller may have no certificate of it."""
    if target.state is None or caller.roles & _OFFICES:
        return target
    viewer = policy.Viewer(caller.member, frozenset())
    if policy.decide(viewer, target.state, policy.Purpose()).granted:
        return target
    problem = Problem(
        "forbidden",
        "certificates are for courts, notaries, operators and the dossier's own parties",
        "仅人民法院、公证机构、节点运营方及该卷宗的当事方可申请出具存证证书。",
        {"name": "not_concerned"},
    )
    return Target(target.asked, problem=problem)


Outcome = tuple[Target, Issued | Problem]


def _answer_one(job: _Job, target: Target) -> Outcome:
    if target.problem is not None:
        return target, target.problem
    try:
        return target, _issue(job, target)
    except Exception as error:  # noqa: BLE001 - what one code meets spoils no other
        return target, job.service.told(error)


def _issue(job: _Job, target: Target) -> Issued:
    request, caller = job.request, job.caller
    order = Order(
        subject=target.subject,
        ordinal=target.ordinal,
        applicant=request.applicant,
        purpose=request.purpose,
        case_no=request.case_no,
        language=request.language,
        pictures=request.pictures,
    )
    wanted = Wanted(order, target.code, disclosed=request.disclosed)
    asked = Asked(caller.member, request.token)
    earlier = job.issuer.earlier(wanted, asked)
    if earlier is not None:
        return earlier
    if not request.disclosed:
        return job.issuer.issue(wanted, asked)
    return job.issuer.issue(wanted.showing(_release(job, target)), asked)


def _release(job: _Job, target: Target) -> tuple[Shown, ...]:
    """The private fields, released to the caller as any request for them releases them."""
    assert target.state is not None
    node = job.service.node
    only: frozenset[str] | None = None
    with node.reader() as reader:
        if target.ordinal is None:
            # nor is anything released where no bundle could hold it
            encode_bundle(bundle_dossier(reader, target.subject, anchors=node.receipts.items))
        else:
            index = reader.dossier_indexes(target.subject)[target.ordinal - 1]
            only = frozenset(reader.entry(index).transaction.digests)
    request = job.request
    asked = AskedFields(target.subject, target.state, request.purpose, request.case_no, only)
    released = release(job.service, job.caller, asked)
    return tuple((item.transaction_id, item.encoded) for item in released.disclosures)


def _told(target: Target, outcome: Issued | Problem) -> dict[str, Any]:
    if isinstance(outcome, Problem):
        return {"code": target.asked, "status": "failed", "problem": outcome.to_json()}
    return {
        "code": outcome.code,
        "status": "issued",
        "certificate_no": outcome.number,
        "report_hash": outcome.report_hash,
        "issued_at": outcome.issued_at,
        "record": outcome.record,
        "pages": outcome.pages,
        "again": "yes" if outcome.again else "no",
        "url": f"/v1/certificates/{outcome.number}.pdf",
    }


@routes.get(
    "/v1/certificates/check",
    summary="Whether a PDF is a certificate on record 核对证书文件",
    response_class=Response,
    responses=answers(models.CertificateChecked, 400),
)
def get_check(
    service: Served,
    sha256: Annotated[
        str,
        Query(
            pattern="^[0-9a-f]{64}$", description="SHA-256 of the PDF file; the file stays with you"
        ),
    ],
) -> Response:
    """By the hash of the file alone: which certificate it is, of which code, when and by whom."""
    with service.node.reader() as reader:
        views = Views(reader, service.node.now())
        indexes = find(reader.rows, "document", sha256, limit=_MOST_RECORDS)
        found = [
            on_record(reader, views, entry)
            for entry in reader.entries(indexes)
            if entry.transaction.type == _EVENT
        ]
    outcome = "on_record" if found else "not_on_record"
    text, text_zh = _CHECKED[outcome]
    return json_answer(
        {
            "sha256": sha256,
            "outcome": outcome,
            "text": text,
            "text_zh": text_zh,
            "certificates": found,
        }
    )


@routes.get(
    "/v1/certificates/{number}.pdf",
    summary="A certificate's PDF 下载存证证书",
    response_class=Response,
    responses=content_of(
        "application/pdf", "The PDF that is on record", "binary", 400, 401, 403, 404, 410
    ),
)
def get_pdf(service: Served, caller: Caller, number: Number) -> Response:
    """For the member that asked for it and for the node's operator, from the node's own copy. Each
    handing out of one that shows private fields is logged."""
    issuer = need_issuer(service)
    number = read_certificate_no(number, place="path.number")
    kept = issuer.kept.find(number)
    report_hash = "" if kept is None else kept.report_hash
    with service.node.reader() as reader:
        entry = certificate_record(reader, number, report_hash)
    if kept is None:
        raise _no_copy(number) if entry is not None else _unknown(number)
    _check_reader(service, caller, kept)
    if entry is None:
        raise Problem(
            "not-ready",
            f"{number} is being put on record",
            f"证书 {number} 正在上链登记",
            {"retry_after": _RETRY_AFTER},
        )
    pdf = issuer.copy_of(kept, entry)
    if kept.disclosed:
        _log(service, caller, kept)
    headers = {"Content-Disposition": f'attachment; filename="{number}.pdf"'}
    return bytes_answer(pdf, "application/pdf", headers)


def _check_reader(service: Service, caller: SignedIn, kept: Kept) -> None:
    if caller.member not in (kept.member, service.node.member):
        raise Problem(
            "forbidden",
            "a certificate's PDF is for the member that asked for it; others check theirs by its "
            "hash",
            "证书文件仅向申请出具的成员提供；其他人可用文件哈希核对。",
        )


def _log(service: Service, caller: SignedIn, kept: Kept) -> None:
    """Put it into the access log, before it is answered."""
    service.node.access_log.append(
        AccessRecord(
            at_ms=service.node.now(),
            member=caller.member,
            kid=caller.kid,
            dossier=kept.about,
            purpose=kept.number,
            case_no="",
            decision="granted",
            reason="certificate",
            digests=(),
        )
    )
    service.metrics.decided("granted")


@routes.get(
    "/v1/certificates/{number}",
    summary="A certificate on record 查询存证证书",
    response_class=Response,
    responses=answers(models.CertificateOnRecord, 400, 404),
)
def get_certificate(service: Served, number: Number) -> Response:
    """What the chain has of it: the code, the SHA-256 of its PDF, when, by whom. For anybody."""
    number = read_certificate_no(number, place="path.number")
    with service.node.reader() as reader:
        entry = certificate_record(reader, number)
        if entry is None:
            raise _unknown(number)
        content = on_record(reader, Views(reader, service.node.now()), entry)
    return json_answer(content)


def on_record(reader: LedgerReader, views: Views, entry: LogEntry) -> dict[str, Any]:
    """What anybody may see of a certificate's record."""
    data, recorded = entry.transaction.data, entry.entry
    about = recorded.facts.get("about")
    if not isinstance(about, str):
        raise LedgerFault(f"entry {entry.index} does not say what its certificate is about")
    return {
        "certificate_no": data["certificate_no"],
        "code": data["code"],
        "about": about,
        "report_hash": data["report_hash"],
        "issuer": views.member(entry.transaction.iss),
        "record": recorded.code,
        "height": recorded.height,
        "time": recorded.time,
        "proven_time": proven_time(reader, recorded.height),
        "id": entry.transaction.id.hex(),
    }


def _unknown(number: str) -> Problem:
    return Problem("not-found", f"no certificate {number} is on record", f"没有证书 {number}")


def _no_copy(number: str) -> Problem:
    return Problem(
        "gone",
        f"{number} is on record, and this node keeps no copy of it: it was issued elsewhere, or "
        "its copy was erased",
        f"证书 {number} 已上链登记，但本节点没有其副本：或由其他节点出具，或副本已删除。",
    )
