"""The breaker, and the one formula of waiting."""

from __future__ import annotations

import pytest

from chaincode_adapters.breaker import Breaker
from chaincode_adapters.retry import backoff, draw


@pytest.mark.parametrize(
    ("failures", "drawn", "seconds"),
    [(1, 1.0, 1.0), (2, 1.0, 2.0), (4, 1.0, 8.0), (4, 0.0, 4.0), (20, 1.0, 300.0), (9999, 1, 300)],
)
def test_waits_double_up_to_a_bound_and_half_of_them_is_drawn(
    failures: int, drawn: float, seconds: float
) -> None:
    assert backoff(failures, draw=lambda: drawn) == seconds


def test_two_that_fail_together_do_not_come_back_together() -> None:
    assert len({backoff(5) for _ in range(20)}) > 1
    assert all(0.0 <= draw() <= 1.0 for _ in range(100))


class Time:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker(time, failures=3, first=10.0, most=100.0, draw=lambda: 1.0)


def test_a_few_failures_do_not_open_it_and_an_answer_makes_them_forgotten(
    breaker: Breaker,
) -> None:
    assert not breaker.failed()
    assert not breaker.failed()
    breaker.succeeded()
    assert not breaker.failed()
    assert not breaker.failed()
    assert (breaker.state, breaker.waits()) == ("closed", 0.0)


def test_open_then_half_open_then_closed(breaker: Breaker, time: Time) -> None:
    breaker.failed()
    breaker.failed()
    assert breaker.failed()
    assert (breaker.state, breaker.waits()) == ("open", 10.0)
    time.seconds = 9.9
    assert breaker.waits() == pytest.approx(0.1)
    time.seconds = 10.0
    assert (breaker.state, breaker.waits()) == ("half-open", 0.0)
    breaker.succeeded()
    assert breaker.state == "closed"


def test_a_trial_that_fails_opens_it_for_longer_and_never_for_too_long(
    breaker: Breaker, time: Time
) -> None:
    pauses = []
    for _ in range(3):
        breaker.failed()
    for _ in range(6):
        pauses.append(breaker.waits())
        time.seconds += breaker.waits()
        assert breaker.failed(), "one failure of the trial is enough"
    assert pauses == [10.0, 20.0, 40.0, 80.0, 100.0, 100.0]


def test_it_stays_open_as_long_as_the_other_side_asks(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.failed(retry_after=500.0)
    assert breaker.waits() == 500.0
    breaker.reset()
    assert breaker.waits() == 0.0
