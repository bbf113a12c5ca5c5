"""node.api.web.plots: columns are as high as their numbers, inside the plot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.api.web.plots import bar_width, draw_columns

values = st.lists(st.integers(0, 10**9), min_size=1, max_size=60)


@given(values)
def test_columns_stand_on_the_foot_and_keep_their_proportions(numbers: list[int]) -> None:
    plot = draw_columns(numbers, [str(number) for number in numbers])
    assert len(plot.columns) == len(numbers)
    for column in plot.columns:
        assert abs(column.y + column.height - plot.foot) < 0.11
        assert plot.left <= column.x
        assert column.x + column.width <= plot.right + 0.11
        assert column.y >= 0
    highest = max(numbers)
    top = plot.ticks[-1]
    assert plot.ticks[0] == (plot.foot, "0")
    assert 2 <= len(plot.ticks) <= 6
    assert top[0] <= min(column.y for column in plot.columns) + 0.11
    for number, column in zip(numbers, plot.columns):
        if highest:
            share = number / highest
            tallest = max(one.height for one in plot.columns)
            assert abs(column.height - share * tallest) <= 0.2


def test_numbers_beside_the_lines_are_short() -> None:
    texts = [text for _, text in draw_columns([0, 4_300_000], ["a", "b"]).ticks]
    assert texts == ["0", "1M", "2M", "3M", "4M", "5M"]
    assert [text for _, text in draw_columns([0], ["a"]).ticks] == ["0", "1"]
    assert [text for _, text in draw_columns([7_000], ["a"]).ticks][1] == "2k"


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_bar_is_seen_where_there_is_something(value: int, most: int) -> None:
    width = bar_width(min(value, most), most)
    assert (width >= 1) == (value > 0)
    assert width <= 100
