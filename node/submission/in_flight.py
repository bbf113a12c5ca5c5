"""Frames between the workers and their end: kept on disk, committed, both in either order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node.ledger.application import Committed
from node.storage.ports import SegmentRef
from node.submission.tickets import FrameOutcome, Ticket

__all__ = ["InFlight", "outcomes_of"]


@dataclass(eq=False)
class InFlight:
    """A frame and its tickets. ``reference`` is its place in the journal, once it has one;
    ``resumed`` says that an earlier run put it there."""

    frame: bytes
    tickets: list[Ticket]
    reference: SegmentRef | None = None
    kept: bool = False
    resumed: bool = False
    outcome: FrameOutcome | None = None


def outcomes_of(committed: Committed) -> Iterator[tuple[InFlight, FrameOutcome]]:
    """What became of each frame of a block that this node submitted."""
    block = committed.block
    recording = block.recording
    assert recording is not None
    for number, token in enumerate(committed.tokens):
        if isinstance(token, InFlight):
            columns = recording.columns[number]
            start = columns.first_index - recording.first_index
            yield (
                token,
                FrameOutcome(
                    height=block.height,
                    time=block.time,
                    proven_time=committed.proof.time.milliseconds,
                    results=block.results[number],
                    first_index=columns.first_index,
                    rows=columns.rows,
                    leaves=recording.leaves[start : start + len(columns.rows)],
                ),
            )
