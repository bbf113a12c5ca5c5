"""The few calls of the engine that a node which joins has to make (CometBFT 0.38, state sync).

Its light client asks for headers, commits and validators and checks them itself, so nothing said
here need be believed. The engine's own RPC, which takes transactions and tells of peers, is never
reached: each call is made anew from what was read of it.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from node.api import models
from node.api.description import answers, body_of
from node.api.problems import Problem, malformed
from node.api.responses import json_answer
from node.api.service import Served
from node.core.encoding import decode_json_object
from node.core.errors import InvalidInput

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["METHODS", "read_call", "routes"]

routes = APIRouter(tags=["chain"])

METHODS = {
    "commit": frozenset({"height"}),
    "consensus_params": frozenset({"height"}),
    "status": frozenset(),
    "validators": frozenset({"height", "page", "per_page"}),
}
"""What can be called, and with which parameters."""

_MAX_BODY = 4096
_MOST_AT_ONCE = 8
_REFUSED = -32603
_NO_ENGINE = {"code": -32601, "message": "this node runs alone and has no engine"}
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_MOST_A_PAGE = 100


def read_call(body: bytes) -> tuple[int | str, str, dict[str, str]]:
    """The id, method and parameters of a JSON-RPC 2.0 request.

    Raises:
        InvalidInput: it is none, or of a method or parameter that is not offered.
    """
    value = decode_json_object(body, place="body", max_bytes=_MAX_BODY, max_depth=3)
    if not set(value) <= {"jsonrpc", "id", "method", "params"} or value.get("jsonrpc") != "2.0":
        raise InvalidInput("body", 'must be a JSON-RPC request with "jsonrpc": "2.0"')
    number, method, given = value.get("id"), value.get("method"), value.get("params", {})
    if type(number) is not int and not (isinstance(number, str) and len(number) <= 64):
        raise InvalidInput("body.id", "must be an integer, or text of at most 64 characters")
    if not isinstance(method, str) or method not in METHODS:
        raise InvalidInput("body.method", f"must be one of {', '.join(METHODS)}")
    if not isinstance(given, dict) or not set(given) <= METHODS[method]:
        raise InvalidInput("body.params", f"{method} takes {sorted(METHODS[method])} by name")
    for name, item in given.items():
        if not isinstance(item, str) or _NUMBER.fullmatch(item) is None:
            raise InvalidInput(f"body.params.{name}", "must be a number in decimal, as text")
    if int(given.get("per_page", "0")) > _MOST_A_PAGE:
        raise InvalidInput("body.params.per_page", f"must be at most {_MOST_A_PAGE}")
    return number, method, dict(given)


@routes.post(
    "/v1/engine/rpc",
    summary="Calls of a joining node's light client 共识引擎只读查询",
    response_class=Response,
    responses=answers(models.EngineAnswer, 400, 408, 413, 503),
    openapi_extra=body_of(
        "application/json",
        models.EngineCall,
        {"jsonrpc": "2.0", "id": 1, "method": "commit", "params": {"height": "1"}},
    ),
)
async def post_engine_rpc(service: Served, request: Request) -> Response:
    """JSON-RPC 2.0 as CometBFT 0.38 has it, of `commit`, `validators`, `consensus_params` and
    `status` alone. What the engine refuses is an error in the answer, whose status is 200; so is
    every call of a node that runs alone and has none."""
    node = service.node
    try:
        number, method, given = read_call(await request.body())
    except InvalidInput as error:
        raise malformed(error.place, error.rule) from error
    if node.config.engine.kind == "solo":
        return json_answer({"jsonrpc": "2.0", "id": number, "error": _NO_ENGINE})
    if service.asking >= _MOST_AT_ONCE:
        raise _busy("other calls are under way")
    service.asking += 1
    try:
        answer = await _asked(node, method, given)
    finally:
        service.asking -= 1
    return json_answer({"jsonrpc": "2.0", "id": number, **answer})


async def _asked(node: Node, method: str, given: dict[str, str]) -> dict[str, Any]:
    """``result`` or ``error``, from the engine. Raises Problem where it does not answer."""
    from node.engines.cometbft.engine_home import RPC_SOCKET
    from node.engines.cometbft.rpc import EngineRpc, RpcRefused, RpcUnreachable

    try:
        rpc = EngineRpc(node.config.path("engine") / RPC_SOCKET)
    except FileNotFoundError as error:
        raise _busy("the engine has not been started yet") from error
    try:
        return {"result": await rpc.call(method, **given)}
    except RpcRefused as error:
        told = {"code": _REFUSED, "message": "the engine refuses", "data": str(error)}
        return {"error": told}
    except RpcUnreachable as error:
        raise _busy("the engine does not answer now") from error
    finally:
        await asyncio.shield(rpc.close())


def _busy(why: str) -> Problem:
    return Problem("not-ready", why, "共识引擎暂不可用，请稍后重试。", {"retry_after": 5})
