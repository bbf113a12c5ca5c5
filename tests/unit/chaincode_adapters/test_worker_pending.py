"""A service that says how long to wait for what is pending, and why, is waited for so."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from builders.anchor_bench import WorkerBench
from structlog.testing import capture_logs

from chaincode_adapters.jobs import FINAL, SENT
from chaincode_adapters.port import Pending


def test_what_is_pending_for_long_is_asked_for_less_often_and_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = WorkerBench()
    asked: list[float] = []
    look_up = bench.adapter.look_up

    def slow(*given: Any) -> Any:
        asked.append(bench.seconds)
        return Pending(60.0, "pending since yesterday") if bench.seconds < 200 else look_up(*given)

    monkeypatch.setattr(bench.adapter, "look_up", slow)
    with capture_logs() as logs:
        bench.rounds(200)
        assert bench.job().state == SENT
        assert bench.job().reason == "pending since yesterday"
        waits = [later - sooner for sooner, later in itertools.pairwise(asked)]
        assert waits
        assert min(waits) >= 60
        bench.rounds(100)
    assert bench.job().state == FINAL
    assert bench.job().reason == ""
    told = [entry for entry in logs if entry["event"] == "pending for long"]
    assert [entry["reason"] for entry in told] == ["pending since yesterday"]


def test_what_is_just_pending_is_asked_for_at_the_usual_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = WorkerBench()
    asked: list[float] = []

    def pending(*given: Any) -> Any:
        asked.append(bench.seconds)
        return Pending()

    monkeypatch.setattr(bench.adapter, "look_up", pending)
    with capture_logs() as logs:
        bench.rounds(20)
    assert len(asked) > 5
    assert not [entry for entry in logs if entry["event"] == "pending for long"]
