"""Where jobs and receipts are kept: in one store, so that both change at once."""

from __future__ import annotations

from dataclasses import dataclass

from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.receipts import Receipts
from node.storage.ports import Store

__all__ = ["Keeping"]


@dataclass(frozen=True)
class Keeping:
    """A node's local store, as anchoring sees it. ``member`` runs the node."""

    store: Store
    jobs: JobsKept
    receipts: Receipts
    member: str

    @classmethod
    def of(cls, store: Store, member: str) -> Keeping:
        """In ``store``, by ``member``'s node."""
        return cls(store, JobsKept(store), Receipts(store, member), member)
