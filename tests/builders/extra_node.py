"""One more node beside a net: a stranger, or somebody with a copy of a validator's key."""

from __future__ import annotations

import json
import shutil
import socket
import tomllib
from pathlib import Path

from builders.testnet import Net, RunningNode, set_option

from node.demo.testnet import TestnetNode
from node.engines.cometbft.engine_home import node_id
from node.wiring import EdKey

__all__ = ["extra_node", "invite"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def extra_node(net: Net, like: RunningNode, name: str, *, same_validator: bool) -> RunningNode:
    """A home made from that of ``like``, as it was before it first ran, with another node key.

    Its peers are all nodes of the net; they do not know it (see `invite`). The record of what the
    validator's key has signed is not copied.
    """
    home = like.node.home.parent / name
    home.mkdir()
    shutil.copytree(like.node.home / "keys", home / "keys")
    for file in ("genesis.json", "node.toml"):
        shutil.copy(like.node.home / file, home / file)
    (home / "keys/node.pem").unlink()
    key = EdKey.generate(home / "keys/node.pem")
    if not same_validator:
        (home / "keys/validator.pem").unlink()
        EdKey.generate(home / "keys/validator.pem")
    port, p2p = _free_port(), _free_port()
    peers = [f"{node.node.id}@127.0.0.1:{node.node.p2p_port}" for node in net.nodes]
    set_option(home, "api", "port", str(port))
    set_option(home, "consortium", "listen", f'"127.0.0.1:{p2p}"')
    set_option(home, "consortium", "peers", json.dumps(peers))
    if same_validator:  # a thief would not look whether the key signed elsewhere
        set_option(home, "consortium", "look_back_blocks", "0")
    return RunningNode(TestnetNode(name, home, port, p2p, node_id(key.public_key)))


def invite(guest: RunningNode, home: Path) -> None:
    """Name a node as a peer in the configuration of a home."""
    peers = tomllib.loads((home / "node.toml").read_text("utf-8"))["consortium"]["peers"]
    place = f"{guest.node.id}@127.0.0.1:{guest.node.p2p_port}"
    set_option(home, "consortium", "peers", json.dumps([*peers, place]))
