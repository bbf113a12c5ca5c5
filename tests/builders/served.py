"""A node that really listens: its application under uvicorn, in a thread of the test's process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from builders.home import Home, steady_clock
from builders.story import STORY_TIME, Teller

from node.api.app import NodeApp, create_app
from node.api.hub import Hub
from node.api.joined_writes import Protocol
from node.client.http import NodeClient
from node.client.requests import sign_request
from node.wiring import Node


@dataclass
class ServedNode:
    """A started node, its application, and where it listens."""

    home: Home
    node: Node
    hub: Hub
    app: NodeApp
    url: str
    now: Callable[[], int]
    teller: Teller

    def client(self, member: str = "") -> NodeClient:
        """A client of the node, for a member or for nobody."""
        if not member:
            return NodeClient(self.url, now=self.now)
        return NodeClient(
            self.url,
            key=self.home.member_key(member),
            member=member,
            chain_id=self.home.chain_id,
            operator=self.node.member,
            now=self.now,
        )

    def authorization(
        self, member: str, method: str, target: str, body: bytes = b""
    ) -> dict[str, str]:
        """The headers of a request that ``member`` signs."""
        value = sign_request(
            self.home.member_key(member),
            member=member,
            chain_id=self.home.chain_id,
            operator=self.node.member,
            method=method,
            target=target,
            body=body,
            issued_at=self.now(),
        )
        return {"authorization": value}

    def get(self, target: str, member: str = "") -> httpx.Response:
        """GET, signed where a member is named."""
        headers = self.authorization(member, "GET", target) if member else {}
        return httpx.get(self.url + target, headers=headers, timeout=30)

    def submit(self, *told: object) -> list[dict[str, object]]:
        """Submit and require that all are recorded."""
        with self.client() as client:
            return [client.submit(item.encode()) for item in told]  # type: ignore[attr-defined]


@contextmanager
def served(home: Home, now: Callable[[], int] | None = None) -> Iterator[ServedNode]:
    """Start a node in ``home`` and serve it on a port that the system chooses.

    ``now`` is its clock, in ms; by default one that begins with the story and runs on.
    """
    now = now or steady_clock()
    hub = Hub()
    node = Node(home.config, hub.deliver, now)
    try:
        node.start()
        app = create_app(node, hub)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=Protocol,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            _wait_for(url)
            yield ServedNode(home, node, hub, app, url, now, Teller(home, STORY_TIME))
        finally:
            server.should_exit = True
            thread.join(20)
    finally:
        node.stop()


def _wait_for(url: str) -> None:
    transport = httpx.HTTPTransport(retries=10)
    with httpx.Client(transport=transport) as client:
        client.get(f"{url}/healthz", timeout=10).raise_for_status()
