"""Geometry of the plots on the statistics page: columns a day, and bars in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Column", "Columns", "bar_width", "draw_columns"]

_WIDTH, _HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 6, 12, 26
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Column:
    """A column from (x, y) down to the foot of the plot."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Columns:
    """A plot: ``ticks`` are (y, text) of its horizontal lines, ``labels`` (x, text) below it."""

    width: int
    height: int
    left: int
    right: int
    foot: int
    columns: tuple[Column, ...]
    ticks: tuple[tuple[float, str], ...]
    labels: tuple[tuple[float, str], ...]


def draw_columns(values: Sequence[int], names: Sequence[str]) -> Columns:
    """A plot of ``values``, at least one, each 0 or more; ``names`` of the first, the one in the
    middle and the last are written below it."""
    step = _step(max(values))
    top = max(step, -(-max(values) // step) * step)
    foot = _HEIGHT - _BOTTOM
    scale = (foot - _TOP) / top
    slot = (_WIDTH - _LEFT - _RIGHT) / len(values)
    columns = tuple(
        Column(
            round(_LEFT + at * slot + slot * 0.12, 1),
            round(foot - value * scale, 1),
            round(slot * 0.76, 1),
            round(value * scale, 1),
        )
        for at, value in enumerate(values)
    )
    ticks = tuple((round(foot - at * scale, 1), _short(at)) for at in range(0, top + 1, step))
    shown = sorted({0, len(values) // 2, len(values) - 1})
    labels = tuple((round(_LEFT + (at + 0.5) * slot, 1), names[at]) for at in shown)
    return Columns(_WIDTH, _HEIGHT, _LEFT, _WIDTH - _RIGHT, foot, columns, ticks, labels)


def _step(most: int) -> int:
    """The distance of the lines: 1, 2 or 5 times a power of ten, at most five of them."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power * 5 >= most:
                return step * power
        power *= 10


def _short(number: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:g}{unit}"
    return str(number)


def bar_width(value: int, most: int) -> float:
    """How long a bar is, of 100, so that even the smallest is seen."""
    return 0 if not value else round(max(1.0, 100 * value / most), 1)
