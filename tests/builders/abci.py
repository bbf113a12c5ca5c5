"""The engine's side of ABCI for tests: a client, and a checker of the order in which calls come."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import Any, NoReturn, cast

from google.protobuf.message import Message

from node.engines.cometbft.proto import abci_pb2 as abci
from node.engines.cometbft.wire import MessageDecoder, encode_message

KINDS = {field.message_type.name: field.name for field in abci.Request.DESCRIPTOR.oneofs[0].fields}
"""Name of a request's message -> its name in ``Request`` and, for its answer, in ``Response``."""


class ApplicationFailed(Exception):
    """The application answered with a ResponseException."""


class ConnectionEnded(Exception):
    """The application closed the connection before it answered."""


def request_bytes(message: Message) -> bytes:
    """A request as it stands in the stream. Takes a message such as ``RequestInfo``."""
    request = abci.Request()
    value = getattr(request, KINDS[message.DESCRIPTOR.name])
    value.SetInParent()
    value.CopyFrom(message)
    return encode_message(request.SerializeToString())


class AbciClient(asyncio.Protocol):
    """One connection. Requests are pipelined; an answer of another kind than its request fails it.

    ``ended`` is set when the application has closed the connection; ``answered`` counts answers.
    """

    def __init__(self) -> None:
        self._decoder = MessageDecoder("answers")
        self._asked: deque[tuple[str, asyncio.Future[Any]]] = deque()
        self.ended = asyncio.Event()
        self.answered = 0

    @classmethod
    async def connect(cls, path: Path) -> AbciClient:
        """Connect to the application's socket, however long its path."""
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _, client = await asyncio.get_running_loop().create_unix_connection(
                cls, f"/proc/self/fd/{directory}/{path.name}"
            )
        finally:
            os.close(directory)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        while self._asked:
            kind, future = self._asked.popleft()
            if not future.done():
                future.set_exception(ConnectionEnded(kind))
                future.exception()  # whether anybody asks for it or not
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._take(abci.Response.FromString(message))

    def _take(self, response: abci.Response) -> None:
        told = response.WhichOneof("value")
        kind, future = self._asked.popleft()
        self.answered += 1
        if future.done():
            return
        if told == "exception":
            future.set_exception(ApplicationFailed(response.exception.error))
            future.exception()
        elif told != kind:
            future.set_exception(AssertionError(f"{kind} is answered with {told}"))
        else:
            future.set_result(getattr(response, told))

    def expect(self, kind: str) -> asyncio.Future[Any]:
        """The next answer, to a request of ``kind`` whose bytes the test writes by itself."""
        future = asyncio.get_running_loop().create_future()
        self._asked.append((kind, future))
        return future

    def ask(self, *messages: Message) -> list[asyncio.Future[Any]]:
        """Send requests in one write; the answers to come, each without its ``Response``."""
        answers = [self.expect(KINDS[message.DESCRIPTOR.name]) for message in messages]
        self.transport.write(b"".join(map(request_bytes, messages)))
        return answers

    async def call(self, message: Message) -> Any:
        """Send one request and wait for its answer."""
        [answer] = self.ask(message)
        return await answer

    async def close(self) -> None:
        """Go away, as an engine that is killed does."""
        self.transport.abort()
        await self.ended.wait()


class GrammarViolation(AssertionError):
    """A call that CometBFT 0.38's grammar does not allow where it came.

    ``position`` counts calls and restarts from 1; ``rule`` is what the grammar asks there.
    """

    def __init__(self, position: int, call: str, rule: str) -> None:
        super().__init__(f"call {position}, {call}: {rule}")
        self.position = position
        self.rule = rule


_ANY_TIME = frozenset(
    {"echo", "flush", "check_tx", "query", "list_snapshots", "load_snapshot_chunk"}
)
_PROPOSALS = frozenset({"prepare_proposal", "process_proposal"})
_VOTES = frozenset({"extend_vote", "verify_vote_extension"})


