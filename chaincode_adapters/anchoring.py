"""All of a node's anchoring: workers, the records of what they confirmed, receipts of others."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Literal

import structlog

from chaincode_adapters.exchange import Exchange
from chaincode_adapters.jobs import Job
from chaincode_adapters.keeping import Keeping
from chaincode_adapters.port import AnchorAdapter
from chaincode_adapters.receipts import decode_item
from chaincode_adapters.recording import Recording
from chaincode_adapters.standing import (
    Described,
    Histogram,
    adapter_standing,
    alarms_of,
)
from chaincode_adapters.worker import Points, Worker
from chaincode_adapters.worker_checks import VerifyItem, check_item, trust_of
from node.core.anchors.receipts import AnchorReceipt
from node.core.errors import InvalidInput
from node.core.signatures import Backend
from node.core.trust import Trust

__all__ = ["Anchoring", "Configured", "Ledger"]

_JOIN_SECONDS = 5.0


class Configured:
    """An adapter with what the configuration says of it."""

    def __init__(
        self,
        adapter: AnchorAdapter,
        described: Described,
        begin: Literal["first", "newest"] = "newest",
    ) -> None:
        self.adapter = adapter
        self.described = described
        self.begin = begin


class Ledger:
    """What anchoring is told of the ledger: its points, its identity, how receipts are verified."""

    def __init__(
        self,
        points: Points,
        chain_id: str,
        genesis_hash: bytes,
        backend: Backend,
        verify: VerifyItem,
    ) -> None:
        self.points = points
        self._chain_id = chain_id
        self._genesis_hash = genesis_hash
        self._backend = backend
        self._verify = verify

    def trust(self, entries: Iterable[dict[str, Any]]) -> Trust:
        """A trust file with these entries for outside chains."""
        return trust_of(self._chain_id, self._genesis_hash, entries)

    def check(self, item: AnchorReceipt, entries: Iterable[dict[str, Any]]) -> str:
        """What the verifier says of an item. Raises InvalidInput where it does not hold."""
        return check_item(item, self.trust(entries), self._backend, self._verify)


class Anchoring:
    """Everything of one node; make it, `start` it, `stop` it.

    Args:
        configured: the adapters.
        keeping: where jobs and receipts are kept.
        ledger: what is anchored.
        now: this node's time, in ms.
        recording: puts confirmed anchors on the ledger; None without an operator's key.
        exchange: fetches the receipts of others; None without peers.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        configured: Sequence[Configured],
        keeping: Keeping,
        ledger: Ledger,
        now: Callable[[], int],
        recording: Recording | None = None,
        exchange: Exchange | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.recording = recording
        self.exchange = exchange
        self.seconds = {one.described.name: Histogram() for one in configured}
        self._described = {one.described.name: one.described for one in configured}
        self._keeping = keeping
        self._ledger = ledger
        self._now = now
        self._log = structlog.get_logger("anchors")
        self.workers = {
            one.described.name: Worker(
                one.adapter,
                keeping,
                ledger.points,
                self._check,
                now,
                begin=one.begin,
                clock=clock,
                ended=self._ended,
            )
            for one in configured
        }

    # -- running ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        for alarm in alarms_of(self._keeping.jobs):
            self._log.critical("ANCHOR CONFLICT stands", **alarm.to_json())
        if self.workers and self.recording is None:
            self._log.warning("no operator's key: confirmed anchors are not put on the ledger")
        for worker in self.workers.values():
            worker.start()
        for part in (self.recording, self.exchange):
            if part is not None:
                part.start()

    def stop(self) -> None:
        """End; a call that hangs is left behind, and its thread with it."""
        parts: list[Worker | Recording | Exchange] = list(self.workers.values())
        parts += [part for part in (self.recording, self.exchange) if part is not None]
        for part in parts:
            part.stop()
        until = time.monotonic() + _JOIN_SECONDS
        for part in parts:
            part.join(max(0.0, until - time.monotonic()))

    def _check(self, item: AnchorReceipt, adapter: AnchorAdapter) -> str:
        """What every receipt must pass before its job is final."""
        return self._ledger.check(item, [adapter.trust_entry()])

    def _ended(self, job: Job) -> None:
        self.seconds[job.adapter].add((job.ended_at - job.queued_at) / 1000)
        if self.recording is not None:
            self.recording.wake()

    def check_others(self, item: AnchorReceipt) -> str:
        """What a receipt of another member must pass: it holds, by all that is believed here."""
        entries = (worker.entry for worker in self.workers.values())
        return self._ledger.check(item, [entry for entry in entries if entry is not None])

    # -- what is told -----------------------------------------------------------------------------

    def standing(self) -> list[dict[str, Any]]:
        """Every configured adapter."""
        jobs, now = self._keeping.jobs, self._now()
        return [
            adapter_standing(worker, self._described[name], jobs, self._ledger.points, now)
            for name, worker in self.workers.items()
        ]

    # -- what is asked of it ----------------------------------------------------------------------

    def retry(
        self, name: str, size: int | None = None, *, leave: bool = False
    ) -> Future[list[int]]:
        """Have an adapter take up what is parked, or go on and ``leave`` it. Raises KeyError where
        there is no such one."""
        worker = self.workers[name]
        return worker.ask(lambda: worker.retry(size, leave=leave))

    def trust_entry(self, name: str) -> Future[dict[str, Any]]:
        """An adapter's entry of the trust file, as it says now."""
        worker = self.workers[name]
        return worker.ask(worker.trust_entry)

    def stands(self, name: str, size: int) -> Future[dict[str, Any]]:
        """Ask the live chain whether the anchor of a size still stands there."""
        worker = self.workers[name]
        return worker.ask(lambda: self._stands(worker, size))

    def _stands(self, worker: Worker, size: int) -> dict[str, Any]:
        job = self._keeping.jobs.final(worker.adapter.name, size)
        if job is None:
            return {"stands": None, "text": "this node has no final anchor of that size there"}
        if job.chain != worker.adapter.chain:
            text = f"not asked: it is on {job.chain}, and the adapter is now of another chain"
            return {"stands": None, "text": text}
        denial = worker.recheck(job)
        return {
            "external_tx": job.external_tx,
            "height": job.height,
            "mark": job.mark,
            "stands": not denial,
            "text": denial or "it stands as it was confirmed",
            "time": job.external_time,
            "trust_entry": self._pinned(worker.trust_entry(), job),
        }

    def _pinned(self, entry: dict[str, Any], job: Job) -> dict[str, Any]:
        """An entry of the trust file by which the receipt would count, once the block that it names
        has been compared with the chain."""
        content = self._keeping.receipts.get(job.receipt)
        item = None if content is None else decode_item(content)
        if item is None or item.kind != "evm" or entry.get("development"):
            return entry
        try:
            core = importlib.import_module("node.core.anchors.evm")
            return {**entry, "blocks": [core.block_to_pin(item.content, "receipt")]}
        except InvalidInput:  # a receipt without a block: the chain gives no proof
            return entry
