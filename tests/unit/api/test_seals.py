"""node.api.seals: moments as they are asked for."""

from __future__ import annotations

import pytest

from node.api.problems import Problem
from node.api.seals import read_moment

NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    "text",
    [
        "1789999999000",
        "2026-09-21T14:13:19Z",
        "2026-09-21T22:13:19+08:00",
        "2026-09-21T22:13:19 08:00",
        "2026-09-21T22:13:19.000+08:00",
    ],
)
def test_a_moment_is_milliseconds_or_a_time_with_its_zone(text: str) -> None:
    assert read_moment(text, NOW) == NOW - 1000


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "2026-09-21", "2026-09-21T14:13:19", "12:00", "-1", "1e12", "１２３"),
        *("9" * 17, "0001-01-01T00:00:00+23:59", "2026-13-01T00:00:00Z", "x" * 1000),
        str(NOW + 1),
        "2099-01-01T00:00:00Z",
    ],
)
def test_what_is_no_moment_or_lies_ahead_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        read_moment(text, NOW)
    assert caught.value.status == 400
    assert caught.value.members["place"] == "query.at"
