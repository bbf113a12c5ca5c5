"""The application: routes, limits, errors, description, put together around one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware

from node.api.edge import Edge
from node.api.hub import Hub
from node.api.service import Service

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["create_app"]


def create_app(node: Node, hub: Hub) -> FastAPI:
    """The node's HTTP interface. ``hub.deliver`` must be what the node was made with."""
    service = Service(node, hub)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Edge, service=service)],
    )
    app.state.service = service
    return app
