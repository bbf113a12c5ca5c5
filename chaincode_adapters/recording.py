"""Recording confirmed anchors on the ledger: ``anchor.confirmed``, by the operator, once each.

The record's id follows from what was anchored where. So whether it is on the ledger can be asked of
the ledger, and a second one, signed after a restart, is refused there.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from typing import Any

import structlog

from chaincode_adapters.errors import place_of
from chaincode_adapters.jobs import Job, decode_point, reference_of, shortened
from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.retry import backoff
from node.core.errors import EvidenceError, InvalidInput
from node.ledger.reader import LedgerReader
from node.rules.rejections import REJECTIONS
from node.submission.errors import SubmissionError
from node.submission.operator import OperatorRecords
from node.submission.tickets import Ticket

__all__ = ["Recording", "anchor_data"]

_TOKEN = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
_IDLE_SECONDS = 5.0
_SLICE_SECONDS = 0.5
_MOST_SLICES = 60


def anchor_data(job: Job) -> dict[str, Any]:
    """The public fields of a final job's ``anchor.confirmed``."""
    data: dict[str, Any] = {
        "adapter": job.adapter,
        "chain": _token(job.chain),
        "external_time": job.external_time,
        "external_tx": _token(job.external_tx),
        "receipt_hash": job.receipt.hex(),
        "root": job.root.hex(),
        "size": job.size,
        "state_root": decode_point(job.point).state_root.hex(),
    }
    if job.external_height is not None:
        data["external_height"] = job.external_height
    return data


def _token(text: str) -> str:
    """An id of another system as the ledger takes it: its SHA-256 where it has another form."""
    if _TOKEN.fullmatch(text):
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class _NotNow(Exception):
    """The ledger takes nothing now."""


class Recording:
    """Records this node's anchors, one behind the other. ``trouble`` is why it does not come on."""

    def __init__(
        self,
        operator: OperatorRecords,
        jobs: JobsKept,
        reader: Callable[[], LedgerReader],
    ) -> None:
        self.trouble = ""
        self._operator = operator
        self._jobs = jobs
        self._reader = reader
        self._failures = 0
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._log = structlog.get_logger("anchors")

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="anchor-records", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have it end, which takes half a second at most where a record is under way."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """There may be something to record."""
        self._wake.set()

    def run(self) -> None:
        """Record what there is until told to stop."""
        try:
            while not self._stopping.is_set():
                self._wake.wait(self.round())
                self._wake.clear()
        except EvidenceError as error:
            self._ends(shortened(str(error)))
        except Exception as error:  # noqa: BLE001 - a fault of this program's; it must be seen
            self._ends(place_of(error))

    def _ends(self, reason: str) -> None:
        if not self._stopping.is_set():
            self.trouble = f"its thread has ended: {reason}"
            self._log.error("anchors are not recorded any more", reason=reason)

    def round(self) -> float:
        """Record what there is; how many seconds until there may be more.

        Raises:
            StorageError, LedgerFault: nothing can be read or kept.
        """
        trouble = ""
        for job in self._jobs.unrecorded():
            try:
                reason = "" if self._is_recorded(job) else self._record(job)
            except _NotNow as error:
                trouble = str(error)
                break
            if reason:
                trouble = trouble or f"size {job.size} of {job.adapter}: {reason}"
            else:
                self._jobs.recorded(job)
            if self._stopping.is_set():
                return 0.0
        if trouble and trouble != self.trouble:
            self._log.error("anchor not recorded", reason=trouble)
        self.trouble = trouble
        self._failures = self._failures + 1 if trouble else 0
        return backoff(self._failures) if trouble else _IDLE_SECONDS

    def _is_recorded(self, job: Job) -> bool:
        subject = self._operator.subject("anchor", reference_of(job))
        with self._reader() as reader:
            return reader.state(f"dossier/{subject}") is not None

    def _record(self, job: Job) -> str:
        """Submit the record and wait for it; why it is refused, "" where it is recorded.

        Raises:
            _NotNow: nothing can be recorded now.
        """
        try:
            group = self._operator.submit(
                "anchor.confirmed", anchor_data(job), "anchor", reference_of(job)
            )
            for _ in range(_MOST_SLICES):
                if self._operator.wait(group, _SLICE_SECONDS):
                    return _outcome(group.tickets[0])
                if self._stopping.is_set():
                    raise _NotNow("the node is stopping")
        except SubmissionError as error:
            raise _NotNow(shortened(str(error))) from error
        except InvalidInput as error:
            return str(error)
        raise _NotNow("it was not committed in time; it may be yet")


def _outcome(ticket: Ticket) -> str:
    if ticket.position is not None or ticket.known == "recorded":
        return ""
    if ticket.flaw is not None:
        return f"{ticket.flaw[1]}: {ticket.flaw[2]}"
    if ticket.rejection:
        return REJECTIONS[ticket.rejection].text
    return "it was refused before"
