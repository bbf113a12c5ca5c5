"""Puts a node's anchoring together: its adapters, and what they are told of the node.

Loaded by nodes that anchor on outside chains or fetch receipts, and by no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincode_adapters.anchoring import Anchoring, Configured, Ledger
from chaincode_adapters.building import build_adapters, kind_of
from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.exchange import Exchange
from chaincode_adapters.keeping import Keeping
from chaincode_adapters.port import Surroundings
from chaincode_adapters.recording import Recording
from chaincode_adapters.standing import Described
from node.config import ConfigError
from node.core.anchors.receipts import AnchorReceipt, verify_receipt
from node.core.signatures import load_backend

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["build_anchoring"]


def build_anchoring(node: Node) -> Anchoring:
    """The anchoring of a node, which has not begun.

    Raises:
        ConfigError: an adapter's settings cannot be right.
    """
    config, genesis = node.config, node.genesis
    surroundings = Surroundings(config.home, genesis.chain_id, genesis.hash, node.member, node.now)
    try:
        adapters = build_adapters(config.anchors.to, surroundings)
    except Misconfigured as error:
        raise ConfigError(f"{config.path('node.toml')}, {error}") from error
    configured = [
        Configured(adapter, Described(one.name, kind_of(one), one.operator), one.begin)
        for adapter, one in zip(adapters, config.anchors.to)
    ]
    keeping = Keeping.of(node.stores.local, node.member)
    ledger = Ledger(
        node.anchor_points, genesis.chain_id, genesis.hash, load_backend(), verify_receipt
    )
    recording = exchange = None
    if configured and node.operator is not None:
        recording = Recording(node.operator, keeping.jobs, node.reader)
    anchoring: Anchoring

    def check_others(item: AnchorReceipt) -> str:
        return anchoring.check_others(item)

    if config.anchors.peers:
        exchange = Exchange(config.anchors.peers, node.receipts, node.reader, check_others)
    anchoring = Anchoring(configured, keeping, ledger, node.now, recording, exchange)
    return anchoring
