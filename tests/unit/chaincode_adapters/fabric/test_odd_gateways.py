"""Gateways that hang, are something else, or answer nonsense: an outage, never another error."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builders.fabric import blocks
from builders.fabric_channel import NOW, Channel
from builders.fabric_keys import Authority
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from chaincode_adapters.errors import Refused, Unreachable
from chaincode_adapters.fabric.adapter import FabricAdapter
from chaincode_adapters.fabric.building import build
from chaincode_adapters.fabric.receipts import block_member, decode_block
from chaincode_adapters.fabric.settings import FabricSettings
from chaincode_adapters.port import Signed, Surroundings
from node.core.anchors.fabric_block import MAX_BLOCK_BYTES, read_block
from node.core.anchors.point import AnchorPoint
from node.core.errors import InvalidInput

POINT = AnchorPoint("audit", 12, 4096, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
SIGNED = Signed("ab" * 32, b"")


def settings(endpoint: str, **more: Any) -> FabricSettings:
    return FabricSettings(
        name="court-channel",
        operator="Court consortium",
        endpoint=endpoint,
        channel="evidence",
        chaincode="anchor",
        msp_id="Org1MSP",
        certificate="client.pem",
        key="client.key",
        **more,
    )


def at(home: Path, endpoint: str, **more: Any) -> Any:
    client = Authority("Org1MSP").member("client")
    (home / "client.pem").write_bytes(client.pem)
    (home / "client.key").write_bytes(client.key_pem)
    around = Surroundings(home, "audit", bytes(32), "platform-a", lambda: NOW)
    return build(settings(endpoint, **more), around)


def test_a_hanging_gateway_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = at(tmp_path, f"127.0.0.1:{listener.getsockname()[1]}", timeout_ms=200)
        with pytest.raises(Unreachable, match=r"DEADLINE_EXCEEDED|UNAVAILABLE"):
            one.open()
        one.close()


@contextmanager
def web_server() -> Iterator[int]:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>maintenance</html>")

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_web_server_is_no_gateway(tmp_path: Path) -> None:
    with web_server() as port:
        one = at(tmp_path, f"127.0.0.1:{port}", timeout_ms=2_000)
        with pytest.raises(Unreachable):
            one.open()
        one.close()


class Nonsense:
    """A gateway whose queries all have the same answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def evaluate(self, *_: Any) -> bytes:
        return self.answer


def answered(answer: bytes) -> FabricAdapter:
    gateway: Any = Nonsense(answer)
    made = FabricAdapter(settings("127.0.0.1:1"), lambda: (gateway, lambda: None), lambda: NOW)
    made._gateway = gateway
    return made


OTHER_DATA = common_pb2.Block.FromString(blocks("evidence")[5].SerializeToString())
OTHER_DATA.data.data[0] += b"x"
NO_METADATA = common_pb2.Block.FromString(blocks("evidence")[5].SerializeToString())
del NO_METADATA.metadata.metadata[:]
NONSENSE = {
    "nothing": b"",
    "noise": b"\xff" * 40,
    "text": b"<html>",
    "other data": OTHER_DATA.SerializeToString(),
    "no metadata": NO_METADATA.SerializeToString(),
    "no configuration": blocks("evidence")[5].SerializeToString(),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_instead_of_blocks_is_an_outage(name: str) -> None:
    with pytest.raises(Unreachable):
        answered(NONSENSE[name]).open()


def test_nonsense_instead_of_a_transaction_is_an_outage() -> None:
    with pytest.raises(Unreachable, match="no transaction"):
        answered(b"\xff" * 40).look_up(POINT, [SIGNED], b"")


@pytest.mark.parametrize(("code", "name"), [(25, "INVALID_CHAINCODE"), (77, "invalid, code 77")])
def test_a_code_that_nobody_knows_parks_the_job(code: int, name: str) -> None:
    known = transaction_pb2.ProcessedTransaction(validationCode=code).SerializeToString()
    with pytest.raises(Refused, match=name):
        answered(known).look_up(POINT, [SIGNED], b"")


def test_signatures_that_cannot_be_read_are_an_outage() -> None:
    block = common_pb2.Block.FromString(blocks("evidence")[5].SerializeToString())
    block.metadata.metadata[0] = b"\xff"
    with pytest.raises(Unreachable, match="no readable signatures"):
        block_member(decode_block(block.SerializeToString()))


def test_a_block_that_no_receipt_can_hold_parks_the_job() -> None:
    block = common_pb2.Block()
    block.data.data.extend([bytes(MAX_BLOCK_BYTES // 2), bytes(MAX_BLOCK_BYTES // 2 + 1)])
    block.metadata.metadata.append(b"")
    with pytest.raises(Refused, match="4194305 bytes"):
        block_member(block)
    del block.data.data[1:]
    member = block_member(block)
    member.update(number=1, previous_hash="00" * 32)
    member["signatures"] = [{"header": "AAAA", "signature": "AAAA"}]
    assert len(read_block(member, "block").data) == 1
    member["data"] *= 3
    with pytest.raises(InvalidInput, match="more than 4194304 bytes together"):
        read_block(member, "block")


@pytest.mark.parametrize("client", [False, True], ids=["server's", "both"])
def test_tls_with_a_name_and_a_clients_certificate(tmp_path: Path, client: bool) -> None:
    authority, peers = Authority("tls"), tmp_path / "tls"
    peers.mkdir()
    own = authority.member("peer", name="peer0.court.example")
    mine = authority.member("client")
    (peers / "ca.pem").write_bytes(authority.pem)
    (peers / "client.pem").write_bytes(mine.pem)
    (peers / "client.key").write_bytes(mine.key_pem)
    more: dict[str, Any] = {"tls_ca": "tls/ca.pem", "tls_name": "peer0.court.example"}
    if client:
        more.update(tls_certificate="tls/client.pem", tls_key="tls/client.key")
    with Channel(tls=(own.key_pem, own.pem, authority.pem if client else None)) as channel:
        one = channel.adapter(tmp_path, **more)
        signed = one.sign(POINT, [])
        assert one.look_up(POINT, [signed], one.send(POINT, signed))
        one.close()
        for wrong in ({**more, "tls_name": "other.example"}, {"tls_ca": "tls/client.pem"}):
            with pytest.raises(Unreachable):
                channel.adapter(tmp_path, timeout_ms=2_000, **wrong)
        if client:
            with pytest.raises(Unreachable):
                channel.adapter(
                    tmp_path,
                    timeout_ms=2_000,
                    tls_ca="tls/ca.pem",
                    tls_name="peer0.court.example",
                )
