"""Gets certificates on record, and finishes what was cut off between their copy and their record.

Signed bytes are submitted again as they are, which the ledger takes once. What no block takes any
more is dropped: nobody has seen it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from node.client.records import Submission
from node.core.errors import EvidenceError, LedgerFault
from node.core.trust import Trust
from node.evidence.bundle import Receipts
from node.evidence.certificates.errors import CopyLost, NotOnRecord, RecordPending
from node.evidence.certificates.keeping import Kept, KeptCertificates
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader, LogEntry

__all__ = ["Finisher", "Ledger", "Recorder", "certificate_record"]

_EVENT = "certificate.issued"
_PAUSE_SECONDS = 1.0
_MOST_RECORDS = 64
"""Records with a certificate's number among which its own is looked for."""


class Recorder(Protocol):
    """Records the node's own events."""

    def sign(self, event_type: str, data: dict[str, Any], private: dict[str, Any]) -> Submission:
        """Sign an event in a new dossier of its own. Raises InvalidInput."""

    def record(self, submission: bytes) -> str:
        """Submit signed bytes and wait until they are recorded; the record's code. The same bytes
        again are the same record.

        Raises:
            NotOnRecord: a rule refuses it.
            EvidenceError: it could not be submitted, or was not committed in time.
        """


@dataclass(frozen=True)
class Ledger:
    """What an issuer reads. ``trust`` is the trust file that goes into certificates."""

    read: Callable[[], LedgerReader]
    chain_id: str
    trust: Trust
    anchors: Receipts
    now: Callable[[], int]


class Finisher:
    """Submits the records of kept certificates, now or, where that fails, later in a thread."""

    def __init__(self, kept: KeptCertificates, ledger: Ledger, recorder: Recorder) -> None:
        self._kept, self._ledger, self._recorder = kept, ledger, recorder
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="certificates", daemon=True)
        self._log = structlog.get_logger("certificates")

    def start(self) -> None:
        """Begin with what an earlier run left."""
        self._due.set()
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being submitted."""
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is unfinished of what an earlier run left; whether it came to that
        within ``timeout`` seconds."""
        return self._settled.wait(timeout)

    def record(self, kept: Kept, submission: bytes) -> str:
        """Put a certificate on record; the record's code. What a rule refuses is dropped.

        Raises:
            NotOnRecord: a rule refuses it.
            EvidenceError: it is not on record yet; the thread goes on trying.
        """
        try:
            code = self._recorder.record(submission)
        except NotOnRecord:
            self._kept.drop(kept, "its record was refused")
            raise
        except EvidenceError:
            self._due.set()
            raise
        self._kept.finished(kept.number)
        return code

    def finish(self, kept: Kept) -> str | None:
        """The code of a certificate's record, which is made if it is not there; None where the
        certificate had to be dropped.

        Raises:
            EvidenceError: it could not be submitted now, or the ledger has not come so far that it
                says whether it was recorded in time.
        """
        with self._ledger.read() as reader:
            entry = certificate_record(reader, kept.number, kept.report_hash)
            reached = reader.meta.time
        if entry is not None and entry.transaction.data["report_hash"] == kept.report_hash:
            self._kept.finished(kept.number)
            return entry.entry.code
        try:
            if kept.expires <= reached:
                raise CopyLost("its record was not taken in time")
            if kept.expires <= self._ledger.now():
                raise RecordPending("the ledger has not come yet to where its record would be")
            self._kept.read(kept)
            code = self.record(kept, self._kept.read_submission(kept))
        except (CopyLost, NotOnRecord) as error:
            self._kept.drop(kept, error.reason)
            self._log.warning("certificate dropped", number=kept.number, reason=error.reason)
            return None
        self._log.info("certificate finished", number=kept.number, record=code)
        return code

    def _run(self) -> None:
        while True:
            self._due.wait()
            if self._stopping.is_set():
                return
            self._due.clear()
            if self._finish_most():
                self._due.set()
                self._stopping.wait(_PAUSE_SECONDS)
            else:
                self._settled.set()

    def _finish_most(self) -> int:
        """As `_finish_all`; a disk that fails meanwhile is tried again, too."""
        try:
            return self._finish_all()
        except LedgerFault:
            raise
        except (EvidenceError, OSError) as error:
            self._log.warning("certificates not finished", reason=str(error))
            return 1

    def _finish_all(self) -> int:
        """Try all that are unfinished; how many still are."""
        left = 0
        for kept in list(self._kept.unfinished()):
            if self._stopping.is_set():
                return 0
            try:
                self.finish(kept)
            except LedgerFault:
                raise
            except (EvidenceError, OSError) as error:
                left += 1
                self._log.warning("certificate not finished", number=kept.number, reason=str(error))
        return left


def certificate_record(reader: LedgerReader, number: str, report_hash: str = "") -> LogEntry | None:
    """The record of a certificate, None where there is none. Of several, which only other members
    can have made, the one of the file ``report_hash``, or else the first."""
    first: LogEntry | None = None
    for entry in reader.entries(find(reader.rows, "certificate_no", number, limit=_MOST_RECORDS)):
        if entry.transaction.type != _EVENT:
            raise LedgerFault(f"entry {entry.index} is indexed as a certificate's record")
        if not report_hash or entry.transaction.data["report_hash"] == report_hash:
            return entry
        first = first or entry
    return first
