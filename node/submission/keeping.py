"""The journal's thread: makes frames and disclosures durable, many at a time, each synced once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from node.core.disclosure import Disclosure, decode_disclosure
from node.core.errors import EvidenceError
from node.storage.errors import StorageError
from node.storage.ports import Batch, SegmentRef, Store
from node.submission.in_flight import InFlight
from node.submission.journal import Journal
from node.submission.tickets import Ticket

__all__ = ["Custody", "Keeping"]

_INTENT = b"u/"
_UNREADABLE = (
    "WorkerFailed",
    "disclosures",
    "the node cannot read what it keeps of this record; tell its operator",
    "",
)


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

    def names_held(self, dossier: str, transaction_id: bytes) -> Mapping[str, str]:
        """What a transaction disclosed and is kept: the digest of each field's name.

        Raises:
            EvidenceError: something of it cannot be read.
        """


@dataclass(frozen=True)
class _Withdrawal:
    """Refused transactions of a frame, which may leave the journal once what they disclosed is
    gone."""

    refused: list[Ticket]
    reference: SegmentRef


@dataclass
class _Work:
    flights: list[InFlight]
    disclosing: list[Ticket]
    withdrawals: list[_Withdrawal]

    def __bool__(self) -> bool:
        return bool(self.flights or self.disclosing or self.withdrawals)


class Keeping:
    """Writes the node's own records of submissions: the journal, and the disclosures in custody."""

    def __init__(self, journal: Journal, local: Store, custody: Custody) -> None:
        self.journal = journal
        self._local = local
        self._custody = custody
        self._queue: queue.SimpleQueue[InFlight | list[Ticket] | _Withdrawal | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None
        self._intents = 0
        self._intent: bytes | None = None

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

    def withdraw(self, refused: list[Ticket], reference: SegmentRef) -> None:
        """Remove the disclosures of refused transactions, and only then settle their frame, which
        lies at ``reference`` in the journal; nobody waits for that."""
        self._queue.put(_Withdrawal(refused, reference))

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
        ending = False
        while True:
            if item is None:
                ending = True  # what was queued behind it meanwhile still comes before the end
            elif isinstance(item, InFlight):
                work.flights.append(item)
            elif isinstance(item, _Withdrawal):
                work.withdrawals.append(item)
            else:
                work.disclosing.extend(item)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        if ending and work:
            self._queue.put(None)
        return None if ending and not work else work

    def _write(self, work: _Work) -> None:
        """Disclosures first, then the frames: what is journaled never lacks its disclosures."""
        batch = self._local.batch()
        self._refuse_second_names(work.disclosing)
        intended: list[tuple[str, bytes]] = []
        for flight in work.flights:
            intended += self._add_disclosures(batch, flight.tickets)
        self._add_disclosures(batch, work.disclosing)
        for withdrawal in work.withdrawals:
            for ticket in withdrawal.refused:
                assert ticket.id is not None
                self._custody.withdraw(batch, ticket.subject, ticket.id)
        self._note_intent(batch, intended)
        if len(batch):
            self._local.write(batch, sync=True)
        for withdrawal in work.withdrawals:
            self.journal.settle(withdrawal.reference)
        for flight in work.flights:
            flight.reference = self.journal.append(flight.frame)
        if work.flights:
            self.journal.sync()

    def _note_intent(self, batch: Batch, intended: list[tuple[str, bytes]]) -> None:
        """Remember whose disclosures are kept before the frames are journaled, until they are."""
        if self._intent is not None:
            batch.delete(self._intent)
            self._intent = None
        if intended:
            self._intents += 1
            self._intent = _INTENT + self._intents.to_bytes(8, "big")
            batch.put(self._intent, msgspec.msgpack.encode(intended))

    def forget_unjournaled(self, is_known: Callable[[bytes], bool]) -> int:
        """After a crash: remove disclosures that were kept for frames which never got into the
        journal. Personal data that never came on the chain has no reason to stay.

        Returns:
            How many transactions' disclosures were removed.
        """
        batch, removed = self._local.batch(), 0
        for key, row in self._local.scan(_INTENT, _INTENT + b"\xff" * 9):
            batch.delete(key)
            for subject, identifier in msgspec.msgpack.decode(row):
                if not is_known(identifier):
                    self._custody.withdraw(batch, subject, identifier)
                    removed += 1
        if len(batch):
            self._local.write(batch, sync=True)
        return removed

    def _refuse_second_names(self, tickets: Iterable[Ticket]) -> None:
        """Flaw the tickets that disclose a field of which another value is kept.

        One submission cannot: its disclosures are matched with each other. But a transaction may be
        handed in again with others, and no bundle that shows two of one name is accepted.
        """
        held: dict[bytes, dict[str, str]] = {}
        for ticket in tickets:
            if not ticket.disclosures:
                continue
            assert ticket.id is not None
            if ticket.id not in held:
                try:
                    held[ticket.id] = dict(self._custody.names_held(ticket.subject, ticket.id))
                except StorageError:
                    raise
                except EvidenceError:  # one row that does not open is no reason to stop the node
                    ticket.flaw, ticket.disclosures = _UNREADABLE, ()
                    continue
            names = held[ticket.id]
            found = [decode_disclosure(text) for text in ticket.disclosures]
            for position, one in enumerate(found):
                if names.get(one.name, one.digest) != one.digest:
                    rule = f"a second disclosure of {one.name[:64]!r}: another value is kept"
                    ticket.flaw = ("InvalidTransaction", f"disclosures[{position}]", rule, "")
            if ticket.flaw is None:
                names.update({one.name: one.digest for one in found})
            else:
                ticket.disclosures = ()

    def _add_disclosures(self, batch: Batch, tickets: Iterable[Ticket]) -> list[tuple[str, bytes]]:
        """Put the tickets' disclosures into ``batch``; say whose they are."""
        kept = []
        for ticket in tickets:
            if ticket.disclosures:
                assert ticket.id is not None
                found = [decode_disclosure(text) for text in ticket.disclosures]
                self._custody.keep(batch, ticket.subject, ticket.id, found)
                kept.append((ticket.subject, ticket.id))
        return kept
