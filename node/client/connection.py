"""Requests to a node and their answers: signed where only members may ask, repeated where safe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from node.client.errors import NodeBusy, NodeProblem, NodeUnreachable, RecordRefused
from node.client.keys import SigningKey
from node.client.requests import sign_request

__all__ = ["Json", "NodeConnection"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

Json = dict[str, Any]
_Answer = TypeVar("_Answer")


class NodeConnection:
    """Connections to one node, kept open between requests. ``now`` gives the time in ms."""

    def __init__(
        self,
        url: str,
        *,
        key: SigningKey | None,
        member: str,
        chain_id: str,
        operator: str,
        timeout: float,
        patience: float,
        transport: httpx.BaseTransport | None,
        now: Callable[[], int],
    ) -> None:
        if key is not None and not (member and chain_id and operator):
            raise ValueError(
                "a key signs for a member, on a chain, to the node of one operator: give member, "
                "chain_id and operator too"
            )
        self._key, self._member = key, member
        self._chain_id, self._operator = chain_id, operator
        self._timeout, self._patience, self._now = timeout, patience, now
        self._http = httpx.Client(
            base_url=url.rstrip("/"), timeout=timeout, transport=transport, follow_redirects=False
        )

    @property
    def signs(self) -> bool:
        """Whether requests can be signed."""
        return self._key is not None

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        media_type: str = "",
        *,
        signed: bool = False,
        timeout: float | None = None,
    ) -> Json:
        """`raw`, and the answer must be a JSON object. Raises NodeError."""
        answer = self.raw(method, path, query, body, media_type, signed=signed, timeout=timeout)
        try:
            value = answer.json()
        except ValueError as error:
            raise NodeUnreachable(str(answer.url), "the answer is not JSON") from error
        if not isinstance(value, dict):
            raise NodeUnreachable(str(answer.url), "the answer is not a JSON object")
        return value

    def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        media_type: str = "",
        *,
        signed: bool = False,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Make one request.

        Raises:
            NodeError: no answer came, or it is a problem document.
        """
        request = self._http.build_request(
            method,
            path,
            params=query or None,
            content=body or None,
            headers={"content-type": media_type} if media_type else None,
            timeout=self._timeout if timeout is None else timeout,
        )
        if signed:
            request.headers["authorization"] = self._authorize(request, body)
        try:
            answer = self._http.send(request)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise NodeUnreachable(str(request.url), reason) from error
        if answer.status_code >= 300:
            raise _problem_of(answer)
        return answer

    def _authorize(self, request: httpx.Request, body: bytes) -> str:
        if self._key is None:
            raise ValueError("only members may ask this: give key, member, chain_id and operator")
        return sign_request(
            self._key,
            member=self._member,
            chain_id=self._chain_id,
            operator=self._operator,
            method=request.method,
            target=request.url.raw_path.decode("ascii"),
            body=body,
            issued_at=self._now(),
        )

    def patiently(self, attempt: Callable[[], _Answer]) -> _Answer:
        """Make a request that may be repeated, until it is answered or patience ends."""
        give_up = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return attempt()
            except NodeBusy as busy:
                pause = float(busy.retry_after)
                if time.monotonic() + pause > give_up:
                    raise
            except NodeUnreachable:
                pause = min(2 * pause, _LONGEST_PAUSE)
                if time.monotonic() + pause > give_up:
                    raise
            time.sleep(pause)


def _problem_of(answer: httpx.Response) -> NodeProblem:
    try:
        content = answer.json()
    except ValueError:
        content = None
    problem = content if isinstance(content, dict) else {"title": answer.reason_phrase}
    kinds = {409: RecordRefused, 422: RecordRefused, 503: NodeBusy}
    return kinds.get(answer.status_code, NodeProblem)(answer.status_code, problem)
