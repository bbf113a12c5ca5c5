"""POST /v1/submissions: one SD-JWT in, its receipt out. The busiest route, so plain ASGI."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

import orjson

from node.api.buffered import Buffered, Share
from node.api.exchange import (
    PROBLEM_JSON,
    Receive,
    Scope,
    Send,
    content_type,
    read_body,
    send_bytes,
)
from node.api.problems import Problem, malformed, problem_of
from node.api.receipts import Answer, answer_again, answer_at_once, answer_problem, location_of
from node.core.disclosure import MAX_DISCLOSURE_BYTES
from node.core.transaction import MAX_DIGESTS, MAX_TRANSACTION_BYTES
from node.submission.errors import SubmissionError
from node.submission.tickets import Ticket

if TYPE_CHECKING:
    from node.api.service import Service

__all__ = ["MAX_SUBMISSION_BYTES", "MEDIA_TYPES", "Submissions", "Waiting", "read_waiting"]

MAX_SUBMISSION_BYTES = MAX_TRANSACTION_BYTES + MAX_DIGESTS * (MAX_DISCLOSURE_BYTES + 1) + 1
"""A transaction with as many disclosures as it may name, each as long as it may be."""
MEDIA_TYPES = (b"application/sd-jwt", b"text/plain", b"")
DEFAULT_TIMEOUT = 30.0


class Waiting(NamedTuple):
    """What a submitter wants to wait for: the commit, for at most ``timeout`` seconds, or not."""

    until_commit: bool
    timeout: float


_ORDINARY = Waiting(True, DEFAULT_TIMEOUT)


def read_waiting(query: bytes, longest: float) -> Waiting:
    """Read ``?wait=commit|none&timeout=<seconds>``. Raises Problem."""
    if not query:
        return _ORDINARY if longest >= DEFAULT_TIMEOUT else Waiting(True, longest)
    until_commit, timeout = True, DEFAULT_TIMEOUT
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name == "wait" and value in ("commit", "none"):
            until_commit = value == "commit"
        elif name == "wait":
            raise malformed("query.wait", "must be commit or none")
        elif name == "timeout":
            timeout = _read_seconds(value)
        else:
            raise malformed(f"query.{name[:64]}", "is no parameter of this route")
    return Waiting(until_commit, min(timeout, longest))


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (math.isfinite(seconds) and seconds >= 0):
        raise malformed("query.timeout", "must be a number of seconds from 0")
    return seconds


class Submissions:
    """Takes single submissions; ``buffered`` counts what they hold."""

    def __init__(self, service: Service, buffered: Buffered) -> None:
        self._service = service
        self._buffered = buffered
        self._chain_id = service.chain_id
        self._longest = float(service.node.config.api.max_wait_seconds)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises Problem where it is refused before it is looked into."""
        waiting = read_waiting(scope["query_string"], self._longest)
        if content_type(scope) not in MEDIA_TYPES:
            raise Problem(
                "unsupported-media-type",
                "send the SD-JWT as application/sd-jwt or text/plain",
                "请以 application/sd-jwt 或 text/plain 提交 SD-JWT",
            )
        with Share(self._buffered) as share:
            body = await read_body(receive, MAX_SUBMISSION_BYTES, share)
            answer = await self.submit(body, waiting)
        content = orjson.dumps(answer.content)
        if answer.status < 300:
            location = (b"location", location_of(answer).encode())  # type: ignore[union-attr]
            await send_bytes(send, answer.status, b"application/json", content, (location,))
            return
        after = answer.content.get("retry_after")
        headers = () if after is None else ((b"retry-after", b"%d" % after),)
        await send_bytes(send, answer.status, PROBLEM_JSON, content, headers)

    async def submit(self, body: bytes, waiting: Waiting) -> Answer:
        """Submit one SD-JWT and say what became of it."""
        metrics = self._service.metrics
        began = metrics.clock()
        try:
            ticket, safe = await self._service.hub.submit_one(
                body, until_commit=waiting.until_commit, timeout=waiting.timeout
            )
        except SubmissionError as error:
            answer = answer_problem(problem_of(error))
        else:
            answer = await self.answer(ticket, safe=safe)
        metrics.submitted(answer.outcome, began)
        return answer

    async def answer(self, ticket: Ticket, *, safe: bool) -> Answer:
        """What to tell of a ticket; asks the ledger where it judged the transaction before."""
        answer = answer_at_once(self._chain_id, ticket, safe=safe)
        if answer is not None:
            return answer
        return await asyncio.to_thread(self._answer_again, ticket)

    def _answer_again(self, ticket: Ticket) -> Answer:
        try:
            with self._service.node.reader() as reader:
                return answer_again(reader, self._chain_id, ticket)
        except Exception as error:  # noqa: BLE001 - one submission's trouble is told to it alone
            return answer_problem(self._service.told(error))
