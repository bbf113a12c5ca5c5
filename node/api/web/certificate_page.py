"""The page of certificates: is this number, or this file's hash, on record, and how to get one."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from node.api.anchor_standing import anchor_alarms
from node.api.description import content_of
from node.api.lookup import MAX_QUERY
from node.api.service import Served
from node.api.standing import proven_time
from node.api.views import Views
from node.api.web.layout import Language, PageLanguage, page_answer, render
from node.api.web.shown import date_time
from node.api.web.texts_certificate import TEXTS
from node.core.evidence_code import tidy_lookup
from node.evidence.certificates.numbering import is_mistyped
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader, LogEntry

__all__ = ["find_certificates", "routes"]

routes = APIRouter(tags=["pages"])

_MOST = 10
_HEX = re.compile(r"[0-9A-F]{64}", re.ASCII)
_TYPE = "certificate.issued"


@routes.get(
    "/certificate",
    summary="Page of certificates 证书页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400),
)
def get_certificate_page(
    service: Served,
    language: PageLanguage,
    q: Annotated[
        str,
        Query(max_length=MAX_QUERY, description="A certificate's number, or its file's SHA-256"),
    ] = "",
) -> Response:
    """Which certificate has this number, or this file, as the ledger has it on record."""
    with service.node.reader() as reader:
        found = find_certificates(reader, q) if q.strip() else None
        views = Views(reader, service.node.now())
        shown = None if found is None else [_shown(reader, one, views, language) for one in found]
    t = TEXTS[language]
    by_hash = _HEX.fullmatch(tidy_lookup(q)) is not None
    claim = t["claim"]
    if shown:
        claim = t["claim_found"].format(number=shown[0]["number"], time=shown[0]["time"])
    return page_answer(
        render(
            "certificate.html",
            language,
            path="/certificate",
            query={"q": q} if q else {},
            conflicts=[alarm.chain for alarm in anchor_alarms(service.node)],
            t=t,
            claim=claim,
            asked=q,
            found=shown,
            told=t[_outcome(q, shown, by_hash=by_hash)],
        )
    )


def _outcome(query: str, shown: list[dict[str, Any]] | None, *, by_hash: bool) -> str:
    """The name of the text that says what a look-up came to."""
    if shown:
        return "by_hash" if by_hash else "found"
    return "mistyped" if is_mistyped(tidy_lookup(query)) else "not_found"


def find_certificates(reader: LedgerReader, text: str) -> list[LogEntry]:
    """The records of certificates with this number, or of this file (SHA-256 in hex), oldest
    first."""
    query = tidy_lookup(text[:MAX_QUERY])
    if not query or not query.isprintable():
        return []
    if _HEX.fullmatch(query):
        indexes = find(reader.rows, "document", query.lower(), limit=_MOST)
    else:
        indexes = find(reader.rows, "certificate_no", query, limit=_MOST)
    return [one for one in reader.entries(indexes) if one.transaction.type == _TYPE]


def _shown(
    reader: LedgerReader, entry: LogEntry, views: Views, language: Language
) -> dict[str, Any]:
    t, data, recorded = TEXTS[language], entry.transaction.data, entry.entry
    span = t["time_text"].format(
        time=date_time(recorded.time),
        proven=date_time(proven_time(reader, recorded.height)),
        height=recorded.height,
    )
    return {
        "number": data["certificate_no"],
        "code": data["code"],
        "time": date_time(recorded.time),
        "rows": [(t["issuer"], views.member(entry.transaction.iss)["name"]), (t["time"], span)],
        "hash": data["report_hash"],
        "record": recorded.code,
        "id": entry.transaction.id.hex(),
    }
