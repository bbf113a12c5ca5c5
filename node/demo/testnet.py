"""Makes the homes of a consortium's nodes on one machine: members of several roles."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.client.keys import SigningKey
from node.core.errors import InvalidInput
from node.core.genesis import Genesis
from node.demo.members import NodeKeys, demo_genesis, make_member_keys
from node.engines.cometbft.engine_home import node_id
from node.vault.keys import create_wrapping_key
from node.wiring import EdKey

__all__ = ["OPERATORS", "Testnet", "TestnetNode", "create_testnet"]

TESTNET_CHAIN = "jinan-evidence-testnet"
OPERATORS = (
    *("jinan-data", "jinan-notary", "jinan-court", "jinan-police"),
    *("shandong-ca", "anyunyin", "zhongfu-seals"),
)
"""The members that run nodes, in the order in which they get one."""

_CONFIG = """\
[api]
port = {port}

[engine]
kind = "cometbft"
empty_block_ms = {empty_block_ms}

[consortium]
binary = {binary}
listen = "127.0.0.1:{p2p}"
peers = {peers}
guests = {guests}
snapshot_every = {snapshot_every}
keep_blocks = {keep_blocks}
timeout_commit_ms = {timeout_commit_ms}

[operator]
member = "{member}"

[anchors]
peers = {urls}

[submission]
workers = 1

[storage]
min_free_megabytes = {min_free}
"""


@dataclass(frozen=True)
class TestnetNode:
    """One node: the member that runs it, its home, and where it is reached."""

    __test__ = False

    member: str
    home: Path
    port: int
    p2p_port: int
    id: str

    @property
    def url(self) -> str:
        """Where its interface is."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Testnet:
    """All nodes, the homes of those that may join as observers, and the keys of all members."""

    __test__ = False

    nodes: tuple[TestnetNode, ...]
    keys: dict[str, SigningKey]
    genesis: Genesis
    guests: tuple[TestnetNode, ...] = ()


def create_testnet(
    path: Path,
    count: int,
    binary: Path,
    now: Callable[[], int],
    *,
    ports: Sequence[int] = (),
    empty_block_ms: int = 10_000,
    timeout_commit_ms: int = 100,
    min_free: int = 256,
    guests: int = 0,
    snapshot_every: int = 10_000,
    keep_blocks: int = 100_000,
    parameters: Mapping[str, Any] | None = None,
) -> Testnet:
    """Make the homes of ``count`` nodes in the directory ``path``, which must not exist yet.

    Args:
        path: gets a home a node, named by its member, and ``members`` with the members' keys.
        count: how many nodes, each a validator of the same power.
        binary: the engine's program.
        now: the clock, in ms.
        ports: two for each node, interface and peers; else the system chooses.
        empty_block_ms: the longest time without a block.
        timeout_commit_ms: how long validators wait for late votes.
        min_free: megabytes of disk below which nothing is taken.
        guests: how many more homes, of nodes that are no validators and may join later.
        snapshot_every: blocks from one snapshot to the next.
        keep_blocks: how many blocks the engines keep.
        parameters: those of the chain that differ from the defaults.

    Raises:
        InvalidInput: there are not so many members that can run a node.
        FileExistsError: ``path`` exists.
    """
    if not 1 <= count <= len(OPERATORS) - guests:
        raise InvalidInput("nodes", f"must be from 1 to {len(OPERATORS) - guests}")
    path.mkdir(parents=True)
    keys, recovery = make_member_keys(path / "members")
    chosen = list(ports) or _free_ports(2 * (count + guests))
    nodes, public = [], {}
    for position, member_id in enumerate(OPERATORS[: count + guests]):
        home = path / member_id
        public[member_id], peer_key = _make_keys(home / "keys", keys[member_id])
        port, p2p = chosen[2 * position : 2 * position + 2]
        nodes.append(TestnetNode(member_id, home, port, p2p, node_id(peer_key)))
    validating = {node.member: public[node.member] for node in nodes[:count]}
    genesis = demo_genesis(
        keys, recovery, validating, now() - 1000, chain_id=TESTNET_CHAIN, parameters=parameters
    )
    for node in nodes:
        others = [other for other in nodes[:count] if other is not node]
        peers = [f"{other.id}@127.0.0.1:{other.p2p_port}" for other in others]
        config = _CONFIG.format(
            port=node.port,
            p2p=node.p2p_port,
            peers=json.dumps(peers),
            urls=json.dumps([other.url for other in others]),
            guests=json.dumps([other.id for other in nodes[count:] if other is not node]),
            binary=json.dumps(str(binary)),
            member=node.member,
            empty_block_ms=empty_block_ms,
            timeout_commit_ms=timeout_commit_ms,
            min_free=min_free,
            snapshot_every=snapshot_every,
            keep_blocks=keep_blocks,
        )
        (node.home / "genesis.json").write_bytes(genesis.document)
        (node.home / "node.toml").write_text(config, encoding="utf-8")
    return Testnet(tuple(nodes[:count]), keys, genesis, tuple(nodes[count:]))


def _make_keys(path: Path, operator: SigningKey) -> tuple[NodeKeys, bytes]:
    """A node's keys; the public ones, and that by which its peers know it."""
    path.mkdir(parents=True, mode=0o700)
    operator.save(path / "operator.pem")
    validator = EdKey.generate(path / "validator.pem")
    checkpoint = EdKey.generate(path / "checkpoint.pem")
    peer = EdKey.generate(path / "node.pem")
    create_wrapping_key(path / "wrapping.key")
    return NodeKeys(validator.public_key, checkpoint.public_key), peer.public_key


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody has now."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(item.getsockname()[1]) for item in sockets]
