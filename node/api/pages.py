"""The route of the look-up page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from node.api.anchor_standing import anchor_alarms
from node.api.description import content_of
from node.api.dossiers import need_dossier
from node.api.lookup import MAX_QUERY, Found, look_up
from node.api.service import Served
from node.api.views import Views, as_of
from node.api.web.page import PAGE_HEADERS, Page
from node.ledger.reader import LedgerReader

__all__ = ["routes"]

routes = APIRouter(tags=["pages"])

_MOST_DOSSIERS = 10
_MOST_RECORDS = 200


@routes.get(
    "/",
    summary="Look-up page 查询页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400),
)
def get_page(
    service: Served,
    q: Annotated[str, Query(max_length=MAX_QUERY, description="What to look up")] = "",
    lang: Annotated[Literal["zh", "en"], Query(description="Language")] = "zh",
) -> Response:
    """The time line of a dossier for people: masked, without scripts, in Chinese or English."""
    node = service.node
    content: dict[str, Any] | None = None
    if q.strip():
        with node.reader() as reader:
            found = look_up(reader, q)
            content = {
                "outcome": found.outcome,
                "text": found.text,
                "text_zh": found.text_zh,
                "dossiers": _dossiers(reader, found, Views(reader, node.now())),
                "as_of": as_of(reader, node.config.engine.empty_block_ms),
            }
    alarms = [alarm.chain for alarm in anchor_alarms(node)]
    body = Page(lang).render(q, content, alarms)
    return Response(body, 200, PAGE_HEADERS, "text/html; charset=utf-8")


def _dossiers(reader: LedgerReader, found: Found, views: Views) -> list[dict[str, Any]]:
    shown = []
    for hit in found.hits[:_MOST_DOSSIERS]:
        head = views.dossier(hit.subject, need_dossier(reader, hit.subject))
        indexes = reader.dossier_indexes(hit.subject)[:_MOST_RECORDS]
        entries = list(views.records(indexes, whole=False))
        shown.append({**head, "matched": hit.matched, "entries": entries})
    return shown
