"""The admin interface's part for anchors: how they stand, retrying, proving, entries for trust."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chaincode_adapters.errors import AnchorError
from chaincode_adapters.jobs import shortened
from chaincode_adapters.receipts import Held, decode_item
from chaincode_adapters.standing import forget_alarm
from node.api.anchor_standing import anchor_alarms, anchor_standing
from node.api.lookup import look_up
from node.api.problems import Problem, malformed
from node.api.responses import json_answer
from node.api.service import Service
from node.core.errors import InvalidInput

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["AnchorAdmin"]

_MAX_REQUEST = 4096
_SECONDS = 60.0


class AnchorAdmin:
    """The routes."""

    def __init__(self, service: Service) -> None:
        self._node: Node = service.node

    def routes(self) -> list[Route]:
        """To be put among the others."""
        return [
            Route("/admin/anchors", self.status),
            Route("/admin/anchors/prove", self.prove, methods=["POST"]),
            Route("/admin/anchors/retry", self.retry, methods=["POST"]),
            Route("/admin/anchors/trust", self.trust),
        ]

    async def status(self, request: Request) -> Response:
        """How the anchors stand, whole."""
        return json_answer(await asyncio.to_thread(standing_of, self._node))

    async def retry(self, request: Request) -> Response:
        """Take up what is parked: ``{"adapter": <name>, "size"?: <number>}``; or go on without it:
        ``{"adapter": <name>, "leave": true}``."""
        asked = await _read(request, ("adapter",), ("leave", "size"))
        name, size, leave = asked["adapter"], asked.get("size"), asked.get("leave", False)
        if type(leave) is not bool or (leave and size is not None):
            raise malformed("body.leave", "must be true or false, and is not for one size")
        if not isinstance(name, str):
            raise malformed("body.adapter", "must be text")
        if size is not None and type(size) is not int:
            raise malformed("body.size", "must be a number")
        anchoring = self._node.anchoring
        if anchoring is not None and name in anchoring.workers:
            sizes = await _done(anchoring.retry(name, size, leave=leave))
            return json_answer({"adapter": name, "forgotten": False, "sizes": sizes})
        if await asyncio.to_thread(forget_alarm, self._node.anchor_jobs, name):
            return json_answer({"adapter": name, "forgotten": True, "sizes": []})
        raise Problem("not-found", f"no adapter is called {name}", f"没有名为 {name} 的适配器")

    async def prove(self, request: Request) -> Response:
        """Which outside chains cover a record or a size, and whether they still stand there:
        ``{"code": <code>}`` or ``{"size": <number>}``."""
        asked = await _read(request, (), ("code", "size"))
        index = await asyncio.to_thread(_index_of, self._node, asked)
        found = await asyncio.to_thread(_covering, self._node, index)
        told = [await self._proof(held) for held in found]
        return json_answer({"index": index, "receipts": told})

    async def _proof(self, held: Held) -> dict[str, Any]:
        content = await asyncio.to_thread(self._node.receipts.get, held.receipt)
        assert content is not None
        item = decode_item(content)
        untold = "not asked: no adapter of this node made it"
        live: dict[str, Any] = {"stands": None, "text": untold}
        anchoring = self._node.anchoring
        name = _adapter_of(self._node, held)
        if anchoring is not None and name is not None:
            try:
                live = await _done(anchoring.stands(name, held.size))
            except AnchorError as error:
                live = {"stands": None, "text": f"not asked: {shortened(str(error))}"}
        checked = "not checked"
        if anchoring is not None:
            try:
                checked = await asyncio.to_thread(anchoring.check_others, item)
            except InvalidInput as error:
                checked = f"DOES NOT HOLD: {error}"
        return {
            "adapter": name,
            "chain": held.chain,
            "checked": checked,
            "hash": held.receipt.hex(),
            "item": item.to_json(),
            "live": live,
            "member": held.member,
            "size": held.size,
        }

    async def trust(self, request: Request) -> Response:
        """What adapters name for a trust file, by their names; or why one does not."""
        anchoring = self._node.anchoring
        told: dict[str, Any] = {}
        for name in {} if anchoring is None else anchoring.workers:
            assert anchoring is not None
            try:
                told[name] = {"entry": await _done(anchoring.trust_entry(name))}
            except AnchorError as error:
                told[name] = {"reason": shortened(str(error))}
        return json_answer({"adapters": told})


def standing_of(node: Node) -> dict[str, Any]:
    """All that is known of a node's anchors."""
    recording = None if node.anchoring is None else node.anchoring.recording
    exchange = None if node.anchoring is None else node.anchoring.exchange
    return {
        "adapters": anchor_standing(node),
        "alarms": [alarm.to_json() for alarm in anchor_alarms(node)],
        "receipts": {
            "refused": 0 if exchange is None else exchange.refused,
            "trouble": "" if exchange is None else exchange.trouble,
            "wanted": len(node.receipts.wanted(1000)),
        },
        "recording": {
            "configured": recording is not None,
            "trouble": "" if recording is None else recording.trouble,
        },
    }


def _index_of(node: Node, asked: Mapping[str, Any]) -> int:
    """The index of the record that is asked for, or the last below the size."""
    code, size = asked.get("code"), asked.get("size")
    if (code is None) == (size is None):
        raise malformed("body", "must have either code or size")
    with node.reader() as reader:
        if code is not None:
            hits = look_up(reader, code).hits if isinstance(code, str) else ()
            for hit in hits[:1]:
                indexes = reader.dossier_indexes(hit.subject)
                ordinal = int(hit.code.partition("-")[2] or len(indexes))
                return indexes[ordinal - 1]
            raise Problem("not-found", f"no record is found by {code!s:.100}", "未找到该记录")
        if type(size) is not int or not 0 < size <= reader.meta.size:
            raise malformed("body.size", f"must be from 1 to {reader.meta.size}, the log's size")
    return size - 1


def _covering(node: Node, index: int) -> list[Held]:
    with node.reader() as reader:
        return node.receipts.covering([index], reader.meta.size)


def _adapter_of(node: Node, held: Held) -> str | None:
    """The configured adapter that made the anchor which a receipt is of."""
    workers = {} if node.anchoring is None else node.anchoring.workers
    for name in workers:
        job = node.anchor_jobs.final(name, held.size)
        if job is not None and job.receipt == held.receipt:
            return name
    return None


async def _done(future: Future[Any]) -> Any:
    """What an adapter's thread answers. Raises Problem where it does not in time."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), _SECONDS)
    except (TimeoutError, asyncio.CancelledError) as error:
        raise Problem(
            "not-ready",
            "the adapter is busy, or its thread has ended",
            "适配器正忙或已停止",
            {"retry_after": 10},
        ) from error


async def _read(
    request: Request, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, Any]:
    """A JSON object of these members. Raises Problem."""
    body = await request.body()
    try:
        value = orjson.loads(body[:_MAX_REQUEST])
    except orjson.JSONDecodeError as error:
        raise malformed("body", "must be JSON") from error
    if not isinstance(value, dict) or not set(required) <= set(value) <= {*required, *optional}:
        raise malformed("body", f"must have {list(required)} and may have {list(optional)}")
    return value
