"""The outermost layer: limits, headers, errors; and the two busy routes, which go no deeper."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from node.api.batch import Batches
from node.api.exchange import Exchange, Receive, Scope, Send, send_problem
from node.api.problems import Problem
from node.api.submissions import Submissions

if TYPE_CHECKING:
    from node.api.service import Service

__all__ = ["MAX_REQUESTS", "Edge"]

MAX_REQUESTS = 2048
"""Requests under way, of all kinds, before 503."""

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Edge:
    """What stands between the server and the FastAPI application ``app``."""

    def __init__(self, app: App, service: Service) -> None:
        self._app = app
        self._service = service
        self._most = service.node.config.api.max_body_bytes
        self._under_way = 0
        self._fast = {
            "/v1/submissions": Submissions(service).handle,
            "/v1/submissions/batch": Batches(service).handle,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        handle = self._fast.get(scope["path"]) if scope["method"] == "POST" else None
        exchange = Exchange(receive, send, self._most)
        self._under_way += 1
        try:
            if self._under_way > MAX_REQUESTS:
                raise Problem(
                    "busy",
                    "too many requests are under way",
                    "请求过多，请稍后重试。",
                    {"retry_after": 1},
                )
            if handle is not None:
                await handle(scope, receive, exchange.send_plain)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem
            await self._answer(error, exchange, send)
        finally:
            self._under_way -= 1
            self._count(scope, exchange.status, fast=handle is not None)

    async def _answer(self, error: Exception, exchange: Exchange, send: Send) -> None:
        problem = self._service.told(error)
        if exchange.status:
            raise error  # the answer has begun: all that is left is to break it off
        exchange.status = problem.status
        await send_problem(send, problem)

    def _count(self, scope: Scope, status: int, *, fast: bool) -> None:
        route = scope["path"] if fast else getattr(scope.get("route"), "path", "unknown")
        self._service.metrics.answered(route, status)
