"""The ABCI server over a real unix socket, with a client that plays the engine."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from builders.abci import AbciClient, ApplicationFailed, ConnectionEnded, request_bytes
from google.protobuf.message import Message

from node.core.errors import InvalidInput, LedgerFault
from node.engines.cometbft.abci import AbciServer, SocketTaken
from node.engines.cometbft.proto import abci_pb2 as abci
from node.engines.cometbft.wire import encode_message

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
VOTE_EXTENSIONS = [abci.RequestExtendVote(), abci.RequestVerifyVoteExtension()]


class Application:
    """Answers everything. ``began`` and ``ended`` are the calls, in order, by name and what tells
    them apart; a call whose name has a gate waits until it is opened."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.errors: dict[str, BaseException] = {}
        self.at_once = 0
        self.most_at_once = 0
        self._moved = asyncio.Event()

    async def _do(self, name: str) -> None:
        self.began.append(name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self._moved.set()
        try:
            await asyncio.sleep(0)
            if name in self.gates:
                await self.gates[name].wait()
            if name in self.errors:
                raise self.errors[name]
            self.ended.append(name)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            self.at_once -= 1
            self._moved.set()

    def close(self, *names: str) -> None:
        self.gates |= {name: asyncio.Event() for name in names}

    def open(self, name: str) -> None:
        self.gates[name].set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; it is looked at whenever a call begins or ends."""
        while not condition():
            self._moved.clear()
            await self._moved.wait()

    async def echo(self, request: abci.RequestEcho) -> abci.ResponseEcho:
        await self._do(f"echo {request.message}")
        return abci.ResponseEcho(message=request.message)

    async def info(self, request: abci.RequestInfo) -> abci.ResponseInfo:
        await self._do("info")
        return abci.ResponseInfo(data="test", last_block_height=7)

    async def init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        await self._do("init_chain")
        return abci.ResponseInitChain(app_hash=request.app_state_bytes)

    async def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        await self._do(f"query {request.path}")
        return abci.ResponseQuery(value=request.path.encode())

    async def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        await self._do(f"check_tx {request.tx.decode()}")
        return abci.ResponseCheckTx(data=request.tx)

    async def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        await self._do("prepare_proposal")
        return abci.ResponsePrepareProposal(txs=request.txs)

    async def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        await self._do("process_proposal")
        return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.ACCEPT)

    async def finalize_block(
        self, request: abci.RequestFinalizeBlock
    ) -> abci.ResponseFinalizeBlock:
        await self._do("finalize_block")
        return abci.ResponseFinalizeBlock(
            tx_results=[abci.ExecTxResult(data=tx) for tx in request.txs], app_hash=b"hash"
        )

    async def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        await self._do("commit")
        return abci.ResponseCommit(retain_height=3)


class Stage:
    """A server, its application, what it told of failures, and clients."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self.application = Application()
        self.failures: list[BaseException] = []
        self.server = AbciServer(path, self.application, self.failures.append, **settings)
        self._clients: list[AbciClient] = []

    async def client(self) -> AbciClient:
        client = await AbciClient.connect(self.path)
        self._clients.append(client)
        return client

    async def end(self) -> None:
        for client in self._clients:
            client.transport.abort()
        await self.server.stop()


Scenario = Callable[[Stage], Awaitable[None]]
Play = Callable[..., Stage]


@pytest.fixture(params=LOOPS)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Runs a scenario in each kind of event loop; an exception that nobody sees fails the test."""

    def run(scenario: Scenario, **settings: Any) -> Stage:
        unseen: list[dict[str, Any]] = []

        async def whole() -> Stage:
            asyncio.get_running_loop().set_exception_handler(lambda _, what: unseen.append(what))
            stage = Stage(tmp_path / "abci.sock", **settings)
            await stage.server.start()
            try:
                await scenario(stage)
            finally:
                await stage.end()
            return stage

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            stage = runner.run(whole())
        assert not unseen
        assert not list(tmp_path.iterdir()), "the socket is left over"
        return stage

    return run


def check_txs(*names: str) -> list[abci.RequestCheckTx]:
    return [abci.RequestCheckTx(tx=name.encode()) for name in names]


def test_every_call_reaches_its_method_and_its_answer_comes_back(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.client()
        assert (await client.call(abci.RequestEcho(message="hi"))).message == "hi"
        assert await client.call(abci.RequestFlush()) == abci.ResponseFlush()
        assert (await client.call(abci.RequestInfo())).last_block_height == 7
        begun = await client.call(abci.RequestInitChain(app_state_bytes=b"{}"))
        assert begun.app_hash == b"{}"
        assert (await client.call(abci.RequestQuery(path="/p"))).value == b"/p"
        assert (await client.call(abci.RequestCheckTx(tx=b"t"))).data == b"t"
        assert (await client.call(abci.RequestPrepareProposal(txs=[b"a", b"b"]))).txs == [
            b"a",
            b"b",
        ]
        processed = await client.call(abci.RequestProcessProposal())
        assert processed.status == abci.ResponseProcessProposal.ACCEPT
        block = await client.call(abci.RequestFinalizeBlock(txs=[b"x", b""], height=8))
        assert [result.data for result in block.tx_results] == [b"x", b""]
        assert (await client.call(abci.RequestCommit())).retain_height == 3
        assert len(stage.application.ended) == 9, "flush is the server's own"

    assert play(scenario).failures == []


def test_state_sync_is_declined_where_nobody_answers_it(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.client()
        assert not (await client.call(abci.RequestListSnapshots())).snapshots
        assert not (await client.call(abci.RequestLoadSnapshotChunk(height=1))).chunk
        offered = await client.call(abci.RequestOfferSnapshot())
        assert offered.result == abci.ResponseOfferSnapshot.ABORT
        applied = await client.call(abci.RequestApplySnapshotChunk(index=1))
        assert applied.result == abci.ResponseApplySnapshotChunk.ABORT

    assert play(scenario).failures == []


class Snapshots:
    async def list_snapshots(self, request: Any) -> abci.ResponseListSnapshots:
        return abci.ResponseListSnapshots(snapshots=[abci.Snapshot(height=9)])

    async def offer_snapshot(self, request: Any) -> abci.ResponseOfferSnapshot:
        return abci.ResponseOfferSnapshot(result=abci.ResponseOfferSnapshot.ACCEPT)

    async def load_snapshot_chunk(self, request: Any) -> abci.ResponseLoadSnapshotChunk:
        return abci.ResponseLoadSnapshotChunk(chunk=b"%d" % request.chunk)

    async def apply_snapshot_chunk(self, request: Any) -> abci.ResponseApplySnapshotChunk:
        return abci.ResponseApplySnapshotChunk(refetch_chunks=[request.index])


def test_state_sync_reaches_who_answers_it(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.client()
        assert (await client.call(abci.RequestListSnapshots())).snapshots[0].height == 9
        assert (await client.call(abci.RequestLoadSnapshotChunk(chunk=4))).chunk == b"4"
        offered = await client.call(abci.RequestOfferSnapshot())
        assert offered.result == abci.ResponseOfferSnapshot.ACCEPT
        applied = await client.call(abci.RequestApplySnapshotChunk(index=6))
        assert list(applied.refetch_chunks) == [6]

    play(scenario, snapshots=Snapshots())


def test_bytes_worked_out_by_hand_are_answered_with_such_bytes(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        directory = os.open(stage.path.parent, os.O_RDONLY)
        reader, writer = await asyncio.open_unix_connection(
            f"/proc/self/fd/{directory}/{stage.path.name}"
        )
        os.close(directory)
        # echo "hi", flush, check_tx "t": each in as many pieces as it has bytes
        for byte in bytes.fromhex("060a040a0268690212000542030a0174"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        # Response: echo is field 2, flush 3, check_tx 9 with data in its field 2
        expected = bytes.fromhex("0612040a026869021a00054a03120174")
        assert await reader.readexactly(len(expected)) == expected
        writer.close()
        await writer.wait_closed()

    assert play(scenario).failures == []


def test_thousands_in_one_write_are_answered_in_order_and_few_at_once(play: Play) -> None:
    names = [str(number) for number in range(5000)]

    async def scenario(stage: Stage) -> None:
        client = await stage.client()
        *answers, flushed = client.ask(*check_txs(*names), abci.RequestFlush())
        await flushed
        assert [answer.result().data.decode() for answer in answers] == names

    stage = play(scenario, in_flight=100)
    assert stage.application.began == [f"check_tx {name}" for name in names]
    assert 1 < stage.application.most_at_once <= 100
    assert stage.failures == []


def test_a_slow_call_is_overtaken_and_its_answer_still_comes_first(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("check_tx slow")
        client = await stage.client()
        slow, fast, asked, flushed = client.ask(
            *check_txs("slow", "fast"), abci.RequestQuery(path="q"), abci.RequestFlush()
        )
        await application.until(lambda: len(application.ended) == 2)
        assert application.ended == ["check_tx fast", "query q"]
        other = await stage.client()
        await other.call(abci.RequestFlush())  # the server had time to answer, had it wanted to
        assert client.answered == 0
        application.open("check_tx slow")
        await flushed
        assert [slow.result().data, fast.result().data, asked.result().value] == [
            b"slow",
            b"fast",
            b"q",
        ]

    play(scenario)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (abci.RequestEcho(message="m"), "echo m"),
        (abci.RequestInfo(), "info"),
        (abci.RequestInitChain(), "init_chain"),
        (abci.RequestPrepareProposal(), "prepare_proposal"),
        (abci.RequestProcessProposal(), "process_proposal"),
        (abci.RequestFinalizeBlock(), "finalize_block"),
        (abci.RequestCommit(), "commit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_calls_wait_for_those_before_and_hold_those_behind(
    play: Play, message: Message, name: str
) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("check_tx before", name)
        client, other = await stage.client(), await stage.client()
        answers = client.ask(*check_txs("before"), message, *check_txs("behind"))
        await application.until(lambda: len(application.began) == 1)
        await other.call(abci.RequestFlush())
        assert application.began == ["check_tx before"]
        application.open("check_tx before")
        await application.until(lambda: name in application.began)
        await other.call(abci.RequestQuery(path="another connection"))
        assert application.began == ["check_tx before", name, "query another connection"]
        application.open(name)
        await asyncio.gather(*answers)
        assert application.began[-1] == "check_tx behind"

    play(scenario)


def test_reading_pauses_while_as_many_are_under_way_as_may_be(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("check_tx 0")
        client = await stage.client()
        big = "x" * 100_000
        answers = client.ask(*check_txs("0", *(f"{number} {big}" for number in range(1, 200))))
        await application.until(lambda: len(application.ended) == 3)
        other = await stage.client()
        for _ in range(20):
            await other.call(abci.RequestFlush())
        assert len(application.began) == 4, "the first four wait for the first one's answer"
        # 20 MB were asked; what neither the server nor the kernel takes stays with the client.
        assert client.transport.get_write_buffer_size() > 10_000_000
        application.open("check_tx 0")
        await asyncio.gather(*answers)

    play(scenario, in_flight=4)


def test_reading_pauses_while_too_many_bytes_wait_for_a_call(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("finalize_block")
        client = await stage.client()
        big = "x" * 100_000
        asked = check_txs(*(f"{number} {big}" for number in range(200)))
        answers = client.ask(abci.RequestFinalizeBlock(), *asked)
        await application.until(lambda: application.began == ["finalize_block"])
        other = await stage.client()
        for _ in range(100):
            await other.call(abci.RequestFlush())
        assert client.transport.get_write_buffer_size() > 10_000_000
        application.open("finalize_block")
        await asyncio.gather(*answers)
        assert len(application.ended) == 201

    play(scenario, max_bytes=1_000_000)


def test_nothing_more_is_begun_for_a_peer_that_does_not_take_its_answers(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        client, other = await stage.client(), await stage.client()
        client.transport.pause_reading()
        asked = [abci.RequestQuery(path=f"{number} " + "y" * 200_000) for number in range(100)]
        answers = client.ask(*asked)
        await application.until(lambda: len(application.ended) >= 2)
        begun = -1
        while begun != len(application.began):  # until twenty exchanges bring no more
            begun = len(application.began)
            for _ in range(20):
                await other.call(abci.RequestFlush())
        assert begun < 50
        client.transport.resume_reading()
        values = [answer.value.decode() for answer in await asyncio.gather(*answers)]
        assert values == [request.path for request in asked]

    play(scenario, in_flight=4)


def test_what_a_call_raises_is_told_to_the_node_and_not_to_the_engine(play: Play) -> None:
    error = LedgerFault("the state of 张三 cannot be right")

    async def scenario(stage: Stage) -> None:
        stage.application.errors["finalize_block"] = error
        client = await stage.client()
        before, failed, behind = client.ask(
            *check_txs("before"), abci.RequestFinalizeBlock(), abci.RequestCommit()
        )
        with pytest.raises(ApplicationFailed) as raised:
            await failed
        assert str(raised.value) == "finalize_block failed; the application's log says why"
        assert (await before).data == b"before"
        with pytest.raises(ConnectionEnded):
            await behind
        await client.ended.wait()
        other = await stage.client()
        with pytest.raises(ApplicationFailed):
            await other.call(abci.RequestFinalizeBlock())

    stage = play(scenario)
    assert stage.failures == [error], "told once"
    assert "commit" not in stage.application.began


def test_calls_before_one_that_failed_are_answered_and_those_behind_cancelled(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("check_tx first", "check_tx bad", "check_tx last")
        application.errors["check_tx bad"] = RuntimeError("bad")
        client = await stage.client()
        first, bad, last = client.ask(*check_txs("first", "bad", "last"))
        await application.until(lambda: len(application.began) == 3)
        application.open("check_tx bad")
        await application.until(lambda: application.cancelled == ["check_tx last"])
        assert client.answered == 0
        application.open("check_tx first")
        assert (await first).data == b"first"
        with pytest.raises(ApplicationFailed):
            await bad
        with pytest.raises(ConnectionEnded):
            await last

    assert [str(error) for error in play(scenario).failures] == ["bad"]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), TimeoutError()])
def test_a_call_that_ends_in_any_way_is_answered(play: Play, error: BaseException) -> None:
    async def scenario(stage: Stage) -> None:
        stage.application.errors["info"] = error
        client = await stage.client()
        with pytest.raises(ApplicationFailed, match=r"^info failed"):
            await client.call(abci.RequestInfo())
        await client.ended.wait()

    [told] = play(scenario).failures
    assert isinstance(told, (LedgerFault, TimeoutError))


@pytest.mark.parametrize("wrong", [None, b"bytes", abci.ResponseEcho()])
def test_what_is_no_answer_is_not_sent(play: Play, wrong: object) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.client()
        with pytest.raises(ApplicationFailed, match=r"^list_snapshots failed"):
            await client.call(abci.RequestListSnapshots())

    class Wrong(Snapshots):
        async def list_snapshots(self, request: Any) -> Any:
            return wrong

    [told] = play(scenario, snapshots=Wrong()).failures
    assert str(told).startswith("list_snapshots gave what is no answer to it")


@pytest.mark.parametrize(
    ("stream", "rule"),
    [
        (encode_message(b"\x0a\x05x"), "not a Request of ABCI 2.0"),
        (encode_message(b""), "a kind of request that ABCI 2.0 does not have"),
        (encode_message(bytes.fromhex("3a00")), "a kind of request that ABCI 2.0"),  # begin_block
        (b"\xff" * 10, "the length has more than 10 bytes"),
        (b"\x80\x80\x80\x20", "the length is 67108864 bytes, at most 1000"),
        *(
            (request_bytes(message), "vote extensions are not enabled")
            for message in VOTE_EXTENSIONS
        ),
    ],
)
def test_what_abci_does_not_allow_ends_the_connection_by_place_and_rule(
    play: Play, stream: bytes, rule: str
) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("check_tx slow")
        await (await stage.client()).call(abci.RequestFlush())
        client = await stage.client()
        answers = client.ask(*check_txs("slow", "fast"), abci.RequestCommit())
        refused = client.expect("exception")
        client.transport.write(stream + request_bytes(abci.RequestEcho(message="ignored")))
        await application.until(lambda: application.ended == ["check_tx fast"])
        application.open("check_tx slow")
        await asyncio.gather(*answers)
        with pytest.raises(ApplicationFailed, match=rule) as raised:
            await refused
        assert str(raised.value).startswith("connection 2, message 4")
        await client.ended.wait()

    stage = play(scenario, max_bytes=1000)
    [told] = stage.failures
    assert isinstance(told, InvalidInput)
    assert told.place.startswith("connection 2, message 4")
    assert stage.application.began == ["check_tx slow", "check_tx fast", "commit"]


def test_what_comes_behind_a_refused_message_is_not_read(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("check_tx slow")
        client = await stage.client()
        client.ask(*check_txs("slow"))
        refused = client.expect("exception")
        client.transport.write(encode_message(b""))
        while not stage.failures:
            await asyncio.sleep(0)
        [connection] = stage.server._serving.connections
        # A transport may hand over what it had read when it was told to pause.
        connection.data_received(request_bytes(abci.RequestEcho(message="late")))
        application.open("check_tx slow")
        with pytest.raises(ApplicationFailed):
            await refused
        await client.ended.wait()

    stage = play(scenario)
    assert stage.application.began == ["check_tx slow"]
    assert len(stage.failures) == 1


def test_calls_of_an_engine_that_went_away_are_cancelled(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("check_tx a", "query b", "process_proposal")
        mempool, consensus = await stage.client(), await stage.client()
        mempool.ask(*check_txs("a"), abci.RequestQuery(path="b"), abci.RequestEcho(message="held"))
        consensus.ask(abci.RequestProcessProposal())
        await application.until(lambda: len(application.began) == 3)
        await mempool.close()
        await consensus.close()
        await application.until(lambda: len(application.cancelled) == 3)
        assert (await (await stage.client()).call(abci.RequestInfo())).data == "test"

    stage = play(scenario)
    assert "echo held" not in stage.application.began
    assert stage.failures == []


@pytest.mark.parametrize(
    ("message", "name"),
    [(abci.RequestFinalizeBlock(), "finalize_block"), (abci.RequestCommit(), "commit")],
)
def test_a_block_under_way_is_finished_before_the_next_engine_is_answered(
    play: Play, message: Message, name: str
) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close(name)
        client = await stage.client()
        client.ask(message, *check_txs("behind"))
        await application.until(lambda: application.began == [name])
        await client.close()
        while stage.server._serving.connections:  # until the server has noticed
            await asyncio.sleep(0)
        again = await stage.client()
        [informed] = again.ask(abci.RequestInfo())
        for _ in range(50):
            await asyncio.sleep(0)
        assert application.began == [name]
        application.open(name)
        assert (await informed).data == "test"
        assert application.began == application.ended == [name, "info"]

    stage = play(scenario)
    assert stage.application.cancelled == []
    assert stage.failures == []


def test_a_block_that_fails_when_nobody_waits_for_it_is_told(play: Play) -> None:
    error = LedgerFault("disk full")

    async def scenario(stage: Stage) -> None:
        stage.application.close("commit")
        stage.application.errors["commit"] = error
        client = await stage.client()
        client.ask(abci.RequestCommit())
        await stage.application.until(lambda: stage.application.began == ["commit"])
        await client.close()
        stage.application.open("commit")
        await stage.application.until(lambda: stage.application.at_once == 0)

    assert play(scenario).failures == [error]


def test_stopping_finishes_the_block_and_cancels_the_rest(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        application = stage.application
        application.close("commit", "check_tx a")
        consensus, mempool = await stage.client(), await stage.client()
        consensus.ask(abci.RequestCommit())
        mempool.ask(*check_txs("a"))
        await application.until(lambda: len(application.began) == 2)
        stopping = asyncio.ensure_future(stage.server.stop())
        await application.until(lambda: application.cancelled == ["check_tx a"])
        await consensus.ended.wait()
        assert not stopping.done()
        application.open("commit")
        await stopping
        assert application.ended == ["commit"]
        with pytest.raises(OSError):
            await stage.client()
        await stage.server.stop()

    assert play(scenario).failures == []


def run(scenario: Awaitable[None]) -> None:
    async def main() -> None:
        await scenario

    asyncio.run(main())


def test_the_socket_is_the_own_users_alone_and_may_lie_deep(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a folder of forty characters, or just so"] * 4)
    folder.mkdir(parents=True)
    mask = os.umask(0)

    async def scenario() -> None:
        stage = Stage(folder / "abci.sock")
        await stage.server.start()
        found = stage.path.stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert [path.name for path in folder.iterdir()] == ["abci.sock"]
        assert (await (await stage.client()).call(abci.RequestInfo())).data == "test"
        await stage.end()
        assert not list(folder.iterdir())

    try:
        run(scenario())
    finally:
        os.umask(mask)


def test_a_dead_servers_socket_is_replaced_and_a_live_ones_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()

    async def scenario() -> None:
        first, second = Stage(path), Stage(path)
        await first.server.start()
        for _ in range(2):
            with pytest.raises(SocketTaken, match="another server answers there"):
                await second.server.start()
        assert (await (await first.client()).call(abci.RequestInfo())).data == "test"
        await second.server.stop()
        assert path.exists()
        await first.end()
        await second.server.start()
        await second.end()

    run(scenario())
    assert not list(tmp_path.iterdir())


def test_what_is_no_socket_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("a user's own")

    async def scenario() -> None:
        with pytest.raises(SocketTaken, match="is in the way: it is no socket"):
            await Stage(path).server.start()
        with pytest.raises(FileNotFoundError):
            await Stage(tmp_path / "missing" / "s").server.start()

    run(scenario())
    assert path.read_text() == "a user's own"


def test_a_socket_put_in_its_place_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def scenario() -> None:
        stage = Stage(path)
        await stage.server.start()
        path.unlink()
        path.write_text("another's")
        await stage.server.stop()

    run(scenario())
    assert path.read_text() == "another's"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            stage = Stage(tmp_path / "s")
            await stage.server.start()
            await (await stage.client()).call(abci.RequestFlush())
            await stage.end()
        (tmp_path / "s").write_text("")
        with pytest.raises(SocketTaken):
            await Stage(tmp_path / "s").server.start()
        await asyncio.sleep(0)
        assert len(os.listdir("/proc/self/fd")) == before

    run(scenario())
