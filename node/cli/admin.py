"""The socket ``admin.sock`` in a home, over which its running node answers to its own user."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure

__all__ = ["Admin", "find_running"]

_SOCKET = "admin.sock"
_SECONDS = 30.0
_LONG_SECONDS = 120.0
_LONGEST_PATH = 107
"""Bytes that the path of a socket may have; a longer one is reached by its directory."""


class Admin:
    """The admin interface of a running node; made by `find_running`. Close it after use.

    ``path`` is how the socket is reached, ``shown`` how it is named; ``folder`` is a descriptor of
    the directory, open as long as the path is used.
    """

    def __init__(self, path: Path, shown: Path, folder: int) -> None:
        self._shown = shown
        self._folder = folder
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://node", timeout=_SECONDS
        )

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        os.close(self._folder)

    def status(self) -> dict[str, Any]:
        """How the node is doing. Raises CommandFailure."""
        try:
            answer = self._http.get("/admin/status")
        except httpx.HTTPError as error:
            raise self._unanswered(error) from error
        return self._object(answer)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a route of the admin interface answers: GET, or with ``body`` POST, which may take a
        minute. Raises CommandFailure."""
        method = "GET" if body is None else "POST"
        try:
            answer = self._http.request(method, path, json=body, timeout=_LONG_SECONDS)
        except httpx.HTTPError as error:
            raise self._unanswered(error) from error
        return self._object(answer)

    def backup(self, target: str, *, keys: bool, certificates: bool) -> Iterator[dict[str, Any]]:
        """Have the node back itself up; yields what it tells meanwhile. Raises CommandFailure."""
        request: dict[str, Any] = {"keys": keys, "target": target}
        if not certificates:  # a node of a release before does not know the member
            request["certificates"] = False
        try:
            with self._http.stream(
                "POST", "/admin/backup", json=request, timeout=httpx.Timeout(_SECONDS, read=None)
            ) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    self._object(answer)
                yield from _documents(answer.iter_bytes())
        except (httpx.HTTPError, ValueError) as error:
            raise self._unanswered(error) from error

    def snapshot(self) -> dict[str, Any]:
        """Have a snapshot taken, which waits for blocks; what it holds. Raises CommandFailure."""
        try:
            answer = self._http.post("/admin/snapshot", timeout=httpx.Timeout(_SECONDS, read=None))
        except httpx.HTTPError as error:
            raise self._unanswered(error) from error
        return self._object(answer)

    def _object(self, answer: httpx.Response) -> dict[str, Any]:
        """The JSON object that was answered; a problem is raised."""
        try:
            content = answer.json()
        except ValueError as error:
            raise self._unanswered(error) from error
        if answer.status_code >= 300:
            text = content.get("detail") or content.get("title") or "no reason given"
            code = ExitCode.TRY_AGAIN if answer.status_code == 503 else ExitCode.REFUSED
            raise CommandFailure(code, f"{self._shown}: {text}", problem=content)
        return dict(content)

    def _unanswered(self, error: Exception) -> CommandFailure:
        return CommandFailure(
            ExitCode.UNREACHABLE,
            f"{self._shown}: no answer from the node: {error or type(error).__name__}",
            "look at the node's log",
        )


def _documents(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON documents of an NDJSON answer. Only a line feed ends one: others, such as U+2028,
    may stand inside a text, such as a path. Raises ValueError where one is none."""
    held = b""
    for chunk in chunks:
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
    if held.strip():
        yield json.loads(held)


def find_running(home: Path) -> Admin | None:
    """The admin interface of the node that runs in ``home``; None where none runs.

    Raises:
        CommandFailure: the socket belongs to another user, or does not answer.
    """
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    path = home / _SOCKET
    if len(os.fsencode(path)) > _LONGEST_PATH:
        path = Path(f"/proc/self/fd/{folder}") / _SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_SECONDS)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):  # a crash leaves the file behind
        os.close(folder)
        return None
    except OSError as error:
        os.close(folder)
        raise CommandFailure(
            ExitCode.UNREACHABLE,
            f"{home / _SOCKET}: {error.strerror or error}",
            "only the user that runs the node can ask it",
        ) from error
    return Admin(path, home / _SOCKET, folder)
