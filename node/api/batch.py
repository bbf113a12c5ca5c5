"""POST /v1/submissions/batch: submissions as NDJSON in, an answer a line out, both streamed.

Lines are read, submitted together in groups, and answered in their order. A few groups are under
way at a time; while they are, no more is read, so that memory is bounded whatever is sent. So
whoever sends much has to read the answers meanwhile. What is held, lines and answers, counts with
the bodies of all other requests; where that is too much the batch breaks off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from node.api.buffered import Buffered, Share
from node.api.exchange import PLAIN_HEADERS, Receive, Scope, Send, body_chunks
from node.api.problems import Problem, malformed, problem_of
from node.api.receipts import Answer, answer_again, answer_at_once, answer_problem
from node.api.submissions import MAX_SUBMISSION_BYTES, Waiting, read_waiting
from node.core.encoding import decode_json_object
from node.core.errors import InvalidInput
from node.submission.errors import SubmissionError, SubmissionFull, SubmissionStopped
from node.submission.tickets import Ticket

if TYPE_CHECKING:
    from node.api.service import Service

__all__ = ["MAX_LINE_BYTES", "Batches", "Line", "read_lines", "read_submission"]

MAX_LINE_BYTES = MAX_SUBMISSION_BYTES + 64
"""A submission in its quotation marks, or in ``{"submission": …}``."""
_GROUP_LINES = 256
_GROUP_BYTES = 1 << 20
_GROUPS_UNDER_WAY = 8
_ANSWER_BYTES = 1024
_SEND_SECONDS = 60.0
_FULL_PAUSE = 0.1


@dataclass(frozen=True)
class Line:
    """A line of the request: its number from 1, and its text or why it has none."""

    number: int
    text: bytes
    problem: Problem | None = None


@dataclass
class _Pack:
    """Lines that are submitted together; ``refused`` are those that do not get so far."""

    lines: list[int] = field(default_factory=list)
    submissions: list[bytes] = field(default_factory=list)
    refused: list[tuple[int, Problem]] = field(default_factory=list)
    size: int = 0

    def add(self, line: Line) -> None:
        try:
            submission = read_submission(line)
        except Problem as problem:
            self.refused.append((line.number, problem))
            return
        self.lines.append(line.number)
        self.submissions.append(submission)
        self.size += len(submission)

    @property
    def count(self) -> int:
        return len(self.lines) + len(self.refused)

    @property
    def full(self) -> bool:
        return self.count >= _GROUP_LINES or self.size >= _GROUP_BYTES

    @property
    def weight(self) -> int:
        """Bytes that it and its answers take, about, until these are sent."""
        return self.size + self.count * _ANSWER_BYTES


_Packs = asyncio.Queue[tuple[asyncio.Task[bytes], int] | None]
"""The answers to packs, and what each weighs; None after the last."""


async def read_lines(chunks: AsyncIterator[bytes], share: Share) -> AsyncIterator[list[Line]]:
    """The lines of each chunk. One that is too long is passed over and says so; empty ones are not
    counted. Never holds more than one line, which ``share`` counts, and one chunk."""
    held = bytearray()
    number, too_long = 0, False
    async for chunk in chunks:
        lines: list[Line] = []
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            too_long = too_long or len(held) + len(piece) > MAX_LINE_BYTES
            text = b"" if too_long else bytes(held + piece)
            held.clear()
            if too_long or text.strip():
                number += 1
                lines.append(_line(number, text, too_long=too_long))
            too_long = False
        too_long = too_long or len(held) + len(rest) > MAX_LINE_BYTES
        held = bytearray() if too_long else held + rest
        share.keep(len(held))
        if lines:
            yield lines
    if too_long or held.strip():
        yield [_line(number + 1, bytes(held), too_long=too_long)]


def _line(number: int, text: bytes, *, too_long: bool) -> Line:
    if not too_long:
        return Line(number, text)
    rule = f"at most {MAX_LINE_BYTES} bytes are allowed in a line"
    problem = Problem(
        "too-large",
        f"line {number}: {rule}",
        f"第 {number} 行过长：每行最多 {MAX_LINE_BYTES} 字节",
        {"place": f"line {number}", "rule": rule},
    )
    return Line(number, b"", problem)


def read_submission(line: Line) -> bytes:
    """The SD-JWT in a line: a JSON string, or an object with the one member "submission".

    Raises:
        Problem: it is neither.
    """
    if line.problem is not None:
        raise line.problem
    place = f"line {line.number}"
    value: Any
    try:
        if line.text.lstrip()[:1] == b"{":
            value = decode_json_object(line.text, place=place, max_bytes=MAX_LINE_BYTES)
            if set(value) != {"submission"}:
                raise malformed(place, 'must have the one member "submission"')
            value = value["submission"]
        else:
            value = orjson.loads(line.text)
        if not isinstance(value, str):
            raise malformed(place, 'must be a JSON string, or {"submission": <JSON string>}')
        return value.encode("ascii")
    except InvalidInput as error:
        raise problem_of(error) from error
    except UnicodeEncodeError as error:
        raise malformed(place, "an SD-JWT is ASCII") from error
    except orjson.JSONDecodeError as error:
        raise malformed(place, f"not JSON: {error.msg} at character {error.pos}") from error


class Batches:
    """Takes batches; ``buffered`` counts what they hold."""

    def __init__(self, service: Service, buffered: Buffered) -> None:
        self._service = service
        self._buffered = buffered
        self._longest = float(service.node.config.api.max_wait_seconds)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises Problem where it is refused before it is looked into."""
        waiting = read_waiting(scope["query_string"], self._longest)
        await _send(
            send,
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/x-ndjson"), *PLAIN_HEADERS],
            },
        )
        packs: _Packs = asyncio.Queue(_GROUPS_UNDER_WAY)
        with Share(self._buffered) as share:
            reading = asyncio.create_task(self._read(receive, packs, waiting, share))
            try:
                while (pack := await packs.get()) is not None:
                    settling, weight = pack
                    await _send_body(send, await settling)
                    share.release(weight)
            finally:
                reading.cancel()
                while not packs.empty():
                    left = packs.get_nowait()
                    if left is not None:
                        left[0].cancel()
        await _send_body(send, b"", more=False)

    async def _read(self, receive: Receive, packs: _Packs, waiting: Waiting, share: Share) -> None:
        """Read the request and submit what comes; in the end, or where it breaks off, put None."""
        try:
            with Share(self._buffered) as line:
                async for pack in _packs(body_chunks(receive), line):
                    if self._service.hub.stopping:
                        raise SubmissionStopped("the node is stopping", retry_after=5)
                    share.hold(pack.weight)
                    settling = asyncio.create_task(self._settle(pack, waiting))
                    await packs.put((settling, pack.weight))
        except Exception as error:  # noqa: BLE001 - the lines before it have their answers
            problem = self._service.told(error)
            await packs.put((asyncio.create_task(_broken_off(problem)), 0))
        await packs.put(None)

    async def _settle(self, pack: _Pack, waiting: Waiting) -> bytes:
        """The answers to a pack's lines, in order, as NDJSON."""
        answers = {number: answer_problem(problem) for number, problem in pack.refused}
        metrics = self._service.metrics
        began = metrics.clock()
        if pack.submissions:
            answers.update(zip(pack.lines, await self._submit(pack.submissions, waiting)))
        out = bytearray()
        for number in sorted(answers):
            answer = answers[number]
            metrics.submitted(answer.outcome, began)
            content = {"line": number, "status_code": answer.status, **answer.content}
            out += orjson.dumps(content) + b"\n"
        return bytes(out)

    async def _submit(self, submissions: list[bytes], waiting: Waiting) -> Sequence[Answer]:
        """Submit together; while the node is full, wait as long as for a commit."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + waiting.timeout
        while True:
            try:
                tickets, safe = await self._service.hub.submit(
                    submissions, until_commit=waiting.until_commit, timeout=waiting.timeout
                )
            except SubmissionFull as error:
                if loop.time() >= give_up:
                    return [answer_problem(problem_of(error)) for _ in submissions]
                await asyncio.sleep(_FULL_PAUSE)
            except SubmissionError as error:
                return [answer_problem(problem_of(error)) for _ in submissions]
            else:
                return await self._answers(tickets, safe=safe)

    async def _answers(self, tickets: Sequence[Ticket], *, safe: bool) -> Sequence[Answer]:
        chain_id = self._service.chain_id
        quick = [answer_at_once(chain_id, ticket, safe=safe) for ticket in tickets]
        if None not in quick:
            return quick  # type: ignore[return-value]
        return await asyncio.to_thread(self._answer_again, tickets, quick)

    def _answer_again(
        self, tickets: Sequence[Ticket], quick: Sequence[Answer | None]
    ) -> Sequence[Answer]:
        answers: list[Answer] = []
        with self._service.node.reader() as reader:
            for ticket, answer in zip(tickets, quick):
                if answer is not None:
                    answers.append(answer)
                    continue
                try:
                    answers.append(answer_again(reader, self._service.chain_id, ticket))
                except Exception as error:  # noqa: BLE001 - the other lines have their answers
                    answers.append(answer_problem(self._service.told(error)))
        return answers


async def _packs(chunks: AsyncIterator[bytes], line: Share) -> AsyncIterator[_Pack]:
    """The lines in packs: a pack ends when it is full, or with what has arrived so far. ``line``
    counts the last one, where it is not whole yet."""
    async for lines in read_lines(chunks, line):
        pack = _Pack()
        for found in lines:
            pack.add(found)
            if pack.full:
                yield pack
                pack = _Pack()
        if pack.lines or pack.refused:
            yield pack


async def _broken_off(problem: Problem) -> bytes:
    """The last line of an answer to a request that broke off."""
    return orjson.dumps({"line": 0, "status_code": problem.status, **problem.to_json()}) + b"\n"


async def _send(send: Send, message: dict[str, Any]) -> None:
    """Send, but do not wait for ever for a client that does not read."""
    async with asyncio.timeout(_SEND_SECONDS):
        await send(message)


async def _send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    await _send(send, {"type": "http.response.body", "body": body, "more_body": more})
