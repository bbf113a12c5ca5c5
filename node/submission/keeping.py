"""The journal's thread: makes frames and disclosures durable, many at a time, each synced once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from node.core.disclosure import Disclosure, decode_disclosure
from node.storage.ports import Batch, Store
from node.submission.in_flight import InFlight
from node.submission.journal import Journal
from node.submission.tickets import Ticket

__all__ = ["Custody", "Keeping"]


class Custody(Protocol):
    """What keeps disclosures; the vault is one."""

    def keep(
        self,
        batch: Batch,
        dossier: str,
        transaction_id: bytes,
        disclosures: Sequence[Disclosure],
    ) -> Any:
        """Put disclosures, encrypted, into ``batch``. A second time changes nothing."""

    def withdraw(self, batch: Batch, dossier: str, transaction_id: bytes) -> int:
        """Put into ``batch`` the removal of what a refused transaction disclosed."""


@dataclass
class _Work:
    flights: list[InFlight]
    disclosing: list[Ticket]
    refused: list[Ticket]


class Keeping:
    """Writes the node's own records of submissions: the journal, and the disclosures in custody."""

    def __init__(self, journal: Journal, local: Store, custody: Custody) -> None:
        self.journal = journal
        self._local = local
        self._custody = custody
        self._queue: queue.SimpleQueue[InFlight | list[Ticket] | Ticket | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    def start(
        self,
        kept: Callable[[Sequence[InFlight], Sequence[Ticket]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Begin. ``kept`` is told what is durable, ``failed`` once that nothing is any more."""
        self._thread = threading.Thread(
            target=self._run, args=(kept, failed), name="journal", daemon=True
        )
        self._thread.start()

    def keep(self, flight: InFlight) -> None:
        """Make a frame and its disclosures durable."""
        self._queue.put(flight)

    def keep_disclosures(self, tickets: list[Ticket]) -> None:
        """Make the disclosures of transactions durable that are on the chain already."""
        self._queue.put(tickets)

    def withdraw(self, refused: Ticket) -> None:
        """Remove the disclosures of a refused transaction; nobody waits for that."""
        self._queue.put(refused)

    def stop(self) -> None:
        """Write what is queued, then end."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(
        self,
        kept: Callable[[Sequence[InFlight], Sequence[Ticket]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        try:
            while (work := self._gather()) is not None:
                self._write(work)
                kept(work.flights, work.disclosing)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing is kept from here on
            failed(error)

    def _gather(self) -> _Work | None:
        """All that is queued, after waiting for the first; None at the end."""
        work = _Work([], [], [])
        item = self._queue.get()
        while True:
            if item is None:
                if work.flights or work.disclosing or work.refused:
                    self._queue.put(None)
                    return work
                return None
            if isinstance(item, InFlight):
                work.flights.append(item)
            elif isinstance(item, Ticket):
                work.refused.append(item)
            else:
                work.disclosing.extend(item)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return work

    def _write(self, work: _Work) -> None:
        for flight in work.flights:
            flight.reference = self.journal.append(flight.frame)
        batch = self._local.batch()
        for flight in work.flights:
            self._add_disclosures(batch, flight.tickets)
        self._add_disclosures(batch, work.disclosing)
        for ticket in work.refused:
            assert ticket.id is not None
            self._custody.withdraw(batch, ticket.subject, ticket.id)
        if work.flights:
            self.journal.sync()
        if len(batch):
            self._local.write(batch, sync=True)

    def _add_disclosures(self, batch: Batch, tickets: Iterable[Ticket]) -> None:
        for ticket in tickets:
            if ticket.disclosures:
                assert ticket.id is not None
                found = [decode_disclosure(text) for text in ticket.disclosures]
                self._custody.keep(batch, ticket.subject, ticket.id, found)
