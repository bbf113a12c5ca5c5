"""A JSON-RPC node that answers as another one does, but for what a test changes."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

__all__ = ["Change", "Dropped", "Forward", "proxy"]

Forward = Callable[[], dict[str, Any]]
"""What the node behind answers: ``result`` or ``error``."""
Change = Callable[[str, list[Any], Forward], dict[str, Any]]
"""Makes the answer to (method, params, what the node behind would answer)."""


class Dropped(Exception):
    """The connection ends without an answer."""


@contextmanager
def proxy(url: str, change: Change, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server in front of ``url``; gives its own URL."""
    client = httpx.Client(timeout=30, trust_env=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = json.loads(body)

            def forward() -> dict[str, Any]:
                answer = client.post(
                    url, content=body, headers={"content-type": "application/json"}
                )
                return dict(answer.json())

            try:
                answer = change(request["method"], request["params"], forward)
            except Dropped:
                self.close_connection = True
                return
            data = json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join(10)
        client.close()
