"""The application: routes, limits, errors, description, put together around one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from node.api import (
    about,
    anchors,
    certificates,
    chain,
    consortium,
    disclosures,
    documents,
    dossiers,
    engine_rpc,
    erasure,
    health,
    log,
    pages,
    seal_statuses,
    static_files,
    transactions,
    verification,
    verifiers,
)
from node.api.edge import Edge, LastResort
from node.api.exchange import Receive, Scope, Send
from node.api.hub import Hub
from node.api.openapi import describe
from node.api.problems import Problem, malformed
from node.api.service import Service
from node.api.web.error_page import answer_problem_to
from node.core.errors import EvidenceError

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["NodeApp", "create_app"]

_MODULES = (
    transactions,
    dossiers,
    disclosures,
    erasure,
    seal_statuses,
    certificates,
    chain,
    consortium,
    engine_rpc,
    log,
    anchors,
    verification,
    verifiers,
    documents,
    about,
    health,
    static_files,
    pages,
)


class NodeApp(FastAPI):
    """The FastAPI application behind its ``edge``, which sees every request first."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            docs_url=None,
            redoc_url=None,
            exception_handlers={
                Problem: _on_problem,
                HTTPException: _on_http,
                RequestValidationError: _on_parameters,
                EvidenceError: _on_own_error,
            },
            middleware=[Middleware(LastResort, service=service)],
        )
        self.state.service = service
        for module in _MODULES:
            self.include_router(module.routes)
        self.edge = Edge(super().__call__, service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        await self.edge(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


def create_app(node: Node, hub: Hub) -> NodeApp:
    """The node's HTTP interface. ``hub.deliver`` must be what the node was made with."""
    return NodeApp(Service(node, hub))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer_problem_to(request, error)


async def _on_http(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown path, or a method that is not offered there."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        problem = Problem(
            "method-not-allowed",
            f"{request.method} is not offered here",
            f"此处不支持 {request.method}",
            headers=error.headers,
        )
    elif error.status_code == 404:
        problem = Problem("not-found", "there is nothing at this path", "该路径不存在")
    else:
        problem = malformed("request", str(error.detail))
    return answer_problem_to(request, problem)


async def _on_parameters(request: Request, error: Exception) -> Response:
    """The first parameter that is not of its form."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return answer_problem_to(request, malformed(place, first["msg"]))


async def _on_own_error(request: Request, error: Exception) -> Response:
    """An error of this project: bad input, a busy store, or worse."""
    service: Service = request.app.state.service
    return answer_problem_to(request, service.told(error))
