"""The page of a block: its header, who signed it, and the leaf hashes of its entries."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from node.api.anchor_standing import anchor_alarms
from node.api.description import content_of
from node.api.problems import Problem
from node.api.requests import read_height
from node.api.service import Served
from node.api.views import Views
from node.api.web.layout import Language, PageLanguage, page_answer, render
from node.api.web.shown import date_time
from node.api.web.texts_dossier import BLOCK
from node.core.block import FLAG_COMMIT, Commit, Header
from node.ledger.reader import LedgerReader
from node.ledger.rows import BlockRow
from node.rules.judgement import in_force
from node.rules.rejections import ACCEPTED

__all__ = ["routes"]

routes = APIRouter(tags=["pages"])

_MOST_LEAVES = 50


@routes.get(
    "/b/{height}",
    summary="Page of a block 区块页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400, 404),
)
def get_block_page(
    service: Served,
    language: PageLanguage,
    height: Annotated[
        str, Path(max_length=20, description="A height, or latest", examples=["latest"])
    ],
) -> Response:
    """Header, roots, the validators that signed, and leaf hashes. Codes of records are not listed:
    who knows one can look it up."""
    node = service.node
    conflicts = [alarm.chain for alarm in anchor_alarms(node)]
    with node.reader() as reader:
        wanted = read_height(height, reader.meta.height)
        row = reader.block(wanted)
        if row is None:
            raise Problem(
                "not-found",
                f"there is no block {wanted}; the newest is {reader.meta.height}",
                f"没有高度为 {wanted} 的区块，最新高度为 {reader.meta.height}",
            )
        return page_answer(
            _Block(reader, language, row, Views(reader, node.now())).render(conflicts)
        )


class _Block:
    """What is shown of one block."""

    def __init__(
        self, reader: LedgerReader, language: Language, row: BlockRow, views: Views
    ) -> None:
        self._reader = reader
        self._language = language
        self._t = BLOCK[language]
        self._row = row
        self._views = views

    def render(self, conflicts: list[str]) -> bytes:
        """The page; ``conflicts`` are outside chains that contradict the ledger."""
        t, row = self._t, self._row
        kept = self._reader.kept(row.height)
        header, commit = (None, None) if kept is None else kept
        last = min(row.size, row.first_index + _MOST_LEAVES)
        leaves = [
            {"index": index, "hash": self._reader.leaf(index).hex()}
            for index in range(row.first_index, last)
        ]
        return render(
            "block.html",
            self._language,
            path=f"/b/{row.height}",
            conflicts=conflicts,
            t=t,
            title=t["title"].format(height=row.height),
            claim=t["claim"].format(time=date_time(row.time)),
            height=row.height,
            newest=self._reader.meta.height,
            rows=self._rows(header),
            hashes=self._hashes(header),
            signed=None if header is None or commit is None else self._signed(header, commit),
            leaves=leaves,
            more=t["more"].format(count=len(leaves)) if last < row.size else "",
        )

    def _rows(self, header: Header | None) -> list[tuple[str, str]]:
        t, row = self._t, self._row
        codes = [code for results in row.results for code in results]
        recorded = codes.count(ACCEPTED)
        rows = [
            (t["height"], str(row.height)),
            (t["time"], date_time(row.time)),
            (
                t["transactions"],
                t["transactions_text"].format(recorded=recorded, refused=len(codes) - recorded),
            ),
            (t["size"], t["size_text"].format(before=row.first_index, size=row.size)),
        ]
        if header is not None:
            rows.append((t["proposer"], self._operator(header.proposer_address.hex())))
        return rows

    def _hashes(self, header: Header | None) -> list[tuple[str, str]]:
        t, row = self._t, self._row
        hashes = [] if header is None else [(t["hash"], header.hash().hex())]
        return [
            *hashes,
            (t["root"], row.root.hex()),
            (t["state_root"], row.state_root.hex()),
            (t["app_hash"], row.app_hash.hex()),
        ]

    def _operator(self, address: str) -> str:
        state = self._reader.state(f"validator/{address}")
        if state is None:
            return self._t["unknown"]
        return self._views.member(in_force(state, self._row.height)["member"])["name"]

    def _signed(self, header: Header, commit: Commit) -> dict[str, Any]:
        validators = self._reader.validators(header.validators_hash)
        voted = {vote.address for vote in commit.signatures if vote.flag == FLAG_COMMIT}
        shown = [
            {
                "address": item.address.hex(),
                "operator": self._operator(item.address.hex()),
                "power": item.power,
                "voted": item.address in voted,
            }
            for item in validators.validators
        ]
        power = sum(item.power for item in validators.validators if item.address in voted)
        share = self._t["share"].format(signed=power, total=validators.total_power)
        return {"validators": shown, "share": share}
