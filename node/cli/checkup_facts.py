"""Facts for a check-up that lie outside the home: clocks, ports, other nodes, the engine."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from node.cli.checkup import ClockReading
from node.core.errors import EvidenceError

__all__ = [
    "EngineNode",
    "NoAnswer",
    "ask_engine",
    "engine_version",
    "fetch_json",
    "port_trouble",
    "read_clock",
    "tcp_trouble",
]

_SECONDS = 5.0
_MAX_ANSWER = 4 << 20


class NoAnswer(EvidenceError):
    """Nothing usable came; the text says how that was noticed."""


def fetch_json(url: str, path: str) -> dict[str, Any]:
    """The JSON object that a node answers.

    Raises:
        NoAnswer: there is no answer, or it is no JSON object, or a problem.
    """
    try:
        with (
            httpx.Client(timeout=_SECONDS, follow_redirects=False) as client,
            client.stream("GET", url.rstrip("/") + path) as answer,
        ):
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > _MAX_ANSWER:
                    raise NoAnswer(f"more than {_MAX_ANSWER} bytes were answered")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    if answer.status_code != 200:
        raise NoAnswer(f"answered {answer.status_code}")
    try:
        value = json.loads(content)
    except ValueError as error:
        raise NoAnswer("the answer is not JSON") from error
    if not isinstance(value, dict):
        raise NoAnswer("the answer is not a JSON object")
    return value


def read_clock(url: str) -> ClockReading:
    """How far the clock of a web server is ahead, by the Date of its answer (RFC 9110 §6.6.1).

    Raises:
        NoAnswer: there is none, or it has no date.
    """
    began = time.time()
    try:
        answer = httpx.head(url, timeout=_SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    ended = time.time()
    try:
        told = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError) as error:
        raise NoAnswer("the answer has no date") from error
    # A date names the second that has begun; on the average half of it has passed.
    ahead = told + 0.5 - (began + ended) / 2
    return ClockReading(round(1000 * ahead), round(1000 * (0.5 + (ended - began) / 2)))


def tcp_trouble(address: str) -> str | None:
    """Why nothing can be reached at host:port; None where something listens."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _SECONDS):
            return None
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)


def port_trouble(address: str) -> str | None:
    """Why nobody could listen at host:port now; None where the port is free."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    try:
        found = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, where = found[0]
        with socket.create_server(where[:2], family=family):
            return None
    except ValueError:
        return f"{address} is not host:port"
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "another process has it"
        if error.errno == errno.EADDRNOTAVAIL:
            return "no address of this machine"
        return str(error.strerror or error)


def engine_version(binary: Path) -> str:
    """The version of CometBFT that a program tells: ours by evidence-version, the stock one by
    version.

    Raises:
        NoAnswer: it cannot be run, or tells none.
    """
    said = ""
    for command in ("evidence-version", "version"):
        try:
            ran = subprocess.run(  # noqa: S603 - the program that the node itself would start
                [str(binary), command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=4 * _SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoAnswer(str(error)) from error
        if ran.returncode == 0 and ran.stdout.strip():
            return _version_in(ran.stdout.strip())
        said = (ran.stderr or ran.stdout).strip()[-200:]
    raise NoAnswer(said or "it says nothing")


def _version_in(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text.splitlines()[0].removeprefix("v")[:40]
    told = value.get("engine") if isinstance(value, Mapping) else None
    return str(told)[:40]


class EngineNode:
    """What a running engine says of itself: its node id, and whom it is connected to."""

    def __init__(self, node_id: str, peers: frozenset[str], *, catching_up: bool) -> None:
        self.node_id = node_id
        self.peers = peers
        self.catching_up = catching_up


def ask_engine(path: Path) -> EngineNode:
    """Ask the engine whose RPC socket is ``path``.

    Raises:
        NoAnswer: it does not answer, or not so.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NoAnswer(str(error.strerror or error)) from error
    try:  # a socket's path may have 107 bytes only; its directory's descriptor is shorter
        transport = httpx.HTTPTransport(uds=f"/proc/self/fd/{folder}/{path.name}")
        with httpx.Client(transport=transport, base_url="http://engine", timeout=_SECONDS) as http:
            status = http.get("/status").json()["result"]
            network = http.get("/net_info").json()["result"]
        return EngineNode(
            str(status["node_info"]["id"]),
            frozenset(str(peer["node_info"]["id"]) for peer in network["peers"]),
            catching_up=bool(status["sync_info"]["catching_up"]),
        )
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NoAnswer(f"the engine does not answer: {error!r}") from error
    finally:
        os.close(folder)
