"""The page of statistics: what the ledger counted, drawn, each drawing with its table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from node.api.description import content_of
from node.api.service import Served
from node.api.web.daily import DAYS, Day
from node.api.web.layout import Language, PageLanguage, page_answer, render
from node.api.web.plots import bar_width, draw_columns
from node.api.web.seal_census import Census
from node.api.web.shown import date_time, day_name
from node.api.web.texts_statistics import TEXTS
from node.api.web.words import event_title, kind_word, status_word
from node.ledger.rows import Meta
from node.ledger.statistics import Statistics
from node.rules.rejections import REJECTIONS

__all__ = ["routes"]

routes = APIRouter(tags=["pages"])

_ENDED = ("signing.completed", "signing.rejected", "signing.voided")
_SIGNINGS = (
    ("initiated", "signing.initiated"),
    ("verified", "signing.identity_verified"),
    ("sealed", "signing.sealed"),
    ("completed", "signing.completed"),
    ("rejected", "signing.rejected"),
    ("voided", "signing.voided"),
)


@routes.get(
    "/statistics",
    summary="Statistics 统计页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400),
)
def get_statistics_page(service: Served, language: PageLanguage) -> Response:
    """Records a day and by type, seals by status, signings, anchors: from the ledger only."""
    with service.node.reader() as reader:
        days, counts, meta = service.daily.days(reader), Statistics.load(reader.rows), reader.meta
    census = service.census.newest(service.node)
    return page_answer(_Shown(language, meta, counts, days, census).render())


class _Shown:
    """The page's content."""

    def __init__(
        self,
        language: Language,
        meta: Meta,
        counts: Statistics,
        days: list[Day],
        census: Census | None,
    ) -> None:
        self._language = language
        self._t = TEXTS[language]
        self._meta = meta
        self._counts = counts
        self._days = days
        self._census = census

    def render(self) -> bytes:
        """The page."""
        t, meta = self._t, self._meta
        days = [
            {"name": day_name(day.begin), "records": day.records, "anchors": day.anchors}
            for day in self._days
        ]
        names = [day_name(day.begin)[5:] for day in self._days]
        records = [day.records for day in self._days]
        anchors = [day.anchors for day in self._days]
        return render(
            "statistics.html",
            self._language,
            path="/statistics",
            t=t,
            claim=t["claim"].format(height=meta.height, time=date_time(meta.time)),
            totals=self._totals(),
            days=days[::-1],
            many=DAYS,
            daily=draw_columns(records, names),
            daily_alt=t["daily_alt"].format(days=DAYS, most=max(records)),
            anchored=draw_columns(anchors, names),
            anchored_alt=t["daily_anchors_alt"].format(days=DAYS, most=max(anchors)),
            tables=self._tables(),
        )

    def _totals(self) -> list[tuple[str, str]]:
        t, counts = self._t, self._counts
        return [
            (t["records"], f"{counts.records.total():,}"),
            (t["dossiers"], f"{counts.dossiers.total():,}"),
            (t["anchors"], f"{counts.records['anchor.confirmed']:,}"),
            (t["refused"], f"{counts.refused.total():,}"),
        ]

    def _tables(self) -> list[dict[str, Any]]:
        counts, language = self._counts, self._language
        types = ((event_title(name, language), n) for name, n in counts.records.most_common())
        kinds = ((kind_word(name, language), n) for name, n in counts.dossiers.most_common())
        column = "text_zh" if language == "zh" else "text"
        refusals = (
            (getattr(REJECTIONS[code], column), n) for code, n in counts.refused.most_common()
        )
        return [
            self._table("by_type", "type", types),
            self._seals(),
            self._table("signings", "step", self._signings(), ordered=True),
            self._table("kinds", "kind", kinds),
            self._table("refusals", "reason", refusals),
        ]

    def _table(
        self, name: str, first: str, rows: Iterable[tuple[str, int]], *, ordered: bool = False
    ) -> dict[str, Any]:
        t = self._t
        listed = list(rows)
        most = max((number for _, number in listed), default=0)
        if ordered and not most:
            listed = []
        return {
            "id": name.replace("_", "-"),
            "title": t[name],
            "caption": t[f"{name}_caption"],
            "first": t[first],
            "empty": t["none"],
            "rows": [
                {"name": text, "number": f"{number:,}", "bar": bar_width(number, most or 1)}
                for text, number in listed
            ],
        }

    def _seals(self) -> dict[str, Any]:
        t, census = self._t, self._census
        if census is None:
            empty: dict[str, Any] = {**self._table("seals", "seal_status", ())}
            return {**empty, "empty": t["counting"]}
        ranked = sorted(census.seals.items(), key=lambda item: (-item[1], item[0]))
        rows = ((status_word(name, self._language), number) for name, number in ranked)
        table = self._table("seals", "seal_status", rows)
        caption = t["seals_caption"].format(height=census.height, time=date_time(census.time))
        return {**table, "caption": caption, "empty": t["no_seals"]}

    def _signings(self) -> list[tuple[str, int]]:
        records = self._counts.records
        rows = [(self._t[name], records[event]) for name, event in _SIGNINGS]
        under_way = records["signing.initiated"] - sum(records[event] for event in _ENDED)
        return [*rows, (self._t["open"], under_way)]
