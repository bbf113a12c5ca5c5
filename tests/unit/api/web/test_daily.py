"""node.api.web.daily: counting by halving comes to what counting every block comes to."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from builders.reading import StoredRows
from hypothesis import given
from hypothesis import strategies as st

from node.api.web.daily import DAYS, DailyCounts
from node.ledger.indexes import index_keys
from node.ledger.rows import BLOCK, number_key

DAY = 86_400_000
CHINA = 8 * 3_600_000
START = 1_600_000_000_000


@dataclass
class Ledger:
    """A reader of blocks at given times, each with a number of entries, some of them anchors."""

    times: list[int]
    sizes: list[int]
    anchors: list[int]
    lowest: int
    reads: int = 0

    def __post_init__(self) -> None:
        keys = [number_key(BLOCK, self.lowest + at) for at in range(len(self.times))]
        for index in self.anchors:
            keys += index_keys("anchor.confirmed", {}, index)
        self.rows = StoredRows(keys)
        self.meta = SimpleNamespace(
            time=self.times[-1], height=self.lowest + len(self.times) - 1, size=self.sizes[-1]
        )

    def roots(self, height: int) -> Any:
        self.reads += 1
        at = height - self.lowest
        return SimpleNamespace(
            time=self.times[at], first_index=self.sizes[at - 1] if at else 0, size=self.sizes[at]
        )

    def genesis_documents(self) -> dict[int, bytes]:
        return {0: b""}


blocks = st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(0, 5)), min_size=1, max_size=60)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    time, size, times, sizes = START, 1, [START], [1]
    for step, entries in draw(blocks):
        time, size = time + step, size + entries
        times.append(time)
        sizes.append(size)
    anchors = sorted(draw(st.sets(st.integers(1, max(1, size - 1)), max_size=20)))
    anchors = [index for index in anchors if index < size]
    return Ledger(times, sizes, anchors, draw(st.integers(0, 1000)))


def day_of(time: int) -> int:
    return time - (time + CHINA) % DAY


@given(ledgers())
def test_each_day_has_what_its_blocks_recorded(ledger: Ledger) -> None:
    days = DailyCounts().days(ledger)  # type: ignore[arg-type]
    assert len(days) == DAYS
    assert days[-1].begin == day_of(ledger.times[-1])
    assert [day.begin for day in days] == [days[-1].begin - DAY * at for at in range(DAYS)][::-1]
    before, expected = 0, dict.fromkeys((day.begin for day in days), 0)
    anchored = dict.fromkeys(expected, 0)
    for time, size in zip(ledger.times, ledger.sizes):
        if day_of(time) in expected:
            expected[day_of(time)] += sum(index > 0 for index in range(before, size))
            anchored[day_of(time)] += sum(before <= index < size for index in ledger.anchors)
        before = size
    assert {day.begin: day.records for day in days} == expected
    assert {day.begin: day.anchors for day in days} == anchored


def test_past_days_are_counted_once() -> None:
    counts = DailyCounts()
    count = 10_000
    ledger = Ledger(
        [START + at * DAY // 100 for at in range(count)], [at + 1 for at in range(count)], [5], 1
    )
    counts.days(ledger)  # type: ignore[arg-type]
    first = ledger.reads
    assert first < 32 * 15 * 2, "halving, not counting"
    counts.days(ledger)  # type: ignore[arg-type]
    assert ledger.reads - first <= 2 * 15, "only today again"
