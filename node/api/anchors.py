"""Routes of anchor points, of outside chains' receipts, and of how the node's anchors stand."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from chaincode_adapters.receipts import decode_item
from node.api import models
from node.api.anchor_standing import anchor_alarms, anchor_standing
from node.api.description import answers, content_of
from node.api.examples import RECEIPT
from node.api.problems import Problem
from node.api.responses import FOR_EVER, bytes_answer, json_answer
from node.api.service import Served
from node.core.anchors.point import AnchorPoint
from node.core.encoding import MAX_INTEGER
from node.ledger.reader import LedgerReader
from node.ledger.rows import ANCHOR_POINT

__all__ = ["point_of_size", "routes"]

routes = APIRouter(tags=["anchors"])

_MOST_POINTS = 20
_PRIVATE = ("parked", "stopped", "trouble", "waiting")


def point_of_size(reader: LedgerReader, size: int) -> AnchorPoint | None:
    """The anchor point of a size of the log, None where there is none, or none yet."""
    if not 0 < size <= reader.meta.size:
        return None
    geneses = dict(zip(reader.genesis_documents(), reader.geneses()))
    genesis = geneses.get(size - 1)
    if genesis is not None:
        first = genesis.initial_height - 1 if size > 1 else 0
    else:
        first = reader.entry(size - 1).entry.height
    found = next(reader.anchor_points(first - 1), None)
    return found if found is not None and found.size == size else None


@routes.get(
    "/v1/anchors",
    summary="Anchors on outside chains 第三方存证",
    response_class=Response,
    responses=answers(models.Anchors),
)
def get_anchors(service: Served) -> Response:
    """The newest anchor points, how this node's adapters stand, and alarms: what an outside chain
    holds that contradicts this ledger."""
    node = service.node
    with node.reader() as reader:
        points = [_point_json(point) for point in _newest_points(reader)]
    adapters = [
        {name: value for name, value in one.items() if name not in _PRIVATE}
        for one in anchor_standing(node)
    ]
    alarms = [alarm.to_json() for alarm in anchor_alarms(node)]
    return json_answer({"adapters": adapters, "alarms": alarms, "points": points})


@routes.get(
    "/v1/anchors/{size}",
    summary="An anchor point and its receipts 存证锚点",
    response_class=Response,
    responses=answers(models.Anchored, 400, 404),
)
def get_anchor(
    service: Served,
    size: Annotated[
        int, Path(ge=1, le=MAX_INTEGER, description="Its size of the log", examples=[1])
    ],
) -> Response:
    """The point after which the log has so many entries, and the receipts that this node has."""
    node = service.node
    with node.reader() as reader:
        point = point_of_size(reader, size)
    if point is None:
        raise Problem(
            "not-found", f"the log has no anchor point of size {size}", "日志在该长度处没有锚点"
        )
    receipts = []
    for held in node.receipts.at(size):
        content = node.receipts.get(held.receipt)
        if content is not None:
            receipts.append(
                {
                    "chain": held.chain,
                    "hash": held.receipt.hex(),
                    "kind": decode_item(content).kind,
                    "member": held.member,
                }
            )
    return json_answer({**_point_json(point), "receipts": receipts})


@routes.get(
    "/v1/anchors/receipts/{hash}",
    summary="A receipt of an outside chain 第三方存证回执",
    response_class=Response,
    responses=content_of("application/json", "An item of a bundle's anchors", "object", 400, 404),
)
def get_receipt(
    service: Served,
    hash: Annotated[
        str,
        Path(
            pattern="^[0-9a-f]{64}$",
            description="SHA-256 of the item, as anchor.confirmed names it",
            examples=[RECEIPT],
        ),
    ],
) -> Response:
    """The item in canonical JSON, as it goes into bundles. It never changes."""
    content = service.node.receipts.get(bytes.fromhex(hash))
    if content is None:
        raise Problem("not-found", "this node has no such receipt", "本节点没有该回执")
    return bytes_answer(content, "application/json", FOR_EVER)


def _newest_points(reader: LedgerReader) -> list[AnchorPoint]:
    rows = reader.rows.scan(ANCHOR_POINT, ANCHOR_POINT + b"\xff", reverse=True)
    heights = [int.from_bytes(key[1:], "big") for key, _ in islice(rows, _MOST_POINTS)]
    if not heights:
        return []
    return list(reader.anchor_points(heights[-1] - 1))[::-1]


def _point_json(point: AnchorPoint) -> dict[str, Any]:
    return {"digest": point.digest().hex(), "point": point.to_json()}
