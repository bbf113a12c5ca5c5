"""Nodes that are not written yet, as readers of each height see them."""

from __future__ import annotations

import pytest

from node.core.statetree import Node
from node.ledger.node_layers import NodeLayers, NoLayer, PublishedLayers


def node(number: int) -> Node:
    return (1, 1, number.to_bytes(32, "big"), bytes(32))


def test_the_newest_layer_decides() -> None:
    layers = NodeLayers().followed_by({1: node(1), 2: node(2)}).followed_by({2: node(3), 3: None})
    assert layers.find(1) == (True, node(1))
    assert layers.find(2) == (True, node(3))
    assert layers.find(3) == (True, None)
    assert layers.find(4) == (False, None)


def test_many_layers_are_merged_and_say_the_same() -> None:
    layers = NodeLayers()
    for number in range(200):
        before = layers
        layers = layers.followed_by({number % 7: node(number), 100: node(number)})
        assert before.find(100) == ((True, node(number - 1)) if number else (False, None))
    assert len(layers.layers) < 60
    for number in range(7):
        newest = max(item for item in range(200) if item % 7 == number)
        assert layers.find(number) == (True, node(newest))


def test_no_changes_make_no_layer() -> None:
    layers = NodeLayers(({1: node(1)},))
    assert layers.followed_by({}) is layers


def test_each_height_keeps_what_it_saw() -> None:
    published = PublishedLayers(5, {1: node(1)})
    first = published.at(5)
    published.publish(6, {1: node(2)}, written=False)
    published.publish(7, {}, written=True)
    published.publish(8, {2: node(3)}, written=True)
    assert first.find(1) == published.at(5).find(1) == (True, node(1))
    assert published.at(6).find(1) == (True, node(2))
    assert published.at(7).find(1) == (False, None)
    assert published.at(8).find(1) == (False, None)
    assert published.at(8).find(2) == (True, node(3))
    with pytest.raises(NoLayer):
        published.at(9)


def test_old_heights_are_forgotten() -> None:
    published = PublishedLayers(0, {})
    for height in range(1, 500):
        published.publish(height, {height: node(height)}, written=False)
    with pytest.raises(NoLayer):
        published.at(0)
    assert published.at(499).find(1) == (True, node(1))
    assert published.at(498).find(499) == (False, None)
