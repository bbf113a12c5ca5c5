"""Adapters of EVM chains to test with: points, accounts, the contract on a running node."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders.anvil import ANVIL_CHAIN, ANVIL_KEYS, Anvil

from chaincode_adapters.evm.account import load_account
from chaincode_adapters.evm.building import build
from chaincode_adapters.evm.deploying import Deployed, deploy
from chaincode_adapters.evm.settings import EmbeddedSettings, EvmSettings
from chaincode_adapters.port import AnchorAdapter, Final, Receipt, Signed, Standing, Surroundings
from node.core.anchors.point import AnchorPoint
from node.core.trust import Trust

__all__ = [
    "GENESIS",
    "LEDGER",
    "Bench",
    "anchor",
    "anchored_once",
    "bench",
    "embedded",
    "point",
    "surroundings",
    "trust_in",
]

GENESIS = hashlib.sha256(b"genesis of the test ledger").digest()
LEDGER = "test-ledger"


def _hash(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def point(size: int, fork: str = "") -> AnchorPoint:
    """A point at a size; ``fork`` makes another one of the same size."""
    return AnchorPoint(
        chain_id=LEDGER,
        height=size + 1,
        size=size,
        root=_hash("root", size, fork),
        state_root=_hash("state", size, fork),
        header=_hash("header", size, fork),
    )


def surroundings(home: Path) -> Surroundings:
    """A node in ``home``, with the system's clock."""
    return Surroundings(
        home=home,
        chain_id=LEDGER,
        genesis_hash=GENESIS,
        member="platform-a",
        now=lambda: time.time_ns() // 1_000_000,
    )


def embedded(home: Path) -> AnchorAdapter:
    """The adapter of a node's own development chain, not opened yet."""
    settings = EmbeddedSettings(name="development", operator="Platform A")
    return build(settings, surroundings(home))


@dataclass(frozen=True)
class Bench:
    """The contract on a running node, and the key files of its members in ``home``."""

    node: Anvil
    home: Path
    deployed: Deployed
    members: tuple[bytes, ...]
    made: list[AnchorAdapter] = field(default_factory=list)

    def settings(self, number: int = 0, **changes: Any) -> EvmSettings:
        """The settings of the adapter of a member."""
        said: dict[str, Any] = {
            "name": f"chain-{number}",
            "operator": "Judicial Chain",
            "url": self.node.url,
            "chain_id": ANVIL_CHAIN,
            "contract": f"0x{self.deployed.contract.hex()}",
            "key": f"member-{number}.key",
            "depth": 2,
            "poll_ms": 10,
        }
        return EvmSettings(**{**said, **changes})

    def closed(self, number: int = 0, **changes: Any) -> AnchorAdapter:
        """The adapter of a member, not opened yet."""
        made = build(self.settings(number, **changes), surroundings(self.home))
        self.made.append(made)
        return made

    def adapter(self, number: int = 0, **changes: Any) -> AnchorAdapter:
        """The adapter of a member, open."""
        made = self.closed(number, **changes)
        made.open()
        return made

    def close(self) -> None:
        """Close the adapters that were made."""
        while self.made:
            self.made.pop().close()

    def nonce(self, number: int = 0) -> int:
        """How many transactions of a member are in blocks."""
        address = f"0x{self.members[number].hex()}"
        return int(self.node.ask("eth_getTransactionCount", address, "latest"), 16)


def bench(node: Anvil, home: Path, members: int = 1, threshold: int = 1) -> Bench:
    """Deploy the contract with the first accounts of anvil as members.

    The node must make blocks of what it gets.
    """
    addresses = []
    for number, key in enumerate(ANVIL_KEYS[:members]):
        path = home / f"member-{number}.key"
        path.touch(0o600)
        path.write_text(key)
        addresses.append(load_account(path).address)
    payer = home / "payer.key"
    payer.touch(0o600)
    payer.write_text(ANVIL_KEYS[2])
    deployed = deploy(
        url=node.url,
        chain_id=ANVIL_CHAIN,
        key=payer,
        ledger=GENESIS,
        members=addresses,
        threshold=threshold,
        timeout=30,
    )
    return Bench(node, home, deployed, tuple(addresses))


def trust_in(adapter: AnchorAdapter, *blocks: dict[str, Any], **changes: Any) -> Trust:
    """A trust file that names an adapter's chain, with blocks pinned."""
    entry = {**adapter.trust_entry(), "blocks": list(blocks), **changes}
    return Trust(chain_id=LEDGER, genesis_hash=GENESIS, anchors=(entry,))


def anchor(
    adapter: AnchorAdapter, of: AnchorPoint, node: Anvil | None = None, blocks: int = 2
) -> tuple[Signed, Final, Receipt]:
    """Take a point through all steps; on a node, with ``blocks`` made after it is sent."""
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    if node is not None:
        node.mine(blocks)
    standing = adapter.look_up(of, [signed], b"")
    assert isinstance(standing, Final), standing
    return signed, standing, adapter.receipt(of, [signed], b"", standing)


def anchored_once(adapter: AnchorAdapter, of: AnchorPoint, attempts: Sequence[Signed]) -> Standing:
    """Where a point stands by what a node finds that has nothing but the chain to ask."""
    by_attempts = adapter.look_up(of, attempts, b"")
    assert adapter.look_up(of, [], b"") == by_attempts
    return by_attempts
