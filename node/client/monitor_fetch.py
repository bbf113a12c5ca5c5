"""Asking nodes for checkpoints and proofs, bounded in time and bytes: a node may do anything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from node.client.monitor import Observation
from node.client.signed_checkpoints import Consistency, ProofUnavailable
from node.core.encoding import decode_json_object
from node.core.errors import EvidenceError, InvalidInput
from node.core.fields import read_each, read_hash, read_object, read_text

__all__ = ["FetchFailed", "Fetcher"]

_MAX_NOTE, _MAX_PROOF, _MAX_GENESIS, _MAX_ANCHORS = 65_536, 65_536, 65_536, 1 << 20
_HALF_SECOND = 500


class FetchFailed(EvidenceError):
    """A node gave no usable answer; the text says how that was noticed."""


class Fetcher:
    """Asks nodes, each answer within ``timeout`` seconds in all. Safe for threads.

    ``now`` gives the time in ms, ``transport`` replaces the network in tests.
    """

    def __init__(
        self,
        timeout: float,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._timeout = timeout
        self._now = now
        self._http = httpx.Client(
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            headers={"accept-encoding": "identity"},  # a few bytes can unpack to very many
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def observe(self, urls: Sequence[str]) -> list[Observation]:
        """Ask all nodes for their checkpoints at once, so that one that hangs delays none."""
        with ThreadPoolExecutor(max_workers=min(len(urls), 32)) as pool:
            return list(pool.map(self._observe_one, urls))

    def _observe_one(self, url: str) -> Observation:
        began = self._now()
        try:
            content, headers = self._get(url, "/v1/log/checkpoint", _MAX_NOTE)
        except FetchFailed as error:
            return Observation(url, None, str(error))
        ahead = _ahead(headers, (began + self._now()) // 2)
        return Observation(url, content, "", ahead, self._conflicts(url))

    def _conflicts(self, url: str) -> tuple[str, ...]:
        """What the node says of outside chains; nothing where it knows of none, or is too old."""
        try:
            content, _ = self._get(url, "/v1/anchors", _MAX_ANCHORS)
            value = read_object(
                json.loads(content), "anchors"
            )  # with null and true, as answers are
            return read_each(value.get("alarms"), "anchors.alarms", _read_alarm, most=100)
        except (FetchFailed, InvalidInput, ValueError, RecursionError):
            return ()

    def prove(self, url: str, first: int, second: int) -> Consistency:
        """The node's consistency proof between two sizes. Raises ProofUnavailable."""
        path = f"/v1/log/proofs/consistency?first={first}&second={second}"
        try:
            content, _ = self._get(url, path, _MAX_PROOF)
            value: dict[str, Any] = decode_json_object(content, place="proof", max_bytes=_MAX_PROOF)
            return Consistency(
                read_each(value.get("proof"), "proof.proof", read_hash, most=100),
                read_hash(value.get("first_root"), "proof.first_root"),
                read_hash(value.get("second_root"), "proof.second_root"),
            )
        except (FetchFailed, InvalidInput) as error:
            raise ProofUnavailable(str(error)) from error

    def genesis(self, url: str) -> bytes:
        """The genesis document that a node gives; compare its hash. Raises FetchFailed."""
        return self._get(url, "/v1/genesis", _MAX_GENESIS)[0]

    def _get(self, url: str, path: str, most: int) -> tuple[bytes, httpx.Headers]:
        give_up = time.monotonic() + self._timeout
        content = b""
        try:
            with self._http.stream("GET", url.rstrip("/") + path) as answer:
                for part in answer.iter_raw():
                    content += part
                    if len(content) > most:
                        raise FetchFailed(f"more than {most} bytes were answered")
                    if time.monotonic() > give_up:
                        raise FetchFailed(f"the answer took more than {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchFailed(str(error) or type(error).__name__) from error
        if answer.status_code != 200:
            raise FetchFailed(f"answered {answer.status_code}")
        return content, answer.headers


def _read_alarm(value: Any, place: str) -> str:
    members = read_object(value, place)
    adapter = read_text(members.get("adapter"), f"{place}.adapter", most=100)
    chain = read_text(members.get("chain"), f"{place}.chain", most=200, least=0)
    text = read_text(members.get("text"), f"{place}.text", most=2000)
    return f"{adapter} on {chain}: {text}"


def _ahead(headers: httpx.Headers, here: int) -> int | None:
    """How far the answer's Date (RFC 9110 §6.6.1), which names a second, is ahead."""
    try:
        told = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None
    return round(1000 * told) + _HALF_SECOND - here
