from __future__ import annotations

import time

import pytest

from node.cli.progress import shown_progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test may move on."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_short_work_is_not_told_of(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress() as report:
        report("copying", 5, 10)
        clock[0] += 0.9
        report("copying", 10, 10)
    assert capsys.readouterr() == ("", "")


def test_long_work_gets_a_line_a_second_on_standard_error(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with shown_progress() as report:
        for done in range(0, 30_000, 1000):
            clock[0] += 0.125
            report("copying", done, 30_000)
        report("copying", 30_000, 30_000)
        clock[0] += 5
        report("reading again", 7, 0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "copying: 7,000 of 30,000",
        "copying: 15,000 of 30,000",
        "copying: 23,000 of 30,000",
        "copying: 30,000 of 30,000",
        "reading again: 7",
    ]


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    from node.cli import progress

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    bars = progress._terminal_bars()
    assert bars is not None
    with shown_progress() as report:
        report("copying", 5, 10)
        report("copying", 7, 10)
