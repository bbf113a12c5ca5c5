"""Routes for those who run the node: is it alive, is it ready, what does it measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from node.api import models
from node.api.anchor_standing import anchor_alarms
from node.api.description import answers, content_of
from node.api.problems import KINDS, PROBLEM_TYPE
from node.api.responses import bytes_answer, json_answer
from node.api.service import Served, Service

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["routes", "unready_reasons"]

routes = APIRouter(tags=["operation"])

_SLACK_MS = 5_000
_MISSED_BLOCKS = 3
_SET_IT = "set it, best by NTP"


def unready_reasons(service: Service) -> list[str]:
    """Why this node should get no submissions now; none where it should."""
    node = service.node
    reasons = []
    if node.failure is not None:
        reasons.append(f"no more blocks are made: {node.failure}")
    stopped = node.submission.stopped
    if stopped is not None and node.failure is None:
        reasons.append(stopped)
    if node.is_joining:
        reasons.append("it has no blocks yet: it joins the others by a snapshot of theirs")
    if stopped is None and node.failure is None:
        reasons += _of_time(node)
    if service.damage is not None:
        reasons.append(f"damage was found: {service.damage}")
    return reasons


def _of_time(node: Node) -> list[str]:
    """What the last block's time says: no more come, or one of the clocks is wrong.

    In a consortium the validators' median makes that time, so it is this machine's clock that is
    wrong where blocks go on coming.
    """
    with node.reader() as reader:
        height, silent = reader.meta.height, node.now() - reader.meta.time
    if -silent > _SLACK_MS:
        return [f"the machine's clock is {-silent} ms behind the last block; {_SET_IT}"]
    longest = _MISSED_BLOCKS * node.config.engine.empty_block_ms + _SLACK_MS
    begun = height >= node.genesis.initial_height
    if node.consortium is None or node.published is None:
        if not begun or silent <= longest:
            return []
        return [f"the last block was made {silent // 1000} s ago"]
    sight, idle = node.consortium.sight, node.published.idle_ms
    if not begun:
        return [f"no block has been made yet; {sight.told()}"]
    if silent <= longest:
        return []
    if sight.catching_up:
        return [f"still catching up with the others, at height {height}; {sight.told()}"]
    if idle is not None and idle <= longest:
        return [
            f"the machine's clock is {silent} ms ahead of the validators': blocks come, and "
            f"that is how old they say they are; {_SET_IT}"
        ]
    return [
        f"the last block was made {silent // 1000} s ago; {sight.told()}. Blocks are made while "
        "validators with more than 2/3 of the power reach one another: what was taken waits"
    ]


@routes.get(
    "/healthz",
    summary="Alive 存活检查",
    response_class=Response,
    responses=content_of("text/plain", "The process answers", "string"),
)
async def get_health() -> Response:
    """Says nothing of the ledger: see /readyz."""
    return bytes_answer(b"ok\n", "text/plain; charset=utf-8")


@routes.get(
    "/readyz",
    summary="Ready to take records 就绪检查",
    response_class=Response,
    responses=answers(models.Ready, 503),
)
def get_ready(service: Served) -> Response:
    """200 while records are taken and blocks are made, with disk and clock in order; else 503 and
    the reasons. Alarms make no node unready: somebody has to look at them."""
    reasons = unready_reasons(service)
    node = service.node
    with node.reader() as reader:
        content: dict[str, Any] = {
            "ready": not reasons,
            "reasons": reasons,
            "height": reader.meta.height,
            "time": reader.meta.time,
            "pending": node.submission.pending,
            "alarms": [alarm.text for alarm in anchor_alarms(node)],
        }
    if not reasons:
        return json_answer(content)
    kind = KINDS["not-ready"]
    problem = {
        "type": PROBLEM_TYPE + kind.name,
        "title": kind.title,
        "title_zh": kind.title_zh,
        "status": 503,
        "detail": "; ".join(reasons),
        "detail_zh": f"{kind.title_zh}：{'；'.join(reasons)}",
        **content,
    }
    answer = json_answer(problem, 503, {"Retry-After": "5"})
    answer.headers["content-type"] = "application/problem+json"
    return answer


@routes.get(
    "/metrics",
    summary="Metrics 监控指标",
    response_class=Response,
    responses=content_of("text/plain", "Prometheus' text format", "string"),
)
def get_metrics(service: Served) -> Response:
    """Counters and gauges in Prometheus' text format. They name no member and no dossier."""
    return bytes_answer(
        service.metrics.text(service.node), "text/plain; version=0.0.4; charset=utf-8"
    )
