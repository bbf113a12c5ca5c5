"""What a home says of its node when that does not run."""

from __future__ import annotations

from typing import Any

from node.cli.homes import folder_bytes, opened_stores, read_meta
from node.config import NodeConfig
from node.core.encoding import rfc3339
from node.ledger.statistics import Statistics

__all__ = ["stopped_status"]

_FOLDERS = ("ledger", "blocks", "local", "journal")


def stopped_status(config: NodeConfig) -> dict[str, Any]:
    """How far the ledger has come and what it holds, read from the stores.

    Raises:
        LedgerFault: the ledger holds no chain.
        StorageError: a store is missing, damaged, or in use.
    """
    with opened_stores(config) as stores:
        meta = read_meta(stores.ledger)
        frames = sum(1 for _ in stores.journal.records(None))
        statistics = Statistics.load(stores.ledger).to_json()
    return {
        "running": False,
        "chain_id": meta.chain_id,
        "height": meta.height,
        "time": rfc3339(meta.time),
        "size": meta.size,
        "root": meta.root.hex(),
        "state_root": meta.state_root.hex(),
        "app_hash": meta.app_hash.hex(),
        "journal_frames": frames,
        "bytes": {name: folder_bytes(config.path(name)) for name in _FOLDERS},
        **statistics,
    }
