"""The node that `evidence-node doctor` examines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.cli.checkup_home import LedgerView
from node.config import NodeConfig
from node.core.genesis import Genesis

__all__ = ["Patient"]


@dataclass(frozen=True)
class Patient:
    """A node that is examined.

    Args:
        config: its configuration.
        genesis: that of its home.
        view: its ledger, None where there is none yet or it cannot be read.
        status: what it tells over its admin socket, None where it does not run.
        others: URLs of other nodes.
        time_source: the URL of a web server whose clock is right, or "".
        wait: how many seconds to wait for a block; None for as long as one may take.
    """

    config: NodeConfig
    genesis: Genesis
    view: LedgerView | None
    status: dict[str, Any] | None
    others: Sequence[str] = ()
    time_source: str = ""
    wait: float | None = None

    @property
    def consortium(self) -> bool:
        """Whether an engine of its own makes its blocks."""
        return self.config.engine.kind == "cometbft"
