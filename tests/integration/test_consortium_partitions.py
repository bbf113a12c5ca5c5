"""A net that is cut in two: the side with more than 2/3 of the power goes on, others wait, nothing
forks, and it mends by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from builders.acknowledged import Load, agree, calls_follow_the_grammar
from builders.cut_net import Switch, switch_for
from builders.testnet import Net, net_of, until


@pytest.fixture(scope="module")
def switch() -> Iterator[Switch]:
    with switch_for(4) as switch:
        yield switch


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, switch: Switch) -> Iterator[Net]:
    path = tmp_path_factory.mktemp("net") / "net"
    with net_of(path, 4, empty_block_ms=500, prepare=switch.plug_in) as net:
        yield net


def test_two_and_two_wait_for_each_other(net: Net, switch: Switch) -> None:
    load = Load(net)
    for node in net.nodes:
        assert load.submit(node, 2) == [201, 201]
    switch.cut([2, 3])
    for node in net.nodes:
        assert load.submit(node, 1, timeout=0.5) == [202], "on disk, and in no block"
    for node in net.nodes:
        until(lambda node=node: "the last block was made" in node.unready())  # type: ignore[misc]
    assert "more than 2/3 of the power" in net.nodes[0].unready()
    switch.whole()
    load.all_kept(net.nodes)
    agree(net.nodes)
    until(lambda: not any(node.unready() for node in net.nodes))


def test_three_go_on_and_the_one_catches_up(net: Net, switch: Switch) -> None:
    load = Load(net)
    alone, others = net.nodes[0], net.nodes[1:]
    switch.cut([0])
    assert load.submit(alone, 2, timeout=0.5) == [202, 202]
    for node in others:
        assert load.submit(node, 3) == [201] * 3
    switch.whole()
    load.all_kept(net.nodes)
    agree(net.nodes)


def test_calls_follow_the_grammar_and_the_ledgers_are_what_the_blocks_give(net: Net) -> None:
    """Ends the net."""
    net.stop()
    for node in net.nodes:
        assert calls_follow_the_grammar(node) > 50
        node.audit()
