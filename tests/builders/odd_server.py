"""An HTTP server that answers whatever a test tells it to, byte by byte, on loopback."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Asked", "OddServer", "Respond", "Write", "http", "odd_server"]

Write = Callable[[bytes], None]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Respond = Callable[[Asked, Write], None]


@dataclass
class OddServer:
    """``asked`` are all requests so far; ``over`` is set when the test is."""

    url: str
    respond: Respond
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def http(
    body: bytes = b"", status: int = 200, kind: str = "application/timestamp-reply", **more: str
) -> bytes:
    """An HTTP/1.1 response; underscores in the names of further headers are hyphens."""
    headers = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
    headers.update((name.replace("_", "-"), value) for name, value in more.items())
    lines = [f"HTTP/1.1 {status} Told", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    odd: OddServer

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        self.odd.asked.append(asked)
        self.close_connection = True
        try:
            self.odd.respond(asked, self._write)
        except OSError:
            pass  # the client has gone

    do_GET = do_POST

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def odd_server(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[OddServer]:
    """Serve while the context lasts; ``respond`` gets each request and a function that writes."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    scheme = "https" if tls else "http"
    odd = OddServer(f"{scheme}://127.0.0.1:{server.server_address[1]}/tsr", respond)
    handler.odd = odd  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield odd
    finally:
        odd.over.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
