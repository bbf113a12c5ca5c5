"""Four nodes, each with an engine of its own: one order, one log, proofs from any of them."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from builders.testnet import Net, RunningNode, net_of, until

from node.client.http import NodeClient
from node.core.encoding import canonical_json
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify import verify_bundle
from node.demo.generator import DemoGenerator, Event
from node.wiring import system_time


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "net", 4, empty_block_ms=2_000) as net:
        yield net


@pytest.fixture(scope="module")
def generator(net: Net) -> DemoGenerator:
    return DemoGenerator(net.made.keys, net.made.genesis.chain_id, 5, system_time)


def play(
    generator: DemoGenerator, dossiers: Sequence[Sequence[Event]], nodes: Sequence[RunningNode]
) -> int:
    """Submit events step by step, each to the next node; how many there were."""
    clients = [NodeClient(node.url) for node in nodes]
    turn = itertools.cycle(clients)
    count = 0
    for step in itertools.zip_longest(*dossiers):
        for event in step:
            if event is not None:
                receipt = next(turn).submit(generator.sign(event))
                assert receipt["status"] == "recorded", receipt
                count += 1
    for client in clients:
        client.close()
    return count


def size_of(node: RunningNode) -> int:
    return int(node.get("/v1/statistics").json()["size"])


def app_hashes(node: RunningNode) -> dict[int, str]:
    blocks = node.get("/v1/blocks?limit=100").json()["blocks"]
    return {block["height"]: block["app_hash"] for block in blocks}


def test_records_through_all_nodes_are_one_log(net: Net, generator: DemoGenerator) -> None:
    seals = generator.base_seals(3)
    count = play(generator, seals, net.nodes)
    count += play(generator, list(generator.dossiers(6)), net.nodes)
    until(lambda: all(size_of(node) == count + 1 for node in net.nodes))
    seen = [app_hashes(node) for node in net.nodes]
    common = set.intersection(*map(set, seen))
    assert len(common) > 3
    assert all(len({hashes[height] for hashes in seen}) == 1 for height in common)
    newest = max(common)
    headers = [node.get(f"/v1/blocks/{newest}").json()["header"] for node in net.nodes]
    assert all(header == headers[0] for header in headers)


def test_a_node_that_never_saw_a_record_proves_it(net: Net, generator: DemoGenerator) -> None:
    (life,) = generator.base_seals(1)
    play(generator, [life], net.nodes[:1])
    subject = life[0].subject
    trust = canonical_json(Trust(net.made.genesis.chain_id, net.made.genesis.hash).to_json())
    for node in net.nodes[1:]:
        reader = NodeClient(
            node.url,
            key=net.made.keys["jinan-court"],
            member="jinan-court",
            chain_id=net.made.genesis.chain_id,
            operator=node.node.member,
        )
        with reader as client:
            until(lambda node=node: size_of(node) >= size_of(net.nodes[0]))  # type: ignore[misc]
            report = verify_bundle(client.bundle(subject), trust, load_backend())
        assert report.accepted, report


def test_a_net_that_slept_stamps_its_first_record_right(net: Net, generator: DemoGenerator) -> None:
    """Its last votes are from before the sleep, and would make the time of the next block."""
    net.stop()
    asleep = system_time()
    until(lambda: system_time() - asleep > 8_000)
    for node in net.nodes:
        node.start()
    for node in net.nodes:
        node.ready()
    (life,) = generator.base_seals(1)
    submission = generator.sign(life[0])
    handed_in = system_time()
    with NodeClient(
        net.nodes[0].url,
        key=net.made.keys["jinan-court"],
        member="jinan-court",
        chain_id=net.made.genesis.chain_id,
        operator=net.nodes[0].node.member,
    ) as client:
        receipt = client.submit(submission)
        assert receipt["status"] == "recorded"
        assert receipt["time"] > handed_in - 5_000
        trust = canonical_json(Trust(net.made.genesis.chain_id, net.made.genesis.hash).to_json())
        report = verify_bundle(client.bundle(life[0].subject), trust, load_backend())
    assert report.accepted, "its bundle can be built at once"


def test_every_ledger_is_what_its_blocks_give(net: Net) -> None:
    """Ends the net. Every header, commit, frame and row is computed again from the genesis."""
    net.stop()
    for node in net.nodes:
        node.audit()


def test_a_node_whose_engine_dies_says_so_and_can_be_read(tmp_path: Path) -> None:
    with net_of(tmp_path / "net", 1) as net:
        (node,) = net.nodes
        os.kill(node.engine_pid(), signal.SIGKILL)
        until(lambda: node.get("/readyz").status_code == 503)
        assert "the engine ended with exit code -9" in node.get("/readyz").text
        assert node.get("/v1/statistics").json()["size"] >= 1
        assert node.end() == 0
