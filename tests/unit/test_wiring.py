"""Which member runs a node, and whether the node is joining others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from node.config import NodeConfig, load_config
from node.core.errors import InvalidInput
from node.demo.testnet import create_testnet
from node.engines.cometbft.outlook import Sight
from node.wiring import Node, system_time

SYNC = f"""
[consortium.sync]
servers = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
trust_height = 7
trust_hash = "{"ab" * 32}"
"""


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    """Homes of a validator and of an observer."""
    made = create_testnet(tmp_path / "net", 1, tmp_path / "engine", system_time, guests=1)
    return made.nodes[0].home, made.guests[0].home


def change(home: Path, old: str, new: str) -> NodeConfig:
    path = home / "node.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return load_config(home)


def member_of(config: NodeConfig) -> str:
    node = Node(config)
    node.stores.close()
    return node.member


def test_a_validator_s_member_is_known_by_its_key(homes: tuple[Path, Path]) -> None:
    home, _ = homes
    assert member_of(change(home, 'member = "jinan-data"', "")) == "jinan-data"


def test_an_observer_must_name_its_member(homes: tuple[Path, Path]) -> None:
    _, home = homes
    assert member_of(load_config(home)) == "jinan-notary"
    config = change(home, 'member = "jinan-notary"', "")
    with pytest.raises(InvalidInput, match=r"operator\.member: must name the member"):
        Node(config)
    Node(change(home, "[operator]", '[operator]\nmember = "jinan-notary"')).stores.close()


def test_only_a_node_without_blocks_that_is_told_how_is_joining(
    homes: tuple[Path, Path],
) -> None:
    _, home = homes
    node = Node(load_config(home))
    assert not node.is_joining, "it replays"
    node.stores.close()
    node = Node(change(home, "[operator]", f"{SYNC}\n[operator]"))
    assert node.is_joining
    node.application.written_height = 1
    assert not node.is_joining
    node.stores.close()


def test_half_of_what_joining_needs_is_refused(homes: tuple[Path, Path]) -> None:
    _, home = homes
    for line in ("trust_height = 7", f'trust_hash = "{"ab" * 32}"', ', "http://127.0.0.1:2"'):
        path = home / "node.toml"
        before = path.read_text("utf-8")
        path.write_text(before + SYNC.replace(line, ""), encoding="utf-8")
        with pytest.raises(Exception, match=r"node\.toml: .*sync needs two servers"):
            load_config(home)
        path.write_text(before, encoding="utf-8")


def test_a_node_that_catches_up_takes_no_point_for_the_newest(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new adapter would begin with one of long ago, and pay for all of the past since."""
    node = Node(load_config(homes[0]))
    try:
        assert node.consortium is not None
        node.consortium._outlook = SimpleNamespace(sight=Sight(catching_up=True))  # type: ignore[assignment]
        monkeypatch.setattr(node, "reader", None)
        assert node.anchor_points(-1) == []
    finally:
        node.stores.close()
