"""The drawn time line of a dossier: time flows down, each record crosses its four moments.

The columns are: occurred, collected, submitted, on the chain. Rows are moments to the second, in
order and equally far apart: what matters is which came before which; the times stand beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.api.web.shown import clock_time

__all__ = ["COLUMNS", "MOST_DRAWN", "Mark", "Moment", "TimeLine", "draw_time_line"]

COLUMNS = ("occurred_at", "collected_at", "submitted_at", "time")
"""The moments of a record, as `node.api.views` names them, from left to right."""
MOST_DRAWN = 24
"""Records of a drawing; more would not be readable."""

_TOP, _ROW, _FOOT = 36, 22, 14
_LABELS, _COLUMN = 138, 56
_WIDTH = _LABELS + _COLUMN * len(COLUMNS)
_FIRST = _LABELS + _COLUMN // 2 - 4
_DAY = 10


@dataclass(frozen=True)
class Mark:
    """A record's number at one of its moments, at (x, y)."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class Moment:
    """A row: its time and where it stands. ``begins_day`` where its date differs from the row
    above, so that a line is drawn there."""

    y: int
    text: str
    begins_day: bool


@dataclass(frozen=True)
class TimeLine:
    """Everything in units of the drawing: ``paths`` are the points of each record's line."""

    width: int
    height: int
    columns: tuple[int, ...]
    moments: tuple[Moment, ...]
    paths: tuple[str, ...]
    marks: tuple[Mark, ...]


def draw_time_line(records: Sequence[dict[str, int | None]], first: int = 1) -> TimeLine | None:
    """The drawing of at most `MOST_DRAWN` records, of which the first has the number ``first``.

    Each has `COLUMNS` in ms, None where it was not collected apart. None where there is nothing to
    draw, or too much.
    """
    if not 0 < len(records) <= MOST_DRAWN:
        return None
    seconds = sorted({_second(record[name]) for record in records for name in _of(record)})
    place = {second: _TOP + _ROW * at + _ROW // 2 for at, second in enumerate(seconds)}
    columns = tuple(_FIRST + _COLUMN * at for at in range(len(COLUMNS)))
    marks, paths = [], []
    for number, record in enumerate(records, first):
        points = [
            (columns[COLUMNS.index(name)], place[_second(record[name])]) for name in _of(record)
        ]
        paths.append(" ".join(f"{x},{y}" for x, y in points))
        marks += [Mark(x, y, str(number)) for x, y in points]
    height = _TOP + _ROW * len(seconds) + _FOOT
    return TimeLine(_WIDTH, height, columns, _moments(place), tuple(paths), _apart(marks))


def _of(record: dict[str, int | None]) -> list[str]:
    return [name for name in COLUMNS if record[name] is not None]


def _second(milliseconds: int | None) -> int:
    assert milliseconds is not None
    return milliseconds // 1000


def _moments(place: dict[int, int]) -> tuple[Moment, ...]:
    found: list[Moment] = []
    day = ""
    for second, y in place.items():
        text = clock_time(second * 1000)
        found.append(Moment(y, text, bool(day) and text[:_DAY] != day))
        day = text[:_DAY]
    return tuple(found)


def _apart(marks: list[Mark]) -> tuple[Mark, ...]:
    """Records whose marks fall on one spot share it, with all their numbers."""
    shared: dict[tuple[int, int], list[str]] = {}
    for mark in marks:
        shared.setdefault((mark.x, mark.y), []).append(mark.text)
    return tuple(Mark(x, y, _numbers(texts)) for (x, y), texts in shared.items())


def _numbers(texts: list[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    numbers = [int(text) for text in texts]
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]}–{numbers[-1]}"
    return ",".join(texts) if len(texts) == 2 else f"{texts[0]}…{texts[-1]}"
