from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.engines.solo.clock import MAX_CLOCK_STEP_MS, BlockClock, ClockBehind


@given(st.lists(st.integers(-MAX_CLOCK_STEP_MS, 100_000), min_size=1, max_size=50))
def test_times_rise_however_the_clock_trembles(readings: list[int]) -> None:
    times = itertools.cycle([1_000_000 + reading for reading in readings])
    clock = BlockClock(lambda: next(times), 1_000_000 - 1)
    given_out = []
    for position in range(len(readings)):
        try:
            given_out.append(clock.next() if position % 2 else clock.later())
        except ClockBehind:
            pass
    assert given_out == sorted(set(given_out))


def test_a_clock_far_behind_stops_blocks_until_it_has_caught_up() -> None:
    now = 1_000_000
    clock = BlockClock(lambda: now, 1_000_000)
    now = 1_000_000 - MAX_CLOCK_STEP_MS - 1
    with pytest.raises(ClockBehind, match="chronyc"):
        clock.next()
    assert clock.last == 1_000_000
    now = 1_000_000 - MAX_CLOCK_STEP_MS
    assert clock.next() == 1_000_001
    now = 2_000_000
    assert clock.next() == 2_000_000
