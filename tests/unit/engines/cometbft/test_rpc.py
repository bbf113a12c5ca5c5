"""Calls over a unix socket, to a server that answers as it is told."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from node.core.block import verify_commit
from node.core.errors import InvalidEncoding
from node.core.signatures import load_backend
from node.engines.cometbft.rpc import Accepted, EngineRpc, RpcRefused, RpcUnreachable

Answer = Callable[[str, dict[str, Any]], Any]


def call(path: Path, answer: Answer, work: Callable[[EngineRpc], Awaitable[Any]]) -> Any:
    """What ``work`` gives, with a server on the socket ``path``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            told = answer(asked["method"], asked["params"])
            body = (
                told
                if isinstance(told, bytes)
                else json.dumps({"id": asked["id"], **told}).encode()
            )
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    async def scenario() -> Any:
        directory = os.open(path.parent, os.O_RDONLY)
        server = await asyncio.start_unix_server(serve, f"/proc/self/fd/{directory}/{path.name}")
        rpc = EngineRpc(path)
        try:
            return await work(rpc)
        finally:
            await rpc.close()
            await rpc.close()
            server.close()
            os.close(directory)

    return asyncio.run(scenario())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """In a directory whose name alone is too long for a socket's address."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    return deep / "rpc.sock"


def recorded(heights: list[dict[str, Any]]) -> Answer:
    def answer(method: str, asked: dict[str, Any]) -> Any:
        return {"result": heights[int(asked["height"]) - 1][method]}

    return answer


def test_a_real_commit_and_its_validators(
    path: Path, cometbft_heights: list[dict[str, Any]]
) -> None:
    async def work(rpc: EngineRpc) -> None:
        header, commit = await rpc.signed_header(3)
        validators = await rpc.validators(3)
        assert verify_commit(header, commit, validators, load_backend()) > 0

    call(path, recorded(cometbft_heights), work)


def test_validators_of_many_pages(path: Path, cometbft_heights: list[dict[str, Any]]) -> None:
    everybody = cometbft_heights[0]["validators"]["validators"]

    def answer(method: str, asked: dict[str, Any]) -> Any:
        at = int(asked["page"]) - 1
        return {"result": {"validators": everybody[at : at + 1], "total": str(len(everybody))}}

    found = call(path, answer, lambda rpc: rpc.validators(1))
    assert len(found.validators) == len(everybody)


def test_a_frame_is_handed_over_as_it_is(path: Path) -> None:
    seen: list[bytes] = []

    def answer(method: str, asked: dict[str, Any]) -> Any:
        assert method == "broadcast_tx_async"
        seen.append(b64decode(asked["tx"]))
        return {"result": {"code": 1, "log": "frame[0]: no", "hash": "AB"}}

    frame = bytes(range(256))
    assert call(path, answer, lambda rpc: rpc.broadcast(frame)) == Accepted(1, "frame[0]: no")
    assert seen == [frame]


def test_an_error_is_told_with_the_engine_s_words(path: Path) -> None:
    error = {"code": -32603, "message": "Internal error", "data": "tx already exists in cache"}
    with pytest.raises(RpcRefused, match="already exists in cache"):
        call(path, lambda *_: {"error": error}, lambda rpc: rpc.broadcast(b"x"))
    with pytest.raises(RpcRefused, match="no commit of height 7"):
        call(path, lambda *_: {"result": {"signed_header": {}}}, lambda rpc: rpc.signed_header(7))


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"{}", b'{"result":1,"error":2}'])
def test_what_is_no_answer_is_none(path: Path, body: bytes) -> None:
    with pytest.raises(RpcUnreachable):
        call(path, lambda *_: body, lambda rpc: rpc.call("health"))


def test_nobody_there(path: Path) -> None:
    async def scenario() -> None:
        rpc = EngineRpc(path)
        with pytest.raises(RpcUnreachable, match="does not answer health"):
            await rpc.call("health")
        await rpc.close()

    asyncio.run(scenario())


def test_a_height_that_is_none_names_its_place(path: Path) -> None:
    told = {"result": {"sync_info": {"latest_block_height": "x"}}}
    with pytest.raises(InvalidEncoding, match=r"sync_info\.latest_block_height"):
        call(path, lambda *_: told, lambda rpc: rpc.latest_height())


def test_who_is_connected(path: Path) -> None:
    peers = [{"node_info": {"id": name}, "is_outbound": True} for name in ("aa", "bb")]
    found = call(
        path,
        lambda method, _: (
            {"result": {"n_peers": "2", "peers": peers}} if method == "net_info" else {}
        ),
        lambda rpc: rpc.connected_peers(),
    )
    assert found == {"aa", "bb"}
    with pytest.raises(InvalidEncoding):
        call(path, lambda *_: {"result": {"peers": None}}, lambda rpc: rpc.connected_peers())


@pytest.mark.parametrize("told", [True, False])
def test_whether_it_catches_up(path: Path, *, told: bool) -> None:
    status = {"result": {"sync_info": {"catching_up": told}}}
    assert call(path, lambda *_: status, lambda rpc: rpc.is_catching_up()) is told


@pytest.mark.parametrize(
    "result", [{}, {"sync_info": {}}, {"sync_info": {"catching_up": "no"}}, []]
)
def test_a_status_that_is_none(path: Path, result: Any) -> None:
    with pytest.raises(InvalidEncoding):
        call(path, lambda *_: {"result": result}, lambda rpc: rpc.is_catching_up())


def test_dialling(path: Path) -> None:
    asked = []

    def answer(method: str, parameters: dict[str, Any]) -> Any:
        asked.append((method, parameters))
        return {"result": {"log": "Dialing peers in progress"}}

    call(path, answer, lambda rpc: rpc.dial(("aa@10.0.0.1:26656",)))
    assert asked == [("dial_peers", {"peers": ["aa@10.0.0.1:26656"], "persistent": True})]
