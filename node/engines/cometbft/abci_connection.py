"""One of the engine's connections: requests are begun in order, answers go out in that order.

CheckTx and Query may overlap with what comes behind them. Every other call waits for those before
it and holds those behind it. A flush has its turn when all before it have been answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import structlog
from google.protobuf.message import DecodeError, EncodeError

from node.core.errors import InvalidEncoding, InvalidInput, LedgerFault
from node.engines.cometbft.proto import abci_pb2 as abci
from node.engines.cometbft.wire import MessageDecoder, encode_message

__all__ = ["Call", "Connection", "Serving"]

Call = Callable[[Any], Coroutine[Any, Any, Any]]
"""Takes the request's message and gives the answer's."""

_FLUSH = "flush"
_OVERLAPPING = frozenset({"check_tx", "query"})
_FINISHING = frozenset({"finalize_block", "commit"})
_VOTE_EXTENSIONS = frozenset({"extend_vote", "verify_vote_extension"})


@dataclass
class Serving:
    """What the connections of one server share.

    ``calls`` by the name that request and answer have in their ``value``; ``in_flight`` is the most
    that one connection has under way; ``failed`` is called with the first failure, and once.
    """

    calls: Mapping[str, Call]
    failed: Callable[[BaseException], None]
    in_flight: int
    max_bytes: int
    connections: set[Connection] = field(default_factory=set)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    finishing: set[asyncio.Task[Any]] = field(default_factory=set)
    opened: int = 0
    has_failed: bool = False
    has_stopped: bool = False

    def fail(self, error: BaseException) -> None:
        """Tell of a failure, the first time."""
        if not self.has_failed:
            self.has_failed = True
            self.failed(error)

    def ended(self, task: asyncio.Task[Any]) -> None:
        """A call has ended. Connections that waited for one that outlived its own go on."""
        self.tasks.discard(task)
        if task in self.finishing:
            self.finishing.discard(task)
            for connection in tuple(self.connections):
                connection.advance()


@dataclass(eq=False)
class _Turn:
    """A request's place in the order, from its arrival until its answer is handed on."""

    kind: str
    request: Any = None
    size: int = 0
    answer: bytes | None = None
    task: asyncio.Task[Any] | None = None
    is_last: bool = False
    is_dropped: bool = False


