"""The application: routes, limits, errors, description, put together around one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from node.api.edge import Edge
from node.api.exchange import Receive, Scope, Send
from node.api.hub import Hub
from node.api.service import Service

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["NodeApp", "create_app"]


class NodeApp(FastAPI):
    """The FastAPI application behind an `Edge`, which sees every request first."""

    def __init__(self, service: Service) -> None:
        super().__init__(docs_url=None, redoc_url=None)
        self.state.service = service
        self._edge = Edge(super().__call__, service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            scope["app"] = self
        await self._edge(scope, receive, send)


def create_app(node: Node, hub: Hub) -> NodeApp:
    """The node's HTTP interface. ``hub.deliver`` must be what the node was made with."""
    return NodeApp(Service(node, hub))
