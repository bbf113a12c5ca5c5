from __future__ import annotations

import threading
import time

import pytest

from node.cli import progress
from node.cli.progress import LineProgress, shown_progress, waiting_for


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
    lines = LineProgress()
    for done in range(0, 30_000, 1000):
        clock[0] += 0.125
        lines.report("copying", done, 30_000)
    lines.report("copying", 30_000, 30_000)
    clock[0] += 5
    lines.report("reading again", 7, 0)
    lines.report("ending", 1, 0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "copying: 7,000 of 30,000",
        "copying: 15,000 of 30,000",
        "copying: 23,000 of 30,000",
        "copying: 30,000 of 30,000",
        "reading again: 7",
    ]


def test_phase_without_news_is_told_of_now_and_then(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = LineProgress()
    lines.report("checksums", 0, 0)
    for _ in range(25):
        clock[0] += 1
        lines.show()
    assert capsys.readouterr().err.splitlines() == ["checksums …"] * 3


def test_last_state_of_a_phase_is_told_when_the_next_begins(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = LineProgress()
    clock[0] += 1
    lines.report("rows", 10, 0)
    clock[0] += 0.5
    lines.report("rows", 25, 0)
    lines.report("ending", 0, 0)
    assert capsys.readouterr().err.splitlines() == ["rows: 10", "rows: 25"]


def test_thread_shows_what_was_reported_and_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BEFORE", 0.0)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN", 0.001)
    shown = threading.Event()
    lines = LineProgress()
    monkeypatch.setattr(lines, "show", shown.set)
    ended = threading.Event()
    thread = threading.Thread(target=lines.run, args=(ended,))
    thread.start()
    assert shown.wait(30)
    ended.set()
    thread.join(30)
    assert not thread.is_alive()
    assert capsys.readouterr().err == ""


def test_terminal_gets_a_bar_from_the_second_second_on(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rich")
    started: list[float] = []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    bars = progress._terminal_bars()
    assert bars is not None
    monkeypatch.setattr(bars, "start", lambda: started.append(clock[0]))
    monkeypatch.setattr(progress, "_terminal_bars", lambda: bars)
    with shown_progress() as report:
        report("copying", 5, 10)
        clock[0] += 0.5
        report("copying", 6, 10)
        assert started == []
        clock[0] += 0.5
        report("copying", 7, 10)
    assert started == [101.0]


def test_a_wait_is_told_of_once_it_is_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with waiting_for("waiting for the node"):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "_SECONDS_BEFORE", 0.0)
    with waiting_for("waiting for the node"):
        pass
    assert capsys.readouterr() == ("", "waiting for the node …\n")
