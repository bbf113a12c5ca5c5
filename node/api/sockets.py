"""The sockets that a node listens on: its port, and the admin socket in its home."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ADMIN_SOCKET", "admin_listener", "listen", "url_of"]

ADMIN_SOCKET = "admin.sock"
_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host`` (a name or an address of either kind) and ``port``.

    Raises:
        OSError: the port is taken, or the host is none of this machine's.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


def url_of(listener: socket.socket) -> str:
    """The URL that reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def admin_listener(home: Path) -> Iterator[socket.socket]:
    """The admin socket in ``home``, mode 0600, for as long as it is used.

    What a crash left there is replaced: whoever has the home's stores open is the only node. The
    socket is made in a directory that is closed to others and moved from there, so at no moment can
    anybody else connect. Names are given by descriptor: a socket's path may have 107 bytes only.

    Raises:
        OSError: it cannot be made.
    """
    hidden = home / f".admin-{secrets.token_hex(8)}"
    hidden.mkdir(mode=0o700)
    descriptor = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/{ADMIN_SOCKET}")
        listener.listen(16)
        (hidden / ADMIN_SOCKET).chmod(0o600)
        (hidden / ADMIN_SOCKET).rename(home / ADMIN_SOCKET)
    except BaseException:
        listener.close()
        (hidden / ADMIN_SOCKET).unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
        hidden.rmdir()
    try:
        yield listener
    finally:
        (home / ADMIN_SOCKET).unlink(missing_ok=True)
        listener.close()
