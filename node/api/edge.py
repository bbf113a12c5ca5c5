"""The outermost layer: limits, headers, errors; and the two busy routes, which go no deeper."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from node.api.batch import Batches
from node.api.buffered import Buffered, Share
from node.api.certificate_orders import MAX_ORDER_BYTES
from node.api.document_checks import UPLOAD_SECONDS
from node.api.exchange import Exchange, Receive, Scope, Send, need_short, send_problem
from node.api.problems import Problem
from node.api.submissions import Submissions
from node.api.verification import MAX_CASE_BYTES

if TYPE_CHECKING:
    from node.api.service import Service

__all__ = ["MAX_BODY_BYTES", "MAX_REQUESTS", "Edge", "LastResort"]

MAX_BODY_BYTES = 64 << 10
"""Bytes of a request's body, where it is no submission, batch, bundle, or document."""

_MOST_FORM_BYTES = 2 << 30
"""Bytes of a form with a document: the page itself tells people what is too large for it."""

MAX_REQUESTS = 2048
"""Requests under way, of all kinds, before 503."""

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Edge:
    """What stands between the server and the FastAPI application ``app``.

    ``buffered`` counts the bodies that all requests hold.
    """

    def __init__(self, app: App, service: Service) -> None:
        self._app = app
        self._service = service
        self.buffered = Buffered()
        configured = service.node.config.api.max_body_bytes
        self._ordinary = min(MAX_BODY_BYTES, configured)
        case = min(MAX_CASE_BYTES, configured)
        document = service.documents.max_bytes
        # They are written to disk as they come: no request holds more than a part of one.
        self._to_disk = {
            "/v1/documents/check": document,
            "/document": _MOST_FORM_BYTES,
        }
        self._most = {
            "/v1/certificates": min(MAX_ORDER_BYTES, configured),
            "/v1/verify": case,
            "/verify": case,
            **self._to_disk,
        }
        self._under_way = 0
        self._fast = {
            "/v1/submissions": Submissions(service, self.buffered).handle,
            "/v1/submissions/batch": Batches(service, self.buffered).handle,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        handle = self._fast.get(scope["path"])
        most = self._most.get(scope["path"], self._ordinary)
        is_document = scope["path"] in self._to_disk
        share = Share(Buffered(most) if is_document else self.buffered)
        seconds = UPLOAD_SECONDS if is_document else None
        exchange = Exchange(receive, send, most, share, seconds)
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
                _need_post(scope)
                await handle(scope, receive, exchange.send_plain)
            else:
                need_short(scope, most)
                await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem
            await _answer(self._service, error, exchange)
        finally:
            share.close()
            self._under_way -= 1
            self._count(scope, exchange.status, fast=handle is not None)

    def _count(self, scope: Scope, status: int, *, fast: bool) -> None:
        route = scope["path"] if fast else getattr(scope.get("route"), "path", "unknown")
        self._service.metrics.answered(route, status)


def _need_post(scope: Scope) -> None:
    if scope["method"] != "POST":
        raise Problem(
            "method-not-allowed",
            f"{scope['method']} is not offered here",
            f"此处不支持 {scope['method']}",
            headers={"Allow": "POST"},
        )


async def _answer(service: Service, error: Exception, exchange: Exchange) -> None:
    problem = service.told(error)
    if exchange.status:
        raise error  # the answer has begun: all that is left is to break it off
    await send_problem(exchange.send_plain, problem)


class LastResort:
    """Answers errors that no route expected, before the framework does, which would tell them in
    plain text and raise them further."""

    def __init__(self, app: App, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        exchange = Exchange(receive, send, 0, Share(Buffered(0)))
        try:
            await self._app(scope, receive, exchange.send_plain)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem
            await _answer(self._service, error, exchange)
