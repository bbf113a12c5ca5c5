"""node.api.web.time_line: every moment of every record is drawn, in order, inside the drawing."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from node.api.web.time_line import COLUMNS, MOST_DRAWN, draw_time_line

moments = st.integers(0, 4_000_000_000_000)
records = st.lists(
    st.fixed_dictionaries(
        {
            "occurred_at": moments,
            "collected_at": st.none() | moments,
            "submitted_at": moments,
            "time": moments,
        }
    ),
    min_size=1,
    max_size=MOST_DRAWN,
)


@given(records, st.integers(1, 10**6))
def test_every_moment_has_its_place(drawn: list[dict[str, int | None]], first: int) -> None:
    line = draw_time_line(drawn, first)
    assert line is not None
    seconds = sorted(
        {value // 1000 for one in drawn for value in one.values() if value is not None}
    )
    assert len(line.moments) == len(seconds)
    ys = [moment.y for moment in line.moments]
    assert ys == sorted(ys)
    assert len(set(ys)) == len(ys)
    place = dict(zip(seconds, ys))
    for record, path in zip(drawn, line.paths):
        points = [tuple(map(int, point.split(","))) for point in path.split(" ")]
        wanted = [
            (line.columns[at], place[value // 1000])
            for at, name in enumerate(COLUMNS)
            if (value := record[name]) is not None
        ]
        assert points == wanted
        assert {(x, y) for x, y in points} <= {(mark.x, mark.y) for mark in line.marks}
    assert all(0 < mark.x < line.width and 0 < mark.y < line.height for mark in line.marks)


def test_records_of_one_moment_share_a_mark_that_names_them() -> None:
    record: dict[str, int | None] = dict.fromkeys(COLUMNS, 1_600_823_610_000)
    line = draw_time_line([record] * 5, 3)
    assert line is not None
    assert {mark.text for mark in line.marks} == {"3–7"}
    two = draw_time_line([record] * 2)
    assert two is not None
    assert {mark.text for mark in two.marks} == {"1,2"}


def test_a_new_day_is_marked() -> None:
    day = 86_400_000
    records: list[dict[str, int | None]] = [
        dict.fromkeys(COLUMNS, 1_600_823_610_000 + at * day) for at in range(3)
    ]
    line = draw_time_line(records)
    assert line is not None
    assert [moment.begins_day for moment in line.moments] == [False, True, True]
    assert all(re.fullmatch(r"2020-09-2\d 09:13:30", moment.text) for moment in line.moments)


def test_nothing_and_too_much_are_not_drawn() -> None:
    assert draw_time_line([]) is None
    assert draw_time_line([dict.fromkeys(COLUMNS, 0)] * (MOST_DRAWN + 1)) is None
