"""Tickets: what a submitter holds while a submission is on its way, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from node.rules.rejections import ACCEPTED
from node.submission.admission import Flaw, Good

__all__ = ["FrameOutcome", "Group", "Position", "Ticket"]


class Position(msgspec.Struct, frozen=True):
    """Where a transaction was recorded. ``time`` and ``proven_time`` in ms: the times of its
    block's header and of the next one, between which it came into the log."""

    code: str
    index: int
    height: int
    time: int
    proven_time: int
    leaf: bytes


@dataclass(frozen=True)
class FrameOutcome:
    """What became of a frame's transactions: its part of a committed block.

    ``rows`` tell, for each accepted one, its code's number and ordinal behind its offset.
    """

    height: int
    time: int
    proven_time: int
    results: bytes
    first_index: int
    rows: Sequence[tuple[int, int, int, int, bytes]]
    leaves: Sequence[bytes]

    def position(self, place: int) -> Position:
        """Where the accepted transaction at ``place`` of the frame stands."""
        rank = self.results.count(ACCEPTED, 0, place)
        _, digits, ordinal, _, _ = self.rows[rank]
        return Position(
            code=f"CZ{digits:013d}-{ordinal}",
            index=self.first_index + rank,
            height=self.height,
            time=self.time,
            proven_time=self.proven_time,
            leaf=self.leaves[rank],
        )


class Ticket:
    """One submission on its way.

    It is either flawed, or known to the ledger already, or taken; taken, it is journaled, and in
    the end committed: recorded or refused. The pipeline's threads set all this, and never back.
    ``known`` is ``recorded`` or ``refused``; ``disclosures`` are those still to be kept. ``group``
    is None once it is done: then only the group refers to its tickets, and no cycle is left.
    """

    flaw: Flaw | None = None
    known: str | None = None
    good: Good | None = None
    followers: list[Ticket] | None = None
    outcome: FrameOutcome | None = None
    place = 0
    disclosures: tuple[str, ...] = ()

    def __init__(self, raw: bytes, group: Group) -> None:
        self.raw = raw
        self.group: Group | None = group

    @property
    def id(self) -> bytes | None:
        """The transaction's id, once it is taken."""
        return None if self.good is None else self.good[0]

    @property
    def subject(self) -> str:
        """The dossier of a transaction that is taken."""
        assert self.good is not None
        subject: str = self.good[3][8]
        return subject

    @property
    def lowered(self) -> bool:
        """Whether the high s of its signature was turned into the low one."""
        return self.good is not None and self.good[5]

    @property
    def rejection(self) -> int | None:
        """The byte of the registry, 0 when it is recorded, None before it is committed."""
        return None if self.outcome is None else self.outcome.results[self.place]

    @property
    def position(self) -> Position | None:
        """Where it is recorded, once it is."""
        if self.outcome is None or self.outcome.results[self.place] != ACCEPTED:
            return None
        return self.outcome.position(self.place)


class Group:
    """Submissions that came together and are waited for together.

    ``unsafe`` counts those of which nothing can be told yet: they are neither done nor on disk;
    ``unfinished`` those that are not done. ``context`` is the submitter's own.
    """

    __slots__ = ("context", "tickets", "unfinished", "unsafe")

    def __init__(self, submissions: Sequence[bytes], context: Any = None) -> None:
        self.tickets = [Ticket(raw, self) for raw in submissions]
        self.unfinished = len(self.tickets)
        self.unsafe = len(self.tickets)
        self.context = context
