"""How a node's anchors stand, asked of its threads or, without any, of what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaincode_adapters.standing import AnchorAlarm, alarms_of, lost_standing

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["anchor_alarms", "anchor_standing"]


def anchor_alarms(node: Node) -> list[AnchorAlarm]:
    """Conflicts between this ledger and outside chains; there should be none."""
    return alarms_of(node.anchor_jobs)


def anchor_standing(node: Node) -> list[dict[str, Any]]:
    """Every adapter, those that are not configured any more last."""
    workers = {} if node.anchoring is None else node.anchoring.workers
    told = [] if node.anchoring is None else node.anchoring.standing()
    return told + lost_standing(node.anchor_jobs, workers)
