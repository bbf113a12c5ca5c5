"""Applications and engines that die at the worst moments, and too few validators: nothing that was
acknowledged is lost, and nothing forks. One net; each test leaves it whole."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.acknowledged import Load, agree, calls_follow_the_grammar, under_load
from builders.faulty_node import DEATHS
from builders.testnet import Net, net_of, until

ENGINE_FAIL_POINTS = range(10)
"""Where CometBFT's own ``fail.Fail()`` stands: around the block store, the end of the height in the
write-ahead log, FinalizeBlock, its answer, Commit, the state, and before it signs."""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "net", 4, empty_block_ms=1_000) as net:
        yield net


def test_applications_die_in_a_block(net: Net) -> None:
    """Three of four, in the first block with frames that they see, each at another moment."""
    victims = net.nodes[: len(DEATHS)]
    with under_load(net) as load:
        for victim in victims:
            victim.end(signal.SIGTERM)
        for victim, where in zip(victims, DEATHS):
            victim.start(["--die", where])
        for victim in victims:
            assert victim.wait() == -signal.SIGKILL
        for victim in victims:
            victim.start()
        for victim in victims:
            victim.ready()
    agree(net.nodes)
    load.all_kept(net.nodes)


def test_engine_dies_at_each_of_its_fail_points(tmp_path: Path) -> None:
    """A validator that is alone: there is nobody to catch up from, so its own write-ahead log and
    the handshake must do."""
    with net_of(tmp_path / "net", 1, empty_block_ms=500) as net:
        [node] = net.nodes
        with under_load(net) as load:
            for index in ENGINE_FAIL_POINTS:
                node.end(signal.SIGTERM)
                node.start(environment={"FAIL_TEST_INDEX": str(index)})
                until(lambda index=index: f"*** fail-test {index} ***" in node.told())  # type: ignore[misc]
            node.end(signal.SIGTERM)
            node.start()
            node.ready()
            load.submit(node, 3)
        load.all_kept(net.nodes)
        assert calls_follow_the_grammar(node) > 50
        node.end(signal.SIGTERM)
        node.audit()


def test_pairs_killed_under_load(net: Net) -> None:
    with under_load(net) as load:
        for victim in (net.nodes[0], net.nodes[2]):
            victim.end(signal.SIGKILL)
            victim.start()  # at once: its engine may not have noticed yet
            victim.ready()
    agree(net.nodes)
    load.all_kept(net.nodes)


def test_two_of_four_down_then_back(net: Net) -> None:
    load = Load(net)
    load.submit(net.nodes[0], 3)
    for node in net.nodes[2:]:
        node.end(signal.SIGKILL)
    for node in net.nodes[:2]:
        until(lambda node=node: node.metric("evidence_peers_connected") == 1)  # type: ignore[misc]
    lost = {line["peer"] for line in net.nodes[0].logged("a peer is not connected any more")}
    assert {f"{node.node.id}@127.0.0.1:{node.node.p2p_port}" for node in net.nodes[2:]} <= lost
    assert load.submit(net.nodes[0], 3, timeout=1.0) == [202] * 3, "on disk, and not committed"
    assert load.submit(net.nodes[1], 3, timeout=1.0) == [202] * 3
    for node in net.nodes[2:]:
        node.start()
    for node in net.nodes[2:]:
        node.ready()
    load.all_kept(net.nodes)
    agree(net.nodes)
    for node in net.nodes:
        until(lambda node=node: node.metric("evidence_peers_connected") == 3)  # type: ignore[misc]


def test_calls_of_all_these_runs_follow_the_grammar(net: Net) -> None:
    for node in net.nodes:
        assert calls_follow_the_grammar(node) > 50


def test_every_ledger_is_what_its_blocks_give(net: Net) -> None:
    """Ends the net."""
    net.stop()
    for node in net.nodes:
        node.audit()
