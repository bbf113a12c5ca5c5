"""The page of a dossier: its time line, the proof of each record, its anchors and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import RedirectResponse, Response

from node.api.anchor_standing import anchor_alarms
from node.api.description import content_of
from node.api.dossiers import need_dossier
from node.api.examples import CODE
from node.api.problems import Problem
from node.api.service import Served
from node.api.views import Views, as_of
from node.api.web.layout import Language, PageLanguage, page_answer, render, target
from node.api.web.shown import clock_time, date_time
from node.api.web.texts_dossier import DOSSIER
from node.api.web.time_line import draw_time_line
from node.api.web.vouching import Vouching, vouching_chains
from node.api.web.words import event_title, fact_rows, kind_word, status_word
from node.core.encoding import MAX_INTEGER
from node.core.errors import InvalidEncoding
from node.core.evidence_code import EvidenceCode, parse_code, tidy_lookup
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader
from node.rules.judgement import State

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["RECORDS_A_PAGE", "routes"]

routes = APIRouter(tags=["pages"])

RECORDS_A_PAGE = 20
_MOST_RELATED = 50
_SEAL_TYPES = ("seal.filed", "seal.imported")


@routes.get(
    "/d/{code}",
    summary="Page of a dossier 卷宗页面",
    response_class=Response,
    responses={
        **content_of("text/html", "A page", "string", 400, 404),
        303: {"description": "It is no code: the look-up page tries it as something else"},
    },
)
def get_dossier_page(
    service: Served,
    language: PageLanguage,
    code: Annotated[
        str,
        Path(
            max_length=60,
            description="An evidence code, with or without a record's number",
            examples=[CODE],
        ),
    ],
    first: Annotated[
        int | None,
        Query(ge=1, le=MAX_INTEGER, description="Number of the first record to show"),
    ] = None,
) -> Response:
    """The records in order with their four times, their block and proof; which outside chains vouch
    for them since when; the seal's facts; certificates that were issued of it. Masked."""
    node = service.node
    sought = _read_code(code)
    if sought is None:
        return RedirectResponse(target("/", language, {"q": code}), 303)
    with node.reader() as reader:
        held = reader.state(f"code/{sought.digits}")
        if held is None:
            raise Problem("not-found", f"no dossier has the code {sought}", f"没有卷宗 {sought}")
        page = _Dossier(node, reader, language, held["dossier"], sought)
        return page_answer(page.render(_first_shown(first, sought)))


def _read_code(text: str) -> EvidenceCode | None:
    try:
        return parse_code(tidy_lookup(text))
    except InvalidEncoding:
        return None


def _first_shown(first: int | None, sought: EvidenceCode) -> int:
    if first is not None:
        return first
    ordinal = sought.ordinal or 1
    return ordinal - (ordinal - 1) % RECORDS_A_PAGE


