"""Submission: takes signed bytes, has them checked, journals them, hands them to the engine.

Several threads carry it. The caller's feeds chunks to workers. The one that finalizes blocks passes
on what they have examined (`pump`), frame by frame, to journal and engine. The journal's makes
frames and disclosures durable. The engine's other one says what became of them. A group is told of
when all of it is safe, that is done or on disk, and when all is done.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from node.core.errors import EvidenceError, InvalidInput
from node.core.frame import decode_frame, encode_frame
from node.core.signatures import PublicJwk
from node.core.transaction import transaction_id
from node.ledger.application import Application, Committed, OpenedFrame
from node.ledger.intake import Intake, TakenValues
from node.rules.rejections import ACCEPTED, rejection
from node.storage.errors import StorageError
from node.submission.admission import Answer, Good
from node.submission.errors import SubmissionFull, SubmissionStopped
from node.submission.in_flight import InFlight, outcomes_of
from node.submission.keeping import Keeping
from node.submission.known import Known
from node.submission.pool import MAX_CHUNK_BYTES, MAX_CHUNK_ITEMS, Chunk, WorkerPool
from node.submission.tickets import Group, Ticket
from node.submission.worker import WorkerSetup

__all__ = ["Engine", "Submission", "SubmissionLimits"]

_DUPLICATE = rejection("duplicate")
_RETRY_AFTER = 2
_MIN_CHUNK_ITEMS = 32
"""Fewer are not split among the workers."""
_FAILED = ("WorkerFailed", "submission", "the node could not examine it; report this", "")


class Engine(Protocol):
    """What orders frames into blocks."""

    trouble: EvidenceError | None

    def submit(self, frame: OpenedFrame, token: object = None) -> None:
        """Queue a frame; ``token`` comes back in Committed."""


@dataclass(frozen=True)
class SubmissionLimits:
    """How much may be under way, in submissions and in bytes, and who works on it."""

    max_items: int = 50_000
    max_bytes: int = 128 << 20
    workers: int = 2
    depth: int = 16


class Submission:
    """The submission pipeline of a node.

    ``deliver`` is called in the pipeline's threads with groups of which something new can be told;
    ``hindrance`` is asked before anything is taken, and says why nothing can be.
    """

    def __init__(
        self,
        setup: WorkerSetup,
        keeping: Keeping,
        application: Application,
        limits: SubmissionLimits,
        deliver: Callable[[Iterable[Group]], None],
        hindrance: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._hindrance = hindrance
        self._setup = setup
        self._keeping = keeping
        self._application = application
        self._limits = limits
        self._deliver = deliver
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._incoming: deque[Ticket] = deque()
        self._pending: dict[bytes, Ticket] = {}
        self._items = self._bytes = self._chunks = self._examining = 0
        self._held: dict[int, tuple[Chunk, Answer | None]] = {}
        self._next_number = 1
        self._stopped: str | None = "the node is starting"
        self._broken: str | None = None
        self._started = False
        self._known = Known(application)
        self._tell_workers: Callable[[Mapping[str, PublicJwk]], None] = lambda keys: None

    def start(self, engine: Engine, intake: Intake, *, take: bool = True) -> int:
        """Start the workers, and submit again what an earlier run journaled and did not commit.

        Args:
            engine: orders what is submitted.
            intake: reads what was journaled.
            take: whether to take submissions at once; else from `take` on.

        Returns:
            How many transactions were submitted again.

        Raises:
            StoreCorrupt: the journal is damaged.
        """
        self._engine = engine
        limits = self._limits
        self._pool = WorkerPool(
            limits.workers, limits.depth, self._setup, self._next_chunk, self._answered
        )
        self._tell_workers = self._pool.keys_registered
        resumed = self._resume(intake)
        self._keeping.forget_unjournaled(
            lambda identifier: (
                identifier in self._pending or self._known.judged(identifier) == "recorded"
            )
        )
        self._keeping.start(self._kept, self._fail)
        self._started = True
        if take:
            self.take()
        return resumed

    def take(self) -> None:
        """Take submissions from now on. Nobody examines any before something calls `pump`."""
        if self._broken is None:
            self._stopped = None

    def _resume(self, intake: Intake) -> int:
        resumed = 0
        for reference, frame in list(self._keeping.journal.left_over()):
            try:
                known = set(map(self._known.judged, map(transaction_id, decode_frame(frame))))
                if known == {"recorded"}:  # what a refused one disclosed may have to be removed yet
                    self._keeping.journal.settle(reference)
                    continue
                taken = intake.open_frame(frame)
            except InvalidInput as error:
                place = f"journal, segment {reference.segment}, offset {reference.offset}"
                raise InvalidInput(place, str(error)) from error
            group = Group([item.jwt for item in taken])
            for ticket, item in zip(group.tickets, taken):
                ticket.good = (item.id, None, item.issuer_key, item.event, (), False)
                self._pending[item.id] = ticket
            self._items += len(taken)
            self._bytes += sum(len(item.jwt) for item in taken)
            flight = InFlight(frame, group.tickets, reference, kept=True, resumed=True)
            self._engine.submit(OpenedFrame(frame, taken), flight)
            resumed += len(taken)
        return resumed

    @property
    def pending(self) -> int:
        """Submissions under way."""
        return self._items

    @property
    def workers_ready(self) -> bool:
        """Whether all workers have been started, which takes a core each for a while."""
        return self._started and self._pool.ready

    @property
    def stopped(self) -> str | None:
        """Why nothing is taken now; None while all is well."""
        if self._stopped is not None:
            return self._stopped
        trouble = self._engine.trouble
        return self._hindrance() if trouble is None else str(trouble)

    def submit(self, submissions: Sequence[bytes], context: object = None) -> Group:
        """Take SD-JWTs on their way. What becomes of them stands in the group's tickets.

        Raises:
            SubmissionFull: more is under way than the limits allow; none of these was taken.
            SubmissionStopped: the node makes no blocks now; none of these was taken.
        """
        reason = self.stopped
        if reason is not None:
            raise SubmissionStopped(reason, _RETRY_AFTER)
        group = Group(submissions, context)
        size = sum(map(len, submissions))
        with self._lock:
            full = self._items + len(submissions) > self._limits.max_items
            if self._items and (full or self._bytes + size > self._limits.max_bytes):
                raise SubmissionFull(_RETRY_AFTER)
            self._items += len(submissions)
            self._bytes += size
            self._incoming.extend(group.tickets)
        self._pool.kick()
        return group

    def wait(self, group: Group, timeout: float | None = None) -> bool:
        """Wait until all of a group is done; False when ``timeout`` seconds passed before."""
        with self._changed:
            return self._changed.wait_for(lambda: not group.unfinished, timeout)

    def open_frame(self, frame: bytes) -> Future[list[TakenValues]]:
        """Have a worker open a frame that another node made: see `WorkerPool.open_frame`. What
        comes of it is told by whoever is in `pump`."""
        return self._pool.open_frame(frame)

    def hasten(self, result: Future[list[TakenValues]]) -> None:
        """Have the frame that ``result`` is of opened before all others that wait still."""
        self._pool.hasten(result)

    def keys_registered(self, keys: Mapping[str, PublicJwk]) -> None:
        """What is examined from now on is examined with these keys too, by kid."""
        self._setup = replace(self._setup, keys={**self._setup.keys, **keys})
        self._tell_workers(keys)

    def find_pending(self, identifier: bytes) -> Ticket | None:
        """The ticket of a transaction that is under way."""
        return self._pending.get(identifier)

    def pump(self, timeout: float) -> int:
        """Pass on what the workers have examined, after waiting up to ``timeout`` seconds for it.

        The thread that finalizes blocks calls this between them.

        Returns:
            How many submissions the workers still have to examine.
        """
        self._pool.pump(timeout)
        return len(self._incoming) + self._examining

    def wake(self) -> None:
        """Have a `pump` that waits return."""
        self._pool.wake()

    def refuse(self, reason: str) -> None:
        """Take nothing more."""
        self._stopped = reason

    def abandon(self) -> None:
        """`stop` where the node did not come to its start."""
        if self._started:
            self.stop()

    def stop(self) -> None:
        """End the workers, and let what is on its way get to disk. Nobody may be in `pump`."""
        self._pool.stop()
        self._keeping.stop()
        if self._started:
            with suppress(StorageError):
                self._keeping.journal.empty()

    def _fail(self, error: BaseException) -> None:
        self._stopped = self._broken = (
            f"the journal cannot be written: {error}; restart the node when this is mended"
        )

    def _next_chunk(self) -> Chunk | None:
        with self._lock:
            tickets: list[Ticket] = []
            room = MAX_CHUNK_BYTES
            share = -(-len(self._incoming) // self._limits.workers)
            most = min(MAX_CHUNK_ITEMS, max(_MIN_CHUNK_ITEMS, share))
            while self._incoming and len(tickets) < most:
                room -= len(self._incoming[0].raw) + 8
                if room < 0 and tickets:
                    break
                tickets.append(self._incoming.popleft())
            if not tickets:
                return None
            self._chunks += 1
            self._examining += len(tickets)
            return Chunk([ticket.raw for ticket in tickets], tickets, self._chunks)

    def _answered(self, chunk: Chunk, answer: Answer | None) -> None:
        """A worker has examined a chunk. Chunks go on in the order in which they came, since a
        record may rest on the one before it."""
        self._held[chunk.number] = chunk, answer
        with self._lock:
            self._examining -= len(chunk.items)
        while self._next_number in self._held:
            self._go_on(*self._held.pop(self._next_number))
            self._next_number += 1

    def _go_on(self, chunk: Chunk, answer: Answer | None) -> None:
        """Flawed and known submissions of a chunk end here, the rest goes to the engine."""
        tickets: list[Ticket] = chunk.token  # type: ignore[assignment]
        if answer is None:
            for ticket in tickets:
                ticket.flaw = _FAILED
            self._finish(tickets)
            return
        taken: list[Ticket] = []
        flawed: list[Ticket] = []
        for ticket, result in zip(tickets, answer.results):
            if len(result) == 4:
                ticket.flaw = result
                flawed.append(ticket)
            elif self._is_late(result):
                rule = f"must be {self._setup.chain_id}, this node's chain"
                ticket.flaw = ("InvalidTransaction", "payload.cid", rule, "")
                flawed.append(ticket)
            else:
                ticket.good = result
                if result[4]:
                    ticket.disclosures = result[4]
                taken.append(ticket)
        if flawed:
            self._finish(flawed)
        written = self._application.written_height
        leading = self._without_followers(taken)
        issued = [ticket for ticket in leading if self._known.mark(ticket)]
        known = [ticket for ticket in issued if ticket.known is not None]
        if known:
            self._keeping.keep_disclosures(known)
        gone = set(map(id, flawed + known))
        if len(leading) < len(taken):
            gone.update(set(map(id, taken)) - set(map(id, leading)))
        absent_up_to = -1 if issued else written
        for frame, positions in answer.frames:
            chosen = [tickets[position] for position in positions]
            if gone:
                chosen = [ticket for ticket in chosen if id(ticket) not in gone]
            self._send(frame, chosen, len(positions), absent_up_to)

    def _is_late(self, good: Good) -> bool:
        """Whether it is of a chain before this one, and was not recorded there."""
        identifier, cid = good[0], good[3][1]
        return cid != self._setup.chain_id and self._known.judged(identifier) != "recorded"

    def _without_followers(self, tickets: list[Ticket]) -> list[Ticket]:
        """The tickets whose transaction is not under way already; the others will end with those
        that are."""
        leading = []
        with self._lock:
            for ticket in tickets:
                assert ticket.good is not None
                under_way = self._pending.setdefault(ticket.good[0], ticket)
                if under_way is ticket:
                    leading.append(ticket)
                else:
                    under_way.followers = [*(under_way.followers or ()), ticket]
        return leading

    def _send(self, frame: bytes, chosen: list[Ticket], packed: int, absent_up_to: int) -> None:
        """Journal a frame and give it to the engine, without the repeated ones of ``packed``."""
        if not chosen:
            return
        taken: list[TakenValues] = []
        for ticket in chosen:
            assert ticket.good is not None
            identifier, jwt, issuer_key, event, _, _ = ticket.good
            taken.append((identifier, jwt or ticket.raw, issuer_key, 0, event))
        if len(chosen) < packed:
            frame = encode_frame([values[1] for values in taken])
        flight = InFlight(frame, chosen)
        self._keeping.keep(flight)
        self._engine.submit(OpenedFrame(frame, taken, absent_up_to), flight)

    def _kept(self, flights: Sequence[InFlight], known: Sequence[Ticket]) -> None:
        """These frames, and these known transactions' disclosures, are durable."""
        finished: list[InFlight] = []
        changed: list[Group] = []
        with self._lock:
            for flight in flights:
                flight.kept = True
                if flight.outcome is not None:
                    finished.append(flight)
                    continue
                for ticket in flight.tickets:
                    group = ticket.group
                    assert group is not None
                    group.unsafe -= 1
                    if not group.unsafe and group.unfinished:
                        changed.append(group)
        self._tell(changed)
        for flight in finished:
            self._end(flight, counted_safe=False)
        if known:
            self._finish(known)

    def committed(self, committed: Committed) -> None:
        """A block is durable: say what became of the frames that came from here."""
        for flight, outcome in outcomes_of(committed):
            for place, ticket in enumerate(flight.tickets):
                ticket.outcome, ticket.place = outcome, place
            with self._lock:
                flight.outcome = outcome
                kept = flight.kept
            if kept:
                self._end(flight, counted_safe=True)

    def _end(self, flight: InFlight, *, counted_safe: bool) -> None:
        """A frame is both kept and committed."""
        assert flight.reference is not None
        assert flight.outcome is not None
        # What was resumed from the journal does not say whether it had disclosures.
        refused = [
            ticket
            for ticket in flight.tickets
            if ticket.rejection not in (ACCEPTED, _DUPLICATE)
            and (flight.resumed or ticket.disclosures)
        ]
        if refused:
            self._keeping.withdraw(refused, flight.reference)
        else:
            self._keeping.journal.settle(flight.reference)
        self._finish(flight.tickets, counted_safe=counted_safe)

    def _finish(self, tickets: Sequence[Ticket], *, counted_safe: bool = False) -> None:
        """Nothing more will happen to these tickets; those that follow them end with them."""
        changed: list[Group] = []
        following: list[Ticket] = []
        with self._lock:
            for ticket in tickets:
                if ticket.good is not None and self._pending.get(ticket.good[0]) is ticket:
                    del self._pending[ticket.good[0]]
                    if ticket.followers:
                        following += ticket.followers
                        for follower in ticket.followers:
                            follower.outcome, follower.place = ticket.outcome, ticket.place
                            follower.known = ticket.known
                            recorded = ticket.rejection in (ACCEPTED, _DUPLICATE)
                            if ticket.known != "recorded" and not recorded:
                                follower.disclosures = ()
                self._bytes -= len(ticket.raw)
                group, ticket.group = ticket.group, None
                assert group is not None
                group.unfinished -= 1
                if not counted_safe:
                    group.unsafe -= 1
                if not group.unfinished:
                    changed.append(group)
            self._items -= len(tickets)
        self._tell(changed)
        if following:
            self._keeping.keep_disclosures(following)

    def _tell(self, groups: list[Group]) -> None:
        if groups:
            with self._changed:
                self._changed.notify_all()
            self._deliver(groups)
