"""The look-up page: whatever somebody has at hand, and the dossiers that it leads to."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from node.api.anchor_standing import anchor_alarms
from node.api.description import content_of
from node.api.dossiers import need_dossier
from node.api.lookup import MAX_QUERY, Found, Hit, look_up
from node.api.near_codes import NearCode, near_codes
from node.api.service import Served
from node.api.views import Views, as_of
from node.api.web.layout import Language, PageLanguage, page_answer, render
from node.api.web.shown import date_time
from node.api.web.texts_look_up import TEXTS
from node.api.web.words import event_title, kind_word, matched_word, status_word
from node.core.evidence_code import tidy_lookup
from node.ledger.reader import LedgerReader

__all__ = ["render_look_up", "routes"]

routes = APIRouter(tags=["pages"])

_MOST_DOSSIERS = 10
_MOST_RECORDS = 30
"""Records that all dossiers of a page show together: it has to come in one round trip."""


@routes.get(
    "/",
    summary="Look-up page 查询页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400),
)
def get_look_up(
    service: Served,
    language: PageLanguage,
    q: Annotated[str, Query(max_length=MAX_QUERY, description="What to look up")] = "",
) -> Response:
    """Dossiers by any number, code or hash, masked, without scripts, in Chinese or English."""
    node = service.node
    content: dict[str, Any] | None = None
    if q.strip():
        with node.reader() as reader:
            found = look_up(reader, q)
            content = {
                "outcome": found.outcome,
                "text": found.text_zh if language == "zh" else found.text,
                "near": near_codes(reader, tidy_lookup(q)) if found.outcome == "mistyped" else [],
                "dossiers": _dossiers(reader, found, Views(reader, node.now())),
                "as_of": as_of(reader, node.config.engine.empty_block_ms),
            }
    alarms = [alarm.chain for alarm in anchor_alarms(node)]
    return page_answer(render_look_up(language, q, content, alarms))


def _dossiers(reader: LedgerReader, found: Found, views: Views) -> list[dict[str, Any]]:
    hits = found.hits[:_MOST_DOSSIERS]
    share = _MOST_RECORDS // max(1, len(hits))
    return [_dossier(reader, hit, views, share) for hit in hits]


def _dossier(reader: LedgerReader, hit: Hit, views: Views, share: int) -> dict[str, Any]:
    head = views.dossier(hit.subject, need_dossier(reader, hit.subject))
    indexes = reader.dossier_indexes(hit.subject)
    ordinal = _ordinal(hit.code)
    chosen = indexes[:share]
    if share < ordinal <= len(indexes):
        chosen[-1] = indexes[ordinal - 1]
    entries = list(views.records(chosen, whole=False))
    return {**head, "matched": hit.matched, "sought": hit.code, "entries": entries}


def _ordinal(code: str) -> int:
    ordinal = code.partition("-")[2]
    return int(ordinal) if ordinal.isdigit() else 0


def render_look_up(
    language: Language, query: str, found: dict[str, Any] | None, alarms: list[str]
) -> bytes:
    """The page's bytes.

    Args:
        language: of the page.
        query: as it was typed.
        found: what it came to: ``outcome`` and its ``text``, the codes ``near`` to a mistyped one,
            ``dossiers`` each with ``matched``, ``sought`` and ``entries``, ``as_of``; None before
            anything was asked.
        alarms: the outside chains that contradict the ledger.
    """
    t = TEXTS[language]
    claim, shown = t["claim"], None
    if found is not None:
        shown = {
            "told": _told(found, t),
            "near": [{"code": one.code, "told": _near(one, t)} for one in found["near"]],
            "dossiers": [_card(dossier, language) for dossier in found["dossiers"]],
            "as_of": t["as_of"].format(
                height=found["as_of"]["height"], time=date_time(found["as_of"]["time"])
            ),
        }
        times = [entry["time"] for one in found["dossiers"] for entry in one["entries"]]
        if times:
            claim = t["claim_found"].format(first=date_time(min(times)))
    asked = {"q": query} if query else {}
    return render(
        "look_up.html",
        language,
        query=asked,
        t=t,
        claim=claim,
        asked=query,
        found=shown,
        conflicts=alarms,
    )


def _told(found: dict[str, Any], t: dict[str, str]) -> str:
    if found["outcome"] != "found":
        text: str = found["text"]
        return text
    told = t["found"].format(count=len(found["dossiers"]))
    if {dossier["matched"] for dossier in found["dossiers"]} == {"alias"}:
        told += t["as_alias"]
    return told


def _near(one: NearCode, t: dict[str, str]) -> str:
    if not one.typed:
        return t["near_swap"].format(place=one.place, next=one.place + 1)
    return t["near_digit"].format(place=one.place, digit=one.digit, typed=one.typed)


def _card(dossier: dict[str, Any], language: Language) -> dict[str, Any]:
    t = TEXTS[language]
    rows = [
        (t["matched"], matched_word(dossier["matched"], language)),
        (t["kind"], kind_word(dossier["kind"], language)),
        (t["opener"], dossier["opener"]["name"]),
        (t["status"], status_word(dossier["status"], language)),
        (t["count"], str(dossier["records"])),
    ]
    if "-" in dossier["sought"]:
        rows.insert(1, (t["matched_record"], dossier["sought"]))
    entries = [
        {
            "title": event_title(entry["type"], language),
            "code": entry["code"],
            "sought": entry["code"] == dossier["sought"],
            "chained": t["chained"].format(time=date_time(entry["time"]), height=entry["height"]),
            "id": entry["id"],
        }
        for entry in dossier["entries"]
    ]
    more = ""
    if dossier["records"] > len(entries):
        more = t["more"].format(count=len(entries))
    return {"code": dossier["code"], "rows": rows, "entries": entries, "more": more}