class Connection(asyncio.Protocol):
    """The application's end of one connection."""

    def __init__(self, serving: Serving) -> None:
        serving.opened += 1
        self._serving = serving
        self._name = f"connection {serving.opened}"
        self._log = structlog.get_logger("abci").bind(connection=serving.opened)
        self._loop = asyncio.get_running_loop()
        self._decoder = MessageDecoder(self._name, serving.max_bytes)
        self._waiting: deque[_Turn] = deque()
        self._waiting_bytes = 0
        self._begun: deque[_Turn] = deque()
        self._is_held = False
        self._is_ending = False
        self._is_over = False
        self._out: list[bytes] = []
        self._write_is_due = False
        self._may_write = True
        self._is_reading = True
        self.closed = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The engine has connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._serving.connections.add(self)
        self._log.debug("the engine has connected")
        if self._serving.has_stopped:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine is gone, or was sent away: nobody waits for the answers any more."""
        self._serving.connections.discard(self)
        self._drop_all()
        if not self.closed.done():
            self.closed.set_result(None)
        self._log.debug("the connection has ended", why=str(exc or ""))

    def close(self) -> None:
        """End the connection at once. Calls that must not be torn apart run on."""
        self._drop_all()
        self._transport.abort()

    def pause_writing(self) -> None:
        """The engine does not take its answers: nothing more is begun."""
        self._may_write = False

    def resume_writing(self) -> None:
        """The engine takes its answers again."""
        self._may_write = True
        self.advance()

    def data_received(self, data: bytes) -> None:
        """Take what has come and begin what may begin."""
        if self._is_ending:
            return
        try:
            for message in self._decoder.feed(data):
                self._waiting.append(self._read(message))
                self._waiting_bytes += len(message)
        except InvalidInput as error:
            self._refuse(error)
        self.advance()

    def _read(self, message: bytes) -> _Turn:
        place = f"{self._name}, message {self._decoder.number - 1}"
        try:
            request = abci.Request.FromString(message)
        except DecodeError as error:
            raise InvalidEncoding(place, "not a Request of ABCI 2.0") from error
        kind = request.WhichOneof("value")
        if kind == _FLUSH:
            return _Turn(kind, size=len(message), answer=_FLUSHED)
        if kind in _VOTE_EXTENSIONS:
            raise InvalidInput(f"{place}, {kind}", "vote extensions are not enabled")
        if kind not in self._serving.calls:
            raise InvalidInput(place, "a kind of request that ABCI 2.0 does not have")
        return _Turn(kind, getattr(request, kind), len(message))

    def _refuse(self, error: InvalidInput) -> None:
        """What came cannot be answered: what stands before it still is, then comes the end."""
        self._is_ending = True
        self._log.error("a message is refused", why=str(error))
        self._waiting.append(_Turn("exception", answer=_exception(str(error)), is_last=True))
        self._serving.fail(error)

    def advance(self) -> None:
        """Begin, in order, what may begin; read on while it is not too much that waits.

        An end of the connection is noticed while it is read from: a few always may wait.
        """
        while self._waiting and self._may_begin(self._waiting[0]):
            turn = self._waiting.popleft()
            self._waiting_bytes -= turn.size
            self._begin(turn)
        has_room = (
            len(self._begun) + len(self._waiting) < self._serving.in_flight
            and self._waiting_bytes < self._serving.max_bytes
        )
        self._set_reading(has_room and not self._is_ending)

    def _may_begin(self, turn: _Turn) -> bool:
        if (
            self._is_held
            or not self._may_write
            or self._serving.finishing
            or len(self._begun) >= self._serving.in_flight
        ):
            return False
        return turn.kind in _OVERLAPPING or turn.answer is not None or not self._begun

    def _begin(self, turn: _Turn) -> None:
        self._begun.append(turn)
        if turn.answer is not None:
            self._hand_on()
            return
        self._is_held = turn.kind not in _OVERLAPPING
        task = self._loop.create_task(self._serving.calls[turn.kind](turn.request))
        turn.task, turn.request = task, None
        self._serving.tasks.add(task)
        task.add_done_callback(partial(self._done, turn))

    def _done(self, turn: _Turn, task: asyncio.Task[Any]) -> None:
        """A call has ended: answer it, or end the connection."""
        error = LedgerFault(f"{turn.kind} was cancelled") if task.cancelled() else task.exception()
        if turn.is_dropped:
            if error is not None and turn.kind in _FINISHING:
                self._tell(turn, error)
        else:
            if error is None:
                try:
                    turn.answer = _answer(turn.kind, task.result())
                except (TypeError, ValueError, EncodeError) as flaw:
                    error = LedgerFault(f"{turn.kind} gave what is no answer to it: {flaw}")
            if error is not None:
                self._end_with(turn)
                self._tell(turn, error)
            self._is_held = False
            self._hand_on()
        self._serving.ended(task)
        self.advance()

    def _end_with(self, turn: _Turn) -> None:
        """Answer a call that failed, and nothing behind it."""
        self._is_ending = turn.is_last = True
        turn.answer = _exception(f"{turn.kind} failed; the application's log says why")
        self._waiting.clear()
        while self._begun[-1] is not turn:
            self._drop(self._begun.pop())

    def _tell(self, turn: _Turn, error: BaseException) -> None:
        self._log.error("a call has failed", call=turn.kind, why=repr(error))
        self._serving.fail(error)

    def _drop_all(self) -> None:
        self._is_ending = True
        self._waiting.clear()
        while self._begun:
            self._drop(self._begun.pop())

    def _drop(self, turn: _Turn) -> None:
        """Nobody waits for the answer any more."""
        turn.is_dropped = True
        if turn.task is None or turn.task.done():
            return
        if turn.kind in _FINISHING:
            self._serving.finishing.add(turn.task)
        else:
            turn.task.cancel()

    def _hand_on(self) -> None:
        """Gather the answers whose turn has come, to be written together."""
        while self._begun and self._begun[0].answer is not None:
            turn = self._begun.popleft()
            assert turn.answer is not None
            self._out.append(turn.answer)
            self._is_over = turn.is_last
        if self._out and not self._write_is_due:
            self._write_is_due = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._write_is_due = False
        answers, self._out = self._out, []
        if self._transport.is_closing():
            return
        self._transport.write(b"".join(answers))
        if self._is_over:
            self._transport.close()

    def _set_reading(self, wanted: bool) -> None:
        if wanted == self._is_reading or self._transport.is_closing():
            return
        self._is_reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()


def _answer(kind: str, message: Any) -> bytes:
    answer = abci.Response()
    getattr(answer, kind).CopyFrom(message)
    return encode_message(answer.SerializeToString())


def _exception(text: str) -> bytes:
    return _answer("exception", abci.ResponseException(error=text))


_FLUSHED = _answer(_FLUSH, abci.ResponseFlush())
