"""What blocks show of validators is recorded once, by whose turn it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from builders.deciding import validator_named
from builders.validating import SetBench

from node.rules.judgement import Misbehaviour
from node.submission.errors import SubmissionStopped
from node.submission.reporting import MisbehaviourReports

ADDRESS = validator_named("a").validator.address
DEED = Misbehaviour("duplicate_vote", ADDRESS, 10, 1, 1_790_000_000_000, 30)


class Operator:
    """Notes what it is to record, and records it."""

    def __init__(self, bench: SetBench, member: str, error: Exception | None = None) -> None:
        self.member = member
        self.recorded: list[dict[str, Any]] = []
        self._bench = bench
        self._error = error

    def record(self, event_type: str, data: dict[str, Any], kind: str) -> Any:
        if self._error is not None:
            raise self._error
        assert (event_type, kind) == ("validator.misbehaved", "consortium")
        self.recorded.append(data)
        self._bench.record(event_type, f"consortium:{self.member}:1", data, self.member)
        return SimpleNamespace(position=object())


@pytest.fixture
def bench() -> SetBench:
    bench = SetBench()
    bench.pass_block()
    bench.show(DEED)
    return bench


def report(bench: SetBench, operator: Operator, *acts: Misbehaviour) -> None:
    reports = MisbehaviourReports(operator, bench.reader, turn_seconds=0.0)  # type: ignore[arg-type]
    reports.shown(acts)
    for thread in reports._threads:
        thread.join()


def test_it_is_recorded_once(bench: SetBench) -> None:
    operator = Operator(bench, "operator-a")
    report(bench, operator, DEED)
    wanted = {"address": ADDRESS.hex(), "height": 1, "misbehaviour": "duplicate_vote"}
    assert operator.recorded == [wanted]
    report(bench, operator, DEED)
    assert operator.recorded == [wanted], "another node has done it meanwhile"


def test_what_no_block_shows_or_no_rule_knows_is_not_reported(bench: SetBench) -> None:
    operator = Operator(bench, "operator-a")
    report(bench, operator, DEED._replace(height=2), DEED._replace(kind="unknown"))
    assert operator.recorded == []


def test_one_that_cannot_be_recorded_does_not_keep_the_next_from_it(bench: SetBench) -> None:
    report(bench, Operator(bench, "operator-a", SubmissionStopped("full", 1)), DEED, DEED)


def test_a_stopped_node_reports_nothing(bench: SetBench) -> None:
    operator = Operator(bench, "operator-a")
    reports = MisbehaviourReports(operator, bench.reader, turn_seconds=3600.0)  # type: ignore[arg-type]
    reports.shown([DEED])
    reports.stop()
    reports.shown([DEED])
    assert operator.recorded == []
