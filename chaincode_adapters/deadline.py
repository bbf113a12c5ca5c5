"""An end to an HTTP exchange, whatever the other side does.

httpx bounds each wait, not their sum: a server that sends a byte now and then, in its head already,
could hold a request for ever. So the connections are cut when the time for all of it is over.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any

__all__ = ["Connections", "Deadline"]

_MOST_SOCKETS = 8


class Connections:
    """The connections of a client whose requests have `watch` as their extension ``trace``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx at each step; a duplicate stays usable when TLS takes the original."""
        if event != "connection.connect_tcp.complete":
            return
        connected = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.append(connected.dup())
            if len(self._sockets) > _MOST_SOCKETS:
                self._sockets.pop(0).close()
            if self._is_cut:
                self._shut()

    def begin(self) -> None:
        """What is connected from now on is not cut at once."""
        with self._lock:
            self._is_cut = False

    def cut(self) -> None:
        """End them, and those that come until `begin`."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def close(self) -> None:
        """Let go of them; the client's own stay as they are."""
        with self._lock:
            for one in self._sockets:
                one.close()
            self._sockets.clear()

    def _shut(self) -> None:
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself


class Deadline:
    """Cuts ``connections`` unless it is left within ``seconds``; ``over`` says that it did.

    Only the look-up of the host's name is not bounded here, but by the system's resolver.
    """

    def __init__(self, connections: Connections, seconds: float) -> None:
        self.over = False
        self._connections = connections
        self._timer = threading.Timer(max(0.0, seconds), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._connections.begin()
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._timer.join()  # it must not cut the next request

    def _cut(self) -> None:
        self.over = True
        self._connections.cut()
