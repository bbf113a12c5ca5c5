"""Routes of dossiers: shown masked or whole, found by anything, and as bundles."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from node.api import models
from node.api.description import answers
from node.api.disclosures import Asked, release
from node.api.lookup import MAX_QUERY, look_up
from node.api.problems import Problem, malformed
from node.api.requests import Caller, CaseNo, FromSize, Hex32, MaybeCaller, Purpose, Subject
from node.api.responses import file_answer, json_answer
from node.api.service import Served
from node.api.views import Views, as_of
from node.core.encoding import MAX_INTEGER
from node.evidence.bundle import Shown, bundle_dossier, encode_bundle
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader
from node.rules.judgement import State

__all__ = ["need_dossier", "routes"]

routes = APIRouter(tags=["dossiers"])

_MOST_RECORDS = 1000


def need_dossier(reader: LedgerReader, subject: str) -> State:
    """A dossier's value in the state map. Raises Problem (404)."""
    state = reader.state(f"dossier/{subject}")
    if state is None:
        raise Problem("not-found", f"there is no dossier {subject}", f"没有卷宗 {subject}")
    return state


@routes.get(
    "/v1/lookup",
    summary="Find dossiers by any number, code or hash 按编号、编码或哈希查询",
    response_class=Response,
    responses=answers(models.Lookup, 400),
)
def get_lookup(
    service: Served,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=MAX_QUERY,
            description="A code, alias, 签约编号, seal id or code, filing or certificate number, "
            "SHA-256 of a document, transaction id, or a dossier's own name",
            examples=["FILING-0001"],
        ),
    ],
) -> Response:
    """Forgives full-width characters, blanks, dashes and case, and tells a mistyped digit of a code
    (`outcome` "mistyped") from a code that nothing has ("unknown_code")."""
    node = service.node
    with node.reader() as reader:
        found = look_up(reader, q)
        views = Views(reader, node.now())
        dossiers = [
            {
                "matched": hit.matched,
                "record": hit.code,
                **views.dossier(hit.subject, need_dossier(reader, hit.subject)),
            }
            for hit in found.hits
        ]
        content = {
            "query": found.query,
            "outcome": found.outcome,
            "text": found.text,
            "text_zh": found.text_zh,
            "dossiers": dossiers,
            "as_of": as_of(reader, node.config.engine.empty_block_ms),
        }
    return json_answer(content)


@routes.get(
    "/v1/dossiers/{sub}",
    summary="A dossier and its records 查询卷宗",
    response_class=Response,
    responses=answers(models.Dossier, 400, 401, 403, 404),
)
def get_dossier(
    service: Served,
    caller: MaybeCaller,
    sub: Subject,
    first: Annotated[
        int, Query(ge=1, le=MAX_INTEGER, description="Ordinal of the first record to show")
    ] = 1,
    limit: Annotated[
        int, Query(ge=1, le=_MOST_RECORDS, description="Most records to show")
    ] = _MOST_RECORDS,
) -> Response:
    """Without a signature the masked minimum: codes, types, members, times, what the rules found,
    hashes, counts. Signed by a member: whole entries too."""
    node = service.node
    with node.reader() as reader:
        state = need_dossier(reader, sub)
        views = Views(reader, node.now())
        chosen = reader.dossier_indexes(sub)[first - 1 : first - 1 + limit]
        content = {
            **views.dossier(sub, state),
            "masked": caller is None,
            "entries": list(views.records(chosen, whole=caller is not None)),
            "as_of": as_of(reader, node.config.engine.empty_block_ms),
        }
        if caller is not None:
            content["about"] = _about(reader, views, state)
    return json_answer(content)


def _about(reader: LedgerReader, views: Views, state: State) -> list[dict[str, Any]]:
    """Records of other dossiers about this one: certificates, disclosures, erasures."""
    indexes = list(find(reader.rows, "about", state["code"], limit=_MOST_RECORDS))
    return list(views.records(indexes, whole=True))


@routes.get(
    "/v1/dossiers/{sub}/bundle",
    summary="Evidence bundle of a dossier 卷宗证据包",
    response_class=Response,
    responses=answers(models.Bundle, 400, 401, 403, 404, 503),
)
def get_bundle(
    service: Served,
    caller: Caller,
    sub: Subject,
    disclosures: Annotated[
        Literal["none", "all"], Query(description="Whether private fields are to be in it")
    ] = "none",
    purpose: Purpose = "",
    case_no: CaseNo = "",
    from_size: FromSize = None,
) -> Response:
    """All records up to the last, with everything that is needed to check them offline. With
    `disclosures=all` the private fields too, decided and logged as `…/disclosures` is. For
    members."""
    shown: list[Shown] = []
    receipts = service.node.receipts.items
    with service.node.reader() as reader:
        state = need_dossier(reader, sub)
        if from_size is not None and from_size > reader.meta.size:  # before anything is released
            raise malformed("query.from_size", f"must be at most {reader.meta.size}")
        if disclosures == "all":
            # nor is anything released where no bundle could hold it
            encode_bundle(bundle_dossier(reader, sub, from_size=from_size, anchors=receipts))
            released = release(service, caller, Asked(sub, state, purpose, case_no))
            shown = [(item.transaction_id, item.encoded) for item in released.disclosures]
    with service.node.reader() as reader:
        bundle = bundle_dossier(reader, sub, shown, from_size=from_size, anchors=receipts)
    return file_answer(encode_bundle(bundle), f"CZ{state['code']}.json")


@routes.get(
    "/v1/documents/{sha256}",
    summary="Records that name a document 按文件哈希查询",
    response_class=Response,
    responses=answers(models.Document, 400, 404),
)
def get_document(service: Served, sha256: Hex32) -> Response:
    """The records, masked, in which the document of this SHA-256 occurs: initiated, sealed with it
    as the result, or imported."""
    with service.node.reader() as reader:
        indexes = list(find(reader.rows, "document", sha256, limit=_MOST_RECORDS))
        if not indexes:
            raise Problem(
                "not-found",
                f"no record names a document with SHA-256 {sha256}",
                "本账本中没有记录引用该哈希的文件",
            )
        views = Views(reader, service.node.now())
        content = {
            "sha256": sha256,
            "entries": [
                {**views.masked_record(entry), "sub": entry.transaction.sub}
                for entry in reader.entries(indexes)
            ],
            "as_of": as_of(reader, service.node.config.engine.empty_block_ms),
        }
    return json_answer(content)
