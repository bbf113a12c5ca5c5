"""From facts to findings."""

from __future__ import annotations

import pytest

from node.cli.checkup import (
    FAILED,
    NOT_CHECKED,
    OK,
    WARNING,
    ClockReading,
    Finding,
    judge_clock,
    judge_disk,
    judge_engine,
    judge_growth,
    judge_hashes,
    judge_modes,
    judge_peers,
    judge_python,
    worst,
)

A, B = "0a" * 20, "0b" * 20
PEERS = [f"{A}@a.example:1", f"{B}@b.example:2"]


def statuses(findings: list[Finding]) -> list[str]:
    return [finding.status for finding in findings]


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], NOT_CHECKED),
        ([NOT_CHECKED], NOT_CHECKED),
        ([OK, NOT_CHECKED], OK),
        ([OK, WARNING, NOT_CHECKED], WARNING),
        ([WARNING, FAILED, OK], FAILED),
    ],
)
def test_the_worst_counts(found: list[str], status: str) -> None:
    assert worst(Finding(item, "") for item in found) == status


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10), FAILED), ((3, 11), OK), ((3, 13), OK), ((3, 14), FAILED)],
)
def test_python(version: tuple[int, int], status: str) -> None:
    assert judge_python(version).status == status


@pytest.mark.parametrize(
    ("version", "status"),
    [("0.38.25", OK), ("0.38.24", FAILED), ("1.0.1", FAILED), (None, FAILED)],
)
def test_engine(version: str | None, status: str) -> None:
    finding = judge_engine(version, "no such file")
    assert finding.status == status
    assert bool(finding.advice) == (status == FAILED)


def test_modes() -> None:
    assert statuses(judge_modes({"a.pem": 0o600, "b.pem": 0o400})) == [OK]
    found = judge_modes({"a.pem": 0o640, "b.pem": None, "c.pem": 0o600, "d.pem": 0o604})
    assert statuses(found) == [FAILED, FAILED, FAILED]
    assert "mode 0640" in found[0].text
    assert found[1].text == "b.pem is missing"


@pytest.mark.parametrize(
    ("free", "status"),
    [(99 << 20, FAILED), (100 << 20, WARNING), (399 << 20, WARNING), (400 << 20, OK)],
)
def test_disk(free: int, status: str) -> None:
    assert judge_disk(free, 100 << 20).status == status


@pytest.mark.parametrize(
    ("ahead", "status"),
    [
        ([0, 200, -300], [OK]),
        ([1_400, 1_500, 1_600], [OK]),
        ([1_600, 1_700, 1_800], [WARNING]),
        ([-12_000, -12_000], [FAILED]),
        ([600_000], [FAILED]),
        ([0, 0, 600_000], [OK, WARNING]),
        ([600_000, 600_000, 0], [FAILED, WARNING]),
        ([], [NOT_CHECKED]),
    ],
)
def test_clock(ahead: list[int], status: list[str]) -> None:
    readings = {f"node {at}": ClockReading(ms, 500) for at, ms in enumerate(ahead)}
    assert statuses(judge_clock(readings)) == status


def test_clock_says_which_way() -> None:
    (behind,) = judge_clock({"a": ClockReading(60_000, 500)})
    assert "60000 ms behind" in behind.text
    (ahead,) = judge_clock({"a": ClockReading(-60_000, 500)})
    assert "60000 ms ahead of" in ahead.text


@pytest.mark.parametrize(
    ("before", "after", "waited", "status"),
    [
        (5, 6, 0.2, OK),
        (5, 5, 15.0, FAILED),
        (5, 5, 9.0, NOT_CHECKED),
        (5, 5, 10.0, NOT_CHECKED),
    ],
)
def test_growth(before: int, after: int, waited: float, status: str) -> None:
    assert judge_growth(before, after, waited, 10_000).status == status


def test_peers_of_a_running_node_are_those_that_have_proven_their_key() -> None:
    assert statuses(judge_peers(PEERS, {}, [A, B])) == [OK, OK]
    found = judge_peers(PEERS, {}, [A])
    assert statuses(found) == [OK, WARNING]
    assert f"not connected to {B}" in found[1].text


def test_peers_that_are_connected_from_there_need_no_open_port() -> None:
    assert statuses(judge_peers(PEERS, {PEERS[0]: "refused"}, [A, B])) == [OK, OK]


def test_peers_of_a_stopped_node() -> None:
    found = judge_peers(PEERS, {PEERS[1]: "refused"}, None)
    assert statuses(found) == [OK, WARNING]
    assert "its id is not checked" in found[0].text
    assert "refused" in found[1].text


def test_no_peer_at_all() -> None:
    assert statuses(judge_peers([], {}, None)) == [WARNING]
    assert statuses(judge_peers(PEERS, dict.fromkeys(PEERS, "refused"), []))[-1] == FAILED


def test_app_hashes() -> None:
    own = {7: "aa", 9: "bb"}
    assert statuses(judge_hashes(own, {"x": {9: "bb"}, "y": {7: "aa"}})) == [OK, OK]
    (differs,) = judge_hashes(own, {"x": {9: "cc"}})
    assert differs.status == FAILED
    assert "height 9" in differs.text
    assert statuses(judge_hashes(own, {"x": {8: "bb"}})) == [NOT_CHECKED]
    assert statuses(judge_hashes(own, {})) == [NOT_CHECKED]
