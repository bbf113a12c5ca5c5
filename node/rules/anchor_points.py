"""When the log has an anchor point (docs/spec/anchors.md): every node finds the same ones.

`entries` are those of the log but for records of anchors themselves: an anchor asks for none. The
state says how many there were at the last point, and from which time, or from how many of them on,
the next one is due. A block that holds no transaction changes no state; where a point falls on one,
it is written down with the next that does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from node.rules.judgement import State

__all__ = [
    "ANCHOR_RECORDS",
    "LAST_POINT",
    "PointView",
    "count_entries",
    "is_due",
    "is_point_of_empty_block",
    "point_reached",
]

LAST_POINT = "anchor/point"
ANCHOR_RECORDS = "anchor/records"

Get = Callable[[str], State | None]


class PointView(Protocol):
    """The state at the block that a point may fall on, and the parameters in force there."""

    def get(self, key: str) -> State | None:
        """The value of a key of the state map."""

    def parameter(self, name: str) -> Any:
        """A parameter's value in force."""


def count_entries(get: Get, size: int) -> int:
    """How many of the log's ``size`` entries are no records of anchors."""
    records = get(ANCHOR_RECORDS)
    return size if records is None else size - int(records["count"])


def is_due(get: Get, size: int, time: int) -> bool:
    """Whether a block after which the log has ``size`` entries, of ``time`` (ms), is a point: when
    there is something new, and it has waited or gathered long enough."""
    last = get(LAST_POINT)
    if last is None:
        return False
    entries = count_entries(get, size)
    waited = time >= last["due_at"] or entries >= last["due_entries"]
    return waited and entries > int(last["entries"])


def is_point_of_empty_block(get: Get, size: int, before: int, time: int) -> bool:
    """Whether a block without transactions, of ``time``, is a point: the first one that is due.

    ``before`` is the time of the block before it (ms).
    """
    return is_due(get, size, time) and not is_due(get, size, before)


def point_reached(view: PointView, size: int, time: int) -> tuple[str, State]:
    """What the state says of a point: a key and its value. ``time`` (ms) is the block's."""
    entries = count_entries(view.get, size)
    return LAST_POINT, {
        "due_at": time + int(view.parameter("anchor_every_ms")),
        "due_entries": entries + int(view.parameter("anchor_every_records")),
        "entries": entries,
    }