class Grammar:
    """Follows the calls that one application gets, as "CometBFT's expected behavior" has them:

    start = clean-start / recovery; clean-start = init-chain [state-sync] consensus-exec;
    recovery = info consensus-exec; consensus-height = *consensus-round decide commit.

    Tighter than the text where 0.38 is: every start shakes hands with info first, init-chain comes
    just where info told height 0, heights follow one another, and vote extensions are not enabled.
    Looser where 0.38 is: a node that begins with state sync does not shake hands (node.go).
    """

    def __init__(self, initial_height: int = 1) -> None:
        self._initial = initial_height
        self._committed = 0
        self._position = 0
        self._state = "started"
        self._before_crash: set[int] | None = None

    def restarted(self) -> None:
        """The engine, the application, or both were started anew."""
        self._position += 1
        if self._state == "started":  # and no call came since the last start
            return
        self._before_crash = {self._committed}
        if self._state == "committed":  # it may have died before the commit was on disk
            self._before_crash.add(self._before(self._committed))
        elif self._state in ("offered", "applying"):
            self._before_crash = None  # what half a state sync left is the application's affair
        self._state = "started"

    def saw(self, call: str, height: int | None = None) -> None:
        """The application got ``call``.

        Args:
            height: of a proposal or decided block, that of the request; of info, the answer's
                ``last_block_height``; of others none.

        Raises:
            GrammarViolation: it must not come here.
        """
        self._position += 1
        if call in _ANY_TIME:
            return
        if call in _VOTES:
            self._refuse(call, "vote extensions are not enabled")
        step = getattr(self, f"_saw_{call}", None)
        if call in _PROPOSALS:
            self._in_consensus(call, height)
            self._state = "round"
        elif step is None:
            self._refuse(call, "ABCI 2.0 has no such call")
        else:
            step(height)

    def _saw_info(self, height: int | None) -> None:
        if height is None:
            self._refuse("info", "the trace does not say which height was told")
        if self._state == "started":
            allowed = self._before_crash
            if allowed is not None and height not in allowed:
                self._refuse("info", f"height {height} is told, not {_either(allowed)}")
            self._committed = height
            self._state = "handshake" if height else "empty"
        elif self._state == "applying" and height:
            self._committed = height
            self._state = "restored"

    def _saw_init_chain(self, _height: int | None) -> None:
        if self._state != "empty":
            self._refuse("init_chain", "comes once, after an info that told height 0")
        self._state = "new chain"

    def _saw_offer_snapshot(self, _height: int | None) -> None:
        may = self._state in ("new chain", "offered", "applying", "restored")
        if not may and not (self._state == "started" and self._committed == 0):
            self._refuse("offer_snapshot", "state sync comes at the beginning of a new node only")
        self._state = "offered"

    def _saw_apply_snapshot_chunk(self, _height: int | None) -> None:
        if self._state not in ("offered", "applying"):
            self._refuse("apply_snapshot_chunk", "no snapshot was offered before it")
        self._state = "applying"

    def _saw_finalize_block(self, height: int | None) -> None:
        self._in_consensus("finalize_block", height)
        self._state = "decided"

    def _saw_commit(self, _height: int | None) -> None:
        if self._state != "decided":
            self._refuse("commit", "comes once after each finalize_block")
        self._committed = self._next()
        self._state = "committed"

    def _in_consensus(self, call: str, height: int | None) -> None:
        rules = {
            "started": "every start begins with info",
            "empty": "info told height 0, so init_chain comes first",
            "offered": "state sync ends with a chunk and an info",
            "applying": "state sync ends with an info that tells the height restored",
            "decided": "commit comes after finalize_block",
        }
        if self._state in rules:
            self._refuse(call, rules[self._state])
        if height != self._next():
            self._refuse(call, f"height {height} comes where {self._next()} is next")

    def _next(self) -> int:
        return self._committed + 1 if self._committed else self._initial

    def _before(self, height: int) -> int:
        return 0 if height == self._initial else height - 1

    def _refuse(self, call: str, rule: str) -> NoReturn:
        raise GrammarViolation(self._position, call, rule)


def _either(heights: set[int]) -> str:
    return " or ".join(map(str, sorted(heights)))
