"""Routes of blocks, seals' statuses and the state map."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from node.api import models
from node.api.convertors import rest
from node.api.description import answers
from node.api.problems import Problem, malformed
from node.api.proofs import signed_json, state_json
from node.api.requests import MaybeCaller, read_height
from node.api.responses import FOR_EVER, json_answer
from node.api.seals import SealStatus, read_moment, seal_status
from node.api.service import Served
from node.api.views import STATUSES_ZH, Views, as_of
from node.core.encoding import MAX_INTEGER
from node.core.statemap import STATE_KEY, STATE_KEY_RULE
from node.ledger.reader import LedgerReader
from node.ledger.rows import BlockRow
from node.rules.rejections import ACCEPTED, REJECTIONS

__all__ = ["routes"]

routes = APIRouter()

_MOST_BLOCKS = 100


@routes.get(
    "/v1/seals/{es_id}/status",
    tags=["seals"],
    summary="Status of a seal at a moment 印章状态",
    response_class=Response,
    responses=answers(models.SealStatus, 400, 404, 503),
)
def get_seal_status(
    service: Served,
    es_id: Annotated[
        str,
        Path(
            pattern="^[A-Za-z0-9._-]{1,64}$",
            description="The seal's id 印章标识",
            examples=["ES-0001"],
        ),
    ],
    at: Annotated[
        str,
        Query(
            max_length=40,
            description="The moment: ms since 1970, or RFC 3339; now if empty 时点",
        ),
    ] = "",
) -> Response:
    """By the records made until then, and the end of the seal's validity. The proof is of the
    seal's state now: compare `set_by` with the dossier's records for another moment."""
    node = service.node
    now = node.now()
    moment = read_moment(at, now) if at else now
    with node.reader() as reader:
        found = seal_status(reader, es_id, moment)
        content = {
            **_status_json(found, Views(reader, moment)),
            "as_of": as_of(reader, node.config.engine.empty_block_ms),
            "now": state_json(reader, f"seal/{es_id}"),
        }
    return json_answer(content)


def _status_json(found: SealStatus, views: Views) -> dict[str, Any]:
    return {
        "es_id": found.es_id,
        "at": found.at,
        "status": found.status,
        "status_zh": STATUSES_ZH.get(found.status, "当时尚无记录"),
        "derived": found.derived,
        "valid_from": found.seal["valid_from"],
        "valid_to": found.seal["valid_to"],
        "dossier": found.dossier,
        "set_by": None if found.set_by is None else views.masked_record(found.set_by),
    }


@routes.get(
    "/v1/blocks",
    tags=["chain"],
    summary="Blocks, newest first 区块列表",
    response_class=Response,
    responses=answers(models.Blocks, 400),
)
def get_blocks(
    service: Served,
    before: Annotated[
        int | None, Query(ge=0, le=MAX_INTEGER, description="Only blocks below this height")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_BLOCKS)] = 20,
) -> Response:
    """Heights, times, sizes and roots. Most blocks of a quiet chain are empty ones."""
    with service.node.reader() as reader:
        top = reader.meta.height if before is None else min(before - 1, reader.meta.height)
        rows = (reader.block(height) for height in range(top, max(top - limit, -1), -1))
        blocks = [_block_summary(row) for row in rows if row is not None]
    return json_answer({"blocks": blocks})


def _block_summary(row: BlockRow) -> dict[str, Any]:
    transactions = sum(map(len, row.results))
    recorded = sum(results.count(ACCEPTED) for results in row.results)
    return {
        "height": row.height,
        "time": row.time,
        "transactions": transactions,
        "recorded": recorded,
        "refused": transactions - recorded,
        "size": row.size,
        "root": row.root.hex(),
        "state_root": row.state_root.hex(),
        "app_hash": row.app_hash.hex(),
    }


@routes.get(
    "/v1/blocks/{height}",
    tags=["chain"],
    summary="A block 区块",
    response_class=Response,
    responses=answers(models.Block, 400, 404),
)
def get_block(
    service: Served,
    height: Annotated[
        str, Path(max_length=20, description="A height, or latest", examples=["latest"])
    ],
) -> Response:
    """Header, commit, validators, what became of each transaction, and the roots after it, which
    the next block's header shows."""
    with service.node.reader() as reader:
        wanted = read_height(height, reader.meta.height)
        row = reader.block(wanted)
        if row is None:
            raise Problem(
                "not-found",
                f"there is no block {wanted}; the newest is {reader.meta.height}",
                f"没有高度为 {wanted} 的区块，最新高度为 {reader.meta.height}",
            )
        content: dict[str, Any] = {
            **_block_summary(row),
            "first_index": row.first_index,
            "results": [_result_json(code) for results in row.results for code in results],
            **_signed(reader, wanted),
        }
    final = height != "latest" and content["commit"] is not None
    return json_answer(content, headers=FOR_EVER if final else None)


def _result_json(code: int) -> dict[str, Any]:
    if code == ACCEPTED:
        return {"code": 0, "name": "recorded"}
    return {"code": code, "name": REJECTIONS[code].name}


def _signed(reader: LedgerReader, height: int) -> dict[str, Any]:
    """Header and commit; none of the point before the first block."""
    kept = reader.kept(height)
    if kept is None or kept[1] is None:
        return {"header": None, "commit": None, "validators": None}
    return signed_json(reader, kept[0], kept[1])


@routes.get(
    "/v1/state/" + rest("key"),
    tags=["proofs"],
    summary="Proof of a key of the state map 状态证明",
    response_class=Response,
    responses=answers(models.StateAnswer, 400, 401, 403, 503),
)
def get_state(
    service: Served,
    caller: MaybeCaller,
    key: Annotated[
        str,
        Path(
            description="Such as member/<id>, key/<kid>, seal/<es_id>, code/<13 digits>",
            examples=["member/platform-a"],
        ),
    ],
) -> Response:
    """What the key holds, or that it is absent, under the state root of the newest header. Keys
    `dossier/…` are for members."""
    if STATE_KEY.fullmatch(key) is None:
        raise malformed("path.key", STATE_KEY_RULE)
    if key.startswith("dossier/") and caller is None:
        raise Problem(
            "unauthenticated",
            "dossiers' values are for members: sign the request",
            "卷宗状态仅供成员查询，请对请求签名。",
            headers={"WWW-Authenticate": 'Bearer realm="evidence-ledger"'},
        )
    with service.node.reader() as reader:
        return json_answer(state_json(reader, key))