class _Dossier:
    """What is shown of one dossier, as one reader sees it."""

    def __init__(
        self,
        node: Node,
        reader: LedgerReader,
        language: Language,
        subject: str,
        sought: EvidenceCode,
    ) -> None:
        self._node = node
        self._reader = reader
        self._language = language
        self._t = DOSSIER[language]
        self._subject = subject
        self._sought = sought
        self._state: State = need_dossier(reader, subject)
        self._views = Views(reader, node.now())
        self._headers: dict[int, str] = {}

    def render(self, first: int) -> bytes:
        """The page from the record with the number ``first`` on."""
        t, count = self._t, self._state["count"]
        indexes = self._reader.dossier_indexes(self._subject)
        first = min(first, count)
        chosen = indexes[first - 1 : first - 1 + RECORDS_A_PAGE]
        records = list(self._views.records(chosen, whole=False))
        since = records[0] if first == 1 else next(self._views.records(indexes[:1], whole=False))
        moment = as_of(self._reader, self._node.config.engine.empty_block_ms)
        return render(
            "dossier.html",
            self._language,
            path=f"/d/{self._sought}",
            query={} if first == 1 else {"first": str(first)},
            conflicts=[alarm.chain for alarm in anchor_alarms(self._node)],
            t=t,
            title=t["title"].format(code=self._sought.dossier),
            claim=t["claim"].format(first=date_time(since["time"])),
            code=self._sought.dossier,
            rows=self._head(),
            seal=self._seal(indexes),
            es_id=self._state.get("es_id", ""),
            drawing=draw_time_line(records, first),
            records=[self._record(record, first + at) for at, record in enumerate(records)],
            pages=self._pages(first, len(records), count),
            vouching=[self._vouching(one, count) for one in self._vouched(indexes)],
            related=self._related(),
            as_of=t["as_of"].format(height=moment["height"], time=date_time(moment["time"])),
        )

    def _head(self) -> list[tuple[str, str]]:
        t, head = self._t, self._views.dossier(self._subject, self._state)
        return [
            (t["code"], head["code"]),
            (t["kind"], kind_word(head["kind"], self._language)),
            (t["opener"], head["opener"]["name"]),
            (t["status"], status_word(head["status"], self._language)),
            (t["version"], str(head["status_version"])),
            (t["count"], str(head["records"])),
        ]

    def _seal(self, indexes: list[int]) -> list[tuple[str, str]]:
        """Facts of a seal's dossier. Its name is its owner's, so it is not among them."""
        t, es_id = self._t, self._state.get("es_id")
        held = None if es_id is None else self._reader.state(f"seal/{es_id}")
        if es_id is None or held is None:
            return []
        rows = [
            (t["seal_id"], es_id),
            (t["owner_kind"], t[held["owner_kind"]]),
            (
                t["valid"],
                t["valid_text"].format(
                    start=date_time(held["valid_from"]), end=date_time(held["valid_to"])
                ),
            ),
        ]
        for entry in self._reader.entries(indexes[:RECORDS_A_PAGE]):
            if entry.transaction.type in _SEAL_TYPES:
                data = entry.transaction.data
                rows.append((t["filed"], data["filing_no"]))
                rows.append((t["filed_by"], data["filing_unit_name"]))
        if "supersedes" in held:
            rows.append((t["supersedes"], held["supersedes"]))
        return rows

    def _record(self, record: dict[str, Any], number: int) -> dict[str, Any]:
        t = self._t
        times = [(t["occurred"], clock_time(record["occurred_at"]))]
        if record["collected_at"] is not None:
            times.append((t["collected"], clock_time(record["collected_at"])))
        times.append((t["submitted"], clock_time(record["submitted_at"])))
        chained = t["chained_text"].format(
            time=clock_time(record["time"]), proven=clock_time(record["proven_time"])
        )
        times.append((t["chained"], chained))
        return {
            **record,
            "number": number,
            "title": event_title(record["type"], self._language),
            "rows": [*times, (t["member"], record["member"]["name"])],
            "found": fact_rows(record["facts"], self._language),
            "header": self._header(record["height"]),
            "sought": number == self._sought.ordinal,
        }

    def _header(self, height: int) -> str:
        if height not in self._headers:
            self._headers[height] = self._reader.header(height).hash().hex()
        return self._headers[height]

    def _pages(self, first: int, shown: int, count: int) -> dict[str, Any]:
        later = first + shown
        return {
            "range": self._t["range"].format(first=first, last=later - 1, count=count),
            "earlier": str(max(1, first - RECORDS_A_PAGE)) if first > 1 else "",
            "later": str(later) if later <= count else "",
        }

    def _vouched(self, indexes: list[int]) -> list[Vouching]:
        return vouching_chains(self._node, self._reader, indexes)

    def _vouching(self, one: Vouching, count: int) -> dict[str, Any]:
        return {
            "chain": one.chain,
            "since": self._t["unconfirmed"] if one.time is None else date_time(one.time),
            "covers": self._t["covers_text"].format(covers=one.covers, count=count),
            "member": self._views.member(one.member)["name"],
            "transaction": one.transaction,
            "receipt": one.receipt,
        }

    def _related(self) -> list[dict[str, Any]]:
        """Records of other dossiers about this one, the newest last."""
        found = find(self._reader.rows, "about", self._state["code"], limit=_MOST_RELATED)
        return [
            {
                "title": event_title(entry.transaction.type, self._language),
                "number": entry.transaction.data.get("certificate_no", ""),
                "code": entry.entry.code,
                "time": date_time(entry.entry.time),
                "member": self._views.member(entry.transaction.iss)["name"],
            }
            for entry in self._reader.entries(found)
        ]
