"""CometBFT's own binary under the nodes instead of the project's, and CometBFT's light client as a
judge of the headers that bundles carry."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.acknowledged import agree, calls_follow_the_grammar, under_load
from builders.light import light_client
from builders.testnet import Net, engine_binary, net_of

from node.client.http import NodeClient
from node.core.bundle import decode_bundle
from node.demo.generator import DemoGenerator
from node.engines.cometbft.rpc import EngineRpc
from node.wiring import system_time


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    path = tmp_path_factory.mktemp("net") / "net"
    with net_of(path, 4, binary=engine_binary(stock=True), empty_block_ms=500) as net:
        yield net


def test_records_and_a_killed_node(net: Net) -> None:
    victim = net.nodes[1]
    with under_load(net) as load:
        victim.end(signal.SIGKILL)
        victim.start()
        victim.ready()
    agree(net.nodes)
    load.all_kept(net.nodes)


def test_the_engine_says_who_is_connected_and_dials(net: Net) -> None:
    """What `node.engines.cometbft.outlook` asks, of which dialling is a route called unsafe."""
    node, *others = net.nodes
    peers = [f"{other.node.id}@127.0.0.1:{other.node.p2p_port}" for other in others]

    async def ask() -> tuple[set[str], bool]:
        rpc = EngineRpc(node.node.home / "engine/rpc.sock")
        try:
            await rpc.dial(peers)
            return await rpc.connected_peers(), await rpc.is_catching_up()
        finally:
            await rpc.close()

    assert asyncio.run(ask()) == ({other.node.id for other in others}, False)


@pytest.mark.parametrize("stock", [False, True], ids=["own", "stock"])
def test_the_light_client_verifies_the_headers_of_a_bundle(
    net: Net, tmp_path: Path, *, stock: bool
) -> None:
    generator = DemoGenerator(net.made.keys, net.made.genesis.chain_id, 5 + stock, system_time)
    [life] = generator.base_seals(1)
    chain_id = net.made.genesis.chain_id
    reader = NodeClient(
        net.nodes[0].url,
        key=net.made.keys["jinan-court"],
        member="jinan-court",
        chain_id=chain_id,
        operator=net.nodes[0].node.member,
    )
    with reader as client:
        for event in life:
            client.submit(generator.sign(event))
        headers = decode_bundle(client.bundle(life[0].subject)).chain.headers
    first, *others = headers
    assert len(others) >= 4
    trusted = first.height, first.hash()
    with light_client(
        engine_binary(stock=stock), tmp_path / "light", chain_id, net.nodes[:3], trusted
    ) as light:
        for header in others:
            assert light.header_hash(header.height) == header.hash()


def test_the_light_client_refuses_another_header(net: Net, tmp_path: Path) -> None:
    """So that the test above can fail: with a wrong hash to trust, nothing is verified."""
    with (
        pytest.raises(AssertionError, match="hash"),
        light_client(
            *(engine_binary(), tmp_path / "light", net.made.genesis.chain_id),
            *(net.nodes[:2], (2, bytes(32))),
        ),
    ):
        pass


def test_calls_follow_the_grammar_and_the_ledgers_are_what_the_blocks_give(net: Net) -> None:
    """Ends the net."""
    net.stop()
    for node in net.nodes:
        assert calls_follow_the_grammar(node) > 50
        node.audit()
