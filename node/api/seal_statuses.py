"""Routes of published statuses of seals 印章状态发布: signed, proven, in lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from node.api import models
from node.api.description import answers, content_of
from node.api.problems import Problem
from node.api.responses import bytes_answer, json_answer
from node.api.service import Served, Service
from node.core.encoding import MAX_INTEGER
from node.core.status_list import MAX_LIST_SEALS
from node.evidence.seal_status import SealStatuses
from node.evidence.status_lists import STATUS_LISTS_PATH, StatusLists
from node.ledger.reader import LedgerReader

__all__ = ["routes"]

routes = APIRouter(tags=["seals"])

_NO_LIST = "there is no such list"


def _signing(service: Service) -> tuple[SealStatuses, StatusLists]:
    node = service.node
    if node.seal_statuses is None or node.status_lists is None:
        raise Problem(
            "not-found",
            "this node has no operator's key and signs no statuses; /v1/seals/…/status is unsigned",
            "本节点未配置运营方密钥，不发布签名状态",
        )
    return node.seal_statuses, node.status_lists


def _check_recent(service: Service, reader: LedgerReader) -> None:
    """Sign nothing of a state that is older than a status lives: who goes by the time of signing
    would take it for what is so now.

    Raises:
        Problem: the newest block is of long ago: the node catches up, or no blocks are made.
    """
    age, most = service.node.now() - reader.meta.time, service.node.config.seals.stale_after_seconds
    if age > most * 1000:
        raise Problem(
            "not-ready",
            f"the newest block here is {age // 1000} s old: no status is signed of so old a state",
            "本节点最新区块时间过旧，暂不签发印章状态，请稍后重试或向其他节点查询。",
            {"retry_after": 5},
        )


@routes.get(
    "/v1/seals/{es_id}/signed-status",
    summary="Signed and proven status of a seal 签名的印章状态",
    response_class=Response,
    responses=answers(models.SignedSealStatus, 400, 404, 503),
)
def get_signed_status(
    service: Served,
    es_id: Annotated[
        str,
        Path(
            pattern="^[A-Za-z0-9._-]{1,64}$",
            description="The seal's id 印章标识",
            examples=["ES-0001"],
        ),
    ],
) -> Response:
    """A file that `verify_seal_status` of the client, or `evidence-node seal check`, checks in one
    call against a trust file: the operator's signature, the state map's proof, the validators'
    signatures, and its age."""
    statuses, lists = _signing(service)
    node = service.node
    with node.reader() as reader:
        if reader.state(f"seal/{es_id}") is None:
            raise Problem(
                "not-found",
                f"no seal has the es_id {es_id}; /v1/state/seal/{es_id} proves it",
                f"本账本中没有标识为 {es_id} 的印章",
            )
        _check_recent(service, reader)
        content = statuses.sign(reader, es_id, node.now(), lists.place_of(reader, es_id))
    return bytes_answer(content, "application/json", {"Cache-Control": "no-cache"})


@routes.get(
    STATUS_LISTS_PATH,
    summary="Where the lists of all seals' statuses are 印章状态清单目录",
    response_class=Response,
    responses=answers(models.StatusLists, 404),
)
def get_status_lists(service: Served) -> Response:
    """Each list holds 65,536 seals, in the order in which they were recorded."""
    _, lists = _signing(service)
    with service.node.reader() as reader:
        count = lists.count(reader)
    uris = [lists.uri(number) for number in range(count)]
    return json_answer({"lists": uris, "seals_each": MAX_LIST_SEALS})


@routes.get(
    STATUS_LISTS_PATH + "/{number}",
    summary="Statuses of up to 65,536 seals, signed 印章状态清单",
    response_class=Response,
    responses=content_of(
        "application/statuslist+jwt", "A Token Status List", "string", 400, 404, 503
    ),
)
def get_status_list(
    service: Served,
    number: Annotated[
        int, Path(ge=0, le=MAX_INTEGER, description="Which list, from 0", examples=[0])
    ],
) -> Response:
    """A JWT in the form of the IETF Token Status List, 4 bits a seal: 0 active, 1 revoked,
    2 suspended, 3 not in force yet, 11 lost, 12 expired, 13 cancelled. `idx` of a seal stands in
    its signed status. It is signed by the operator and proves no state."""
    _, lists = _signing(service)
    node = service.node
    with node.reader() as reader:
        if number >= lists.count(reader):
            raise Problem("not-found", f"{_NO_LIST}: {number}", f"没有第 {number} 号状态清单")
        _check_recent(service, reader)
        made = lists.sign(reader, number, node.now())
    age = max(0, made.next_update - node.now()) // 1000
    headers = {"Cache-Control": f"public, max-age={age}", "Access-Control-Allow-Origin": "*"}
    return bytes_answer(made.token, "application/statuslist+jwt", headers)
