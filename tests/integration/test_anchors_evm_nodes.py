"""Nodes that lie, that lose answers, that can do less: in front of anvil stands one that changes
what it says."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.anvil import Anvil, anvil
from builders.evm import Bench, anchor, anchored_once, bench, point, trust_in
from builders.fisco import answer_as_fisco
from builders.json_rpc_proxy import Dropped, Forward, proxy
from builders.self_signed import self_signed, server_context

from chaincode_adapters.errors import Misconfigured, Refused, SignAnew, Unreachable
from chaincode_adapters.port import Final, Missing
from node.core.anchors.evm import verify_evm
from node.core.signatures import load_backend
from node.core.verify_case import NotChecked

BACKEND = load_backend()


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    with anvil("--slots-in-an-epoch", "1") as node:
        yield node


@pytest.fixture
def alone(chain: Anvil, tmp_path: Path) -> Iterator[Bench]:
    made = bench(chain, tmp_path)
    yield made
    made.close()


def changing(name: str, change: Callable[[Any], Any]) -> Callable[..., dict[str, Any]]:
    """A node that changes its results of one method."""

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        told = forward()
        return {"result": change(told["result"])} if method == name else told

    return answer


def failing(name: str, message: str, code: int = -32000) -> Callable[..., dict[str, Any]]:
    """A node that refuses one method."""

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        return {"error": {"code": code, "message": message}} if method == name else forward()

    return answer


def other_word(proof: dict[str, Any]) -> dict[str, Any]:
    """A proof whose last node of the first slot has another value."""
    nodes = proof["storageProof"][0]["proof"]
    nodes[-1] = nodes[-1][:-2] + ("00" if nodes[-1][-2:] != "00" else "11")
    return proof


def other_root(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "stateRoot": f"0x{'22' * 32}"}


def empty_proof(proof: dict[str, Any]) -> dict[str, Any]:
    return {**proof, "storageProof": [{"proof": []} for _ in proof["storageProof"]]}


def no_hex(proof: dict[str, Any]) -> dict[str, Any]:
    return {**proof, "accountProof": ["0xzz"]}


@pytest.mark.parametrize("lie", [other_word, empty_proof, no_hex, lambda proof: None])
def test_a_proof_that_does_not_hold_is_not_taken(alone: Bench, lie: Callable[[Any], Any]) -> None:
    of = point(1)
    signed, final, _ = anchor(alone.adapter(), of, alone.node)
    with proxy(alone.node.url, changing("eth_getProof", lie)) as url:
        adapter = alone.adapter(url=url)
        with pytest.raises(Unreachable, match=r"proof does not hold|the node gave no"):
            adapter.receipt(of, [signed], b"", final)


def test_a_state_root_that_is_not_the_blocks_is_not_taken(alone: Bench) -> None:
    of = point(1)
    signed, final, _ = anchor(alone.adapter(), of, alone.node)
    lying = [False]

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        told = forward()
        if lying[0] and method == "eth_getBlockByNumber":
            return {"result": other_root(told["result"])}
        return told

    with proxy(alone.node.url, answer) as url:
        adapter = alone.adapter(url=url)
        lying[0] = True
        with pytest.raises(Unreachable, match="hash is not that of its header"):
            adapter.receipt(of, [signed], b"", final)


def test_receipts_that_are_not_the_blocks_are_not_taken(alone: Bench) -> None:
    of = point(1)
    signed, final, _ = anchor(alone.adapter(), of, alone.node)

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        if method == "eth_getProof":
            return {"error": {"code": -32601, "message": "the method does not exist"}}
        told = forward()
        if method == "eth_getBlockReceipts":
            return {"result": [{**one, "cumulativeGasUsed": "0x1"} for one in told["result"]]}
        return told

    with proxy(alone.node.url, answer) as url:
        adapter = alone.adapter(url=url)
        with pytest.raises(Unreachable, match="receipts do not lead to the block's root"):
            adapter.receipt(of, [signed], b"", final)


def test_receipts_one_by_one_where_a_node_does_not_give_a_blocks(alone: Bench) -> None:
    of = point(1)
    signed, final, _ = anchor(alone.adapter(), of, alone.node)

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        if method in ("eth_getProof", "eth_getBlockReceipts"):
            return {"error": {"code": -32601, "message": "the method does not exist"}}
        return forward()

    with proxy(alone.node.url, answer) as url:
        content = alone.adapter(url=url).receipt(of, [signed], b"", final).content
    assert set(content) == {"chain_id", "contract", "header", "index", "receipt"}


def test_an_included_attestation_of_another_block_is_not_final(alone: Bench) -> None:
    """A node that tells a receipt whose block the chain does not have."""
    of = point(1)
    signed, _, _ = anchor(alone.adapter(), of, alone.node)

    def elsewhere(receipt: dict[str, Any]) -> dict[str, Any]:
        return {**receipt, "blockHash": f"0x{'33' * 32}"}

    with proxy(alone.node.url, changing("eth_getTransactionReceipt", elsewhere)) as url:
        adapter = alone.adapter(url=url)
        assert not isinstance(adapter.look_up(of, [signed], b""), Final)


@pytest.mark.parametrize("arrived", [True, False])
def test_an_answer_lost_after_it_was_sent_leaves_one_anchor(alone: Bench, arrived: bool) -> None:
    losing = [True]

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        if method == "eth_sendRawTransaction" and losing[0]:
            if arrived:
                forward()
            raise Dropped
        return forward()

    of = point(1)
    nonce = alone.nonce()
    with proxy(alone.node.url, answer) as url:
        adapter = alone.adapter(url=url)
        signed = adapter.sign(of, [])
        with pytest.raises(Unreachable):
            adapter.send(of, signed)
        losing[0] = False
        if not arrived:
            assert adapter.look_up(of, [signed], b"") == Missing()
        adapter.send(of, signed)
        alone.node.mine(2)
        assert isinstance(anchored_once(adapter, of, [signed]), Final)
    assert alone.nonce() == nonce + 1


def test_replacement_underpriced_is_signed_anew_for_more(alone: Bench) -> None:
    """anvil takes a replacement for one wei more; other nodes ask for a tenth and say this."""
    of = point(1)
    text = "replacement transaction underpriced"
    with proxy(alone.node.url, failing("eth_sendRawTransaction", text)) as url:
        adapter = alone.adapter(url=url)
        signed = adapter.sign(of, [])
        with pytest.raises(SignAnew, match="underpriced"):
            adapter.send(of, signed)
        dearer = adapter.sign(of, [signed])
        with pytest.raises(SignAnew, match="underpriced"):
            adapter.send(of, dearer)
        dearest = adapter.sign(of, [signed, dearer])
    prices = [int(one.memo["price"]) for one in (signed, dearer, dearest)]
    assert prices[1] * 10 >= prices[0] * 11
    assert prices[2] * 10 >= prices[1] * 11
    assert {one.memo["nonce"] for one in (signed, dearer, dearest)} == {signed.memo["nonce"]}


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("already known", None),
        ("Known transaction", None),
        ("transaction already imported", None),
        ("AlreadyKnown", None),
        ("nonce too low: next nonce 5, tx nonce 4", SignAnew),
        ("Nonce too low", SignAnew),
        ("OldNonce", SignAnew),
        ("max fee per gas less than block base fee", SignAnew),
        ("insufficient funds for gas * price + value", Unreachable),
        ("Upfront cost exceeds account balance", Unreachable),
        ("exceeds block gas limit", Refused),
        ("intrinsic gas too low", Refused),
        ("the database is on fire", Unreachable),
    ],
)
def test_what_nodes_say_to_a_transaction(
    alone: Bench, text: str, raised: type[Exception] | None
) -> None:
    of = point(1)
    with proxy(alone.node.url, failing("eth_sendRawTransaction", text)) as url:
        adapter = alone.adapter(url=url)
        signed = adapter.sign(of, [])
        if raised is None:
            assert adapter.send(of, signed) == b""
        else:
            with pytest.raises(raised):
                adapter.send(of, signed)


def test_finality_that_the_node_does_not_tell_has_to_be_configured(alone: Bench) -> None:
    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        if method == "eth_getBlockByNumber" and params[0] == "finalized":
            return {"error": {"code": -32602, "message": "invalid argument 0: hex string without"}}
        return forward()

    with proxy(alone.node.url, answer) as url:
        with pytest.raises(Misconfigured, match="depth: must be set"):
            alone.adapter(url=url, depth=None)
        alone.adapter(url=url, depth=3)


def test_events_are_looked_for_in_parts_where_a_node_limits_them(alone: Bench) -> None:
    of = point(1)
    signed, final, _ = anchor(alone.adapter(), of, alone.node)
    alone.node.mine(4_500)

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        if method == "eth_getLogs":
            first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
            if last - first >= 2_000:
                return {"error": {"code": -32005, "message": "query exceeds max block range"}}
        return forward()

    with proxy(alone.node.url, answer) as url:
        found = alone.adapter(url=url).look_up(of, [], b"")
    assert isinstance(found, Final)
    assert (found.external_tx, found.height) == (signed.external_tx, final.height)


@pytest.mark.parametrize(
    ("syncing", "from_block", "raised"),
    [
        ({"currentBlock": "0x0", "highestBlock": "0x9"}, 0, Unreachable),
        (False, 10**6, Unreachable),
        (False, 0, Misconfigured),
    ],
)
def test_a_node_that_is_catching_up_does_not_know_the_contract_yet(
    alone: Bench, syncing: Any, from_block: int, raised: type[Exception]
) -> None:
    """The adapter waits for it; only where the node has all blocks the settings are wrong."""

    def answer(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        told = {"eth_syncing": syncing, "eth_getCode": "0x"}
        return {"result": told[method]} if method in told else forward()

    with proxy(alone.node.url, answer) as url, pytest.raises(raised):
        alone.adapter(url=url, from_block=from_block)


@pytest.fixture
def fisco(alone: Bench) -> Iterator[str]:
    with proxy(alone.node.url, answer_as_fisco) as url:
        yield url


def test_fisco_bcos_is_anchored_to_and_proves_nothing_by_itself(alone: Bench, fisco: str) -> None:
    adapter = alone.adapter(url=fisco, depth=None)
    of = point(1)
    signed = adapter.sign(of, [])
    assert "tip" not in signed.memo  # a transaction with one price
    adapter.send(of, signed)
    alone.node.mine(3)
    final = anchored_once(adapter, of, [signed])
    assert isinstance(final, Final)
    receipt = adapter.receipt(of, [signed], b"", final)
    assert receipt.content == {"transaction": signed.payload.hex()}
    assert (receipt.height, receipt.time) == (final.height, final.time)
    with pytest.raises(NotChecked, match=f"transaction {signed.external_tx} attests it"):
        verify_evm(receipt.content, of, trust_in(adapter), BACKEND, "receipt")


def test_fisco_bcos_with_gas_that_costs_nothing(alone: Bench, fisco: str) -> None:
    adapter = alone.adapter(url=fisco, gas_price=0)
    assert adapter.sign(point(1), []).memo["price"] == "0"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull",
        b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b" " * (33 << 20),
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        b"",
    ],
    ids=["html", "gateway", "null", "redirect", "huge", "gzip", "closed"],
)
def test_what_is_no_answer_of_json_rpc_is_an_outage(
    alone: Bench, tmp_path: Path, answer: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                try:
                    connection.sendall(answer)
                except OSError:
                    pass

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        secret = f"http://user:pass@127.0.0.1:{server.getsockname()[1]}/v3/secret-api-key"
        with pytest.raises(Unreachable) as caught:
            alone.adapter(url=secret)
        serving.join(10)
    assert "secret" not in str(caught.value)
    assert "pass" not in str(caught.value)


def test_over_tls_it_counts_who_certified_the_node(alone: Bench, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)

    def same(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        return forward()

    with proxy(alone.node.url, same, server_context(certificate)) as url:
        assert url.startswith("https://")
        with pytest.raises(Unreachable, match="ConnectError"):
            alone.adapter(url=url)
        adapter = alone.adapter(url=url, ca=certificate.name)
        anchor(adapter, point(1), alone.node)
        for name in ("none.pem", "member-0.key"):
            with pytest.raises(Misconfigured, match=f"ca: .*{name} has no certificates"):
                alone.adapter(url=url, ca=name)
    with pytest.raises(Misconfigured, match="ca: is for a URL"):
        alone.adapter(ca=certificate.name)


def test_a_hanging_connection_ends_at_the_timeout(alone: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unreachable):
            alone.adapter(url=url, timeout_ms=50)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\nx: ",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n",
    ],
)
def test_an_answer_that_never_ends_ends_at_the_timeout(alone: Bench, head: bytes) -> None:
    """A byte now and then keeps every single wait short."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(head)
                try:
                    while not ended.wait(0.01):
                        connection.sendall(b" ")
                except OSError:
                    pass

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        with pytest.raises(Unreachable, match="took longer than"):
            alone.adapter(url=f"http://127.0.0.1:{server.getsockname()[1]}", timeout_ms=100)
        ended.set()
        socket.create_connection(server.getsockname()).close()  # if it never came to connect
        dripping.join(10)


def test_an_answer_of_another_form_is_an_outage(alone: Bench) -> None:
    for method, result in (("eth_chainId", 31337), ("eth_getCode", "0xzz"), ("eth_call", "0x12")):
        change = changing(method, lambda told, new=result: new)
        with (
            proxy(alone.node.url, change) as url,
            pytest.raises((Unreachable, Misconfigured)),
        ):
            alone.adapter(url=url)


def test_keys_are_in_no_error_and_no_text(alone: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    key = (alone.home / "member-0.key").read_text()
    adapter = alone.adapter()
    of = point(1)
    signed, _, receipt = anchor(adapter, of, alone.node)
    texts = [repr(adapter), repr(vars(adapter)), repr(signed), json.dumps(receipt.content)]
    with proxy(alone.node.url, failing("eth_sendRawTransaction", "boom")) as url:
        broken = alone.adapter(url=url)
        again = broken.sign(point(2), [])
        with pytest.raises(Unreachable) as caught:
            broken.send(point(2), again)
    texts += [str(caught.value), repr(caught.value.__cause__), caplog.text]
    for text in texts:
        assert key.lower() not in text.lower()
        assert str(int(key, 16)) not in text
