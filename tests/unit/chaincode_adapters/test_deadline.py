"""Exchanges over HTTP end in time, and with the server that the settings name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from builders.ledger import LedgerBench

from chaincode_adapters import exchange
from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.transport import BoundedProvider
from chaincode_adapters.exchange import Exchange
from chaincode_adapters.receipts import Receipts, Wanted
from node.storage.memory import MemoryStore


class Dripping:
    """A server whose answers have a head without end, a byte now and then."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.asked = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self.over.is_set():
            with suppress(OSError):
                connection, _ = self._socket.accept()
                self.asked += 1
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                    while not self.over.wait(0.02):
                        connection.sendall(b"y")

    def close(self) -> None:
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    server = Dripping()
    yield server
    server.close()


def exchange_with(url: str) -> Exchange:
    receipts = Receipts(MemoryStore())
    receipts.want([Wanted(bytes(32), 1, "court-a", "c:1", 1, bytes(32), bytes(32))], 0)
    return Exchange([url], receipts, LedgerBench().reader, lambda item: None)


def test_a_node_of_a_chain_that_drips_is_given_up(dripping: Dripping) -> None:
    provider = BoundedProvider(dripping.url, 0.3)
    for _ in range(2):
        provider.begin()
        with pytest.raises(Unreachable, match=r"took longer than 0\.3 s"):
            provider.make_request("eth_chainId", [])  # type: ignore[arg-type]
    provider.close()


def test_another_member_that_drips_does_not_hold_the_exchange(
    dripping: Dripping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_TIMEOUT_SECONDS", 0.3)
    assert not exchange_with(dripping.url).round()
    assert dripping.asked == 1


def test_a_stop_ends_what_is_being_asked_for(dripping: Dripping) -> None:
    asking = exchange_with(dripping.url)
    asking.start()
    while not dripping.asked:
        threading.Event().wait(0.01)
    asking.stop()
    assert asking._thread is not None
    asking._thread.join(8)
    assert not asking._thread.is_alive()


def test_no_proxy_of_the_environment_is_used(
    dripping: Dripping, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, dripping.url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    provider = BoundedProvider(nobody, 0.3)
    with pytest.raises(Unreachable, match="ConnectError"):
        provider.make_request("eth_chainId", [])  # type: ignore[arg-type]
    exchange_with(nobody).round()
    assert not dripping.asked
