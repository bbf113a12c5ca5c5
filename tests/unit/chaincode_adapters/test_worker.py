"""How a worker takes points to an outside chain, and what it does on each kind of error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from builders.anchor_bench import WorkerBench
from builders.fake_chain import FakeChain, Killed, point_of, unreachable
from structlog.testing import capture_logs

from chaincode_adapters.errors import (
    Conflicting,
    Misconfigured,
    Refused,
    SignAnew,
    Unreachable,
)
from chaincode_adapters.jobs import CONFLICT, FAILED, FINAL, INCLUDED, QUEUED, SENT, SIGNED
from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.port import Missing
from chaincode_adapters.standing import Described, adapter_standing
from node.core.errors import InvalidProof
from node.storage.errors import StoreClosed
from node.storage.memory import MemoryStore


def at(place: str, error: Callable[[], BaseException], times: int = 1) -> Callable[[str], None]:
    """Raises at a place, so often."""
    left = [times]

    def fault(met: str) -> None:
        if met == place and left[0]:
            left[0] -= 1
            raise error()

    return fault


def test_each_step_is_kept_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = WorkerBench()
    kept: dict[str, str] = {}

    def note(place: str) -> None:
        job = bench.keeping.jobs.of_size("fake", 100)
        if job is not None:
            kept[place] = job.state

    bench.fault = note
    bench.rounds(5)
    assert kept["sign:before"] == QUEUED
    assert kept["send:before"] == SIGNED
    assert kept["look_up:before"] in (SENT, INCLUDED)
    assert kept["receipt:before"] == INCLUDED
    assert bench.job().state == FINAL
    assert bench.ended == [bench.job()]
    assert bench.adapter.calls["sign"] == bench.adapter.calls["send"] == 1


def test_a_final_job_says_where_it_is_and_keeps_its_receipt() -> None:
    bench = WorkerBench()
    bench.rounds(5)
    job = bench.job()
    assert job.external_tx == job.attempts[0].external_tx
    assert (job.height, job.external_height) == (1, 1)
    assert job.mark == bench.chain.blocks[0][0]
    assert job.checked == "the fake chain: it has the point"
    content = bench.keeping.receipts.get(job.receipt)
    assert content is not None
    assert json.loads(content)["point"] == point_of(1).to_json()
    course = bench.worker.course
    assert (course.finals, course.newest_size, course.height) == (1, 100, 10)


def test_what_proves_nothing_offline_is_final_and_said_to_be_so() -> None:
    bench = WorkerBench()
    bench.adapter.believed = False
    bench.rounds(5)
    assert bench.job().state == FINAL
    assert bench.job().checked == "not proven offline: the trust file names no such chain"


def test_a_new_adapter_begins_at_the_newest_point_or_at_the_first() -> None:
    bench = WorkerBench(5, begin="newest")
    bench.rounds(5)
    assert bench.chain.anchored == {point_of(5).digest(): 1}
    bench.add_points(2)
    bench.rounds(5)
    assert set(bench.chain.anchored) == {point_of(number).digest() for number in (5, 6, 7)}
    bench = WorkerBench(5, begin="first")
    bench.rounds(8)
    assert len(bench.chain.anchored) == 5


@pytest.mark.parametrize(("begin", "numbers"), [("newest", [7]), ("first", [1, 2, 3, 4, 5, 6, 7])])
def test_points_that_come_in_pieces(begin: str, numbers: list[int]) -> None:
    bench = WorkerBench(7, begin=begin)
    bench.piece = 3
    bench.rounds(12)
    assert bench.chain.anchored == {point_of(number).digest(): 1 for number in numbers}


def test_where_the_log_has_no_point_yet_the_first_is_the_newest() -> None:
    bench = WorkerBench(0, begin="newest")
    bench.rounds(2)
    assert bench.states() == {}
    bench.add_points()
    bench.restart()
    bench.add_points()
    bench.rounds(5)
    assert bench.chain.anchored == {point_of(2).digest(): 1}


def test_no_more_are_under_way_than_allowed_and_in_the_order_of_the_points() -> None:
    bench = WorkerBench(10, in_flight=3)
    bench.rounds(1, blocks=0)
    assert bench.states() == {SENT: 3, QUEUED: 7}
    assert [bench.job(number).state for number in (1, 2, 3)] == [SENT] * 3
    bench.rounds(40)
    assert bench.states() == {FINAL: 10}
    heights = [bench.job(number).height for number in range(1, 11)]
    assert heights == sorted(heights)


def test_nothing_is_signed_behind_what_is_signed_and_not_sent() -> None:
    """An account's next number follows from what the chain has been sent."""
    bench = WorkerBench(3)
    bench.fault = at("send:before", lambda: Unreachable("down"), times=2)
    bench.rounds(1)
    assert [bench.job(number).state for number in (1, 2, 3)] == [SIGNED, QUEUED, QUEUED]
    bench.rounds(20)
    assert bench.states() == {FINAL: 3}


def test_a_lost_answer_is_no_loss() -> None:
    bench = WorkerBench()
    bench.fault = at("send:after", lambda: Unreachable("the connection broke"))
    bench.rounds(8)
    assert bench.job().state == FINAL
    assert bench.adapter.calls["send"] == 1, "the chain is asked before it is sent again"


def test_what_a_reorganisation_takes_back_is_sent_again_as_it_was() -> None:
    bench = WorkerBench()
    bench.rounds(2)
    assert bench.job().state == INCLUDED
    bench.chain.reorganise(2, forget=True)
    with capture_logs() as logs:
        bench.rounds(2)
    assert bench.job().state in (SENT, INCLUDED)
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == ["reorganised away"]
    bench.rounds(8)
    assert bench.job().state == FINAL
    assert len(bench.job().attempts) == 1
    assert bench.chain.anchored == {point_of(1).digest(): 1}


def test_a_number_that_another_took_is_signed_anew_once() -> None:
    bench = WorkerBench()
    bench.fault = at("send:before", lambda: Unreachable("down"))
    bench.rounds(1)
    bench.chain.steal_number()
    bench.rounds(10)
    job = bench.job()
    assert (job.state, len(job.attempts)) == (FINAL, 2)
    assert job.external_tx == job.attempts[1].external_tx
    assert bench.chain.anchored == {point_of(1).digest(): 1}


def test_signing_anew_has_an_end() -> None:
    bench = WorkerBench()
    bench.fault = at("send:before", lambda: SignAnew("never"), times=1000)
    bench.rounds(300, seconds=30.0, blocks=0)
    assert bench.job().state == FAILED
    assert bench.job().reason == "32 attempts were signed, and none was included"


def test_what_is_refused_is_parked_with_its_reason_and_the_others_go_on() -> None:
    bench = WorkerBench(3)
    bench.fault = at("send:before", lambda: Refused("the account has no money\n left"))
    with capture_logs() as logs:
        bench.rounds(8)
    assert bench.states() == {FAILED: 1, FINAL: 2}
    assert bench.job().reason == "the account has no money left"
    assert [log["reason"] for log in logs if log["event"] == "parked"] == [bench.job().reason]
    assert bench.worker.retry() == [100]
    bench.rounds(8)
    assert bench.states() == {FINAL: 3}
    assert bench.chain.anchored == {point.digest(): 1 for point in bench.points}


def test_one_size_alone_is_retried() -> None:
    bench = WorkerBench(2)
    bench.fault = at("sign:before", lambda: Refused("no"), times=2)
    bench.rounds(3)
    assert bench.states() == {FAILED: 2}
    assert bench.worker.retry(200) == [200]
    bench.rounds(8)
    assert (bench.job(1).state, bench.job(2).state) == (FAILED, FINAL)
    assert bench.worker.retry(300) == []


def test_a_conflict_stops_the_adapter_and_nobody_can_miss_it() -> None:
    bench = WorkerBench(2)
    bench.chain.planted[200] = b"another root"
    with capture_logs() as logs:
        bench.rounds(8)
    assert (bench.job(1).state, bench.job(2).state) == (SENT, CONFLICT)
    course = bench.worker.course
    assert course.conflict
    assert course.stopped == "conflict at size 200: it holds another root at size 200"
    [alarm] = [log for log in logs if log["log_level"] == "critical"]
    assert alarm["event"].startswith("ANCHOR CONFLICT")
    assert (alarm["size"], alarm["chain"]) == (200, "fake:1")
    calls = bench.adapter.calls.copy()
    bench.add_points()
    bench.rounds(20, seconds=1000)
    bench.restart()
    bench.rounds(20, seconds=1000)
    assert not bench.adapter.calls, "a restart takes no alarm back"
    assert calls
    assert bench.worker.course.conflict
    bench.worker.retry()
    bench.rounds(3)
    assert bench.worker.course.conflict, "it still holds another root"
    bench.chain.planted.clear()
    bench.worker.retry()
    bench.rounds(10)
    assert bench.states() == {FINAL: 3}
    assert not bench.worker.course.stopped


def test_settings_that_cannot_be_right_stop_the_adapter_without_an_alarm() -> None:
    bench = WorkerBench()
    bench.fault = at("open:before", lambda: Misconfigured("chain_id: it is of chain 2"))
    bench.rounds(5)
    course = bench.worker.course
    assert (course.stopped, course.conflict) == ("chain_id: it is of chain 2", False)
    assert bench.adapter.calls == {"open": 1}
    bench.worker.retry()
    bench.rounds(5)
    assert bench.states() == {FINAL: 1}


def test_an_error_that_was_not_foreseen_parks_the_job_and_tells_no_text() -> None:
    bench = WorkerBench(2)
    secret = "0123-private-key"
    bench.fault = at("sign:before", lambda: KeyError(secret), times=3)
    with capture_logs() as logs:
        bench.rounds(20, seconds=5.0)
    assert (bench.job(1).state, bench.job(2).state) == (FAILED, FINAL)
    assert bench.job(1).reason.startswith("KeyError in test_worker.py:")
    assert secret not in json.dumps(logs)
    assert secret not in bench.job(1).reason + bench.worker.trouble


def test_a_receipt_that_does_not_hold_is_never_final() -> None:
    bench = WorkerBench()

    def lies(*given: object) -> Any:
        raise InvalidProof("item.receipt.proof[3]", "must hash to the root")

    bench.verify = lies
    bench.rounds(6, seconds=60)
    assert bench.job().state == INCLUDED
    assert bench.worker.trouble.startswith("the receipt does not hold: item.receipt.proof[3]")
    assert bench.keeping.receipts.at(100) == []
    bench.rounds(60, seconds=400)
    assert bench.job().state == FAILED
    assert "item.receipt.proof[3]" in bench.job().reason
    bench.restart()
    bench.verify = WorkerBench().verify
    bench.worker.retry()
    bench.rounds(3)
    assert bench.job().state == FINAL


def test_a_chain_that_is_down_is_asked_the_less_the_longer_it_is() -> None:
    bench = WorkerBench()
    bench.fault = unreachable
    with capture_logs() as logs:
        bench.rounds(3600, blocks=0)
    assert bench.adapter.calls["open"] < 30
    assert bench.worker.breaker.state in ("open", "half-open")
    assert bench.worker.trouble == "nothing came back (open:before)"
    assert len(logs) < 30
    bench.fault = lambda place: None
    bench.rounds(1, seconds=600)
    bench.rounds(5)
    assert bench.states() == {FINAL: 1}
    assert (bench.worker.breaker.state, bench.worker.trouble) == ("closed", "")


def test_a_side_that_answers_and_takes_nothing_is_tried_ever_more_rarely() -> None:
    bench = WorkerBench()
    bench.fault = at("send:before", lambda: Unreachable("503"), times=10_000)
    bench.rounds(3600, blocks=0)
    assert bench.adapter.calls["send"] < 30
    bench.fault = lambda place: None
    bench.rounds(400)
    assert bench.job().state == FINAL


def test_a_service_that_takes_nothing_is_sent_less_and_less() -> None:
    """Signing asks nobody, and what looking up finds missing may be known without asking."""
    bench = WorkerBench()
    bench.fault = at("send:before", lambda: Unreachable("connection refused"), times=10_000)
    bench.rounds(60, blocks=0)
    assert bench.worker.breaker.state in ("open", "half-open")
    assert bench.worker.trouble == "connection refused"
    bench.rounds(3600, blocks=0)
    assert bench.adapter.calls["send"] < 40
    bench.fault = lambda place: None
    bench.rounds(1, seconds=600)
    bench.rounds(5)
    assert bench.states() == {FINAL: 1}


def test_what_nobody_has_taken_is_not_told_as_sent() -> None:
    bench = WorkerBench()
    bench.fault = at("send:before", lambda: Unreachable("connection refused"), times=10_000)
    bench.rounds(30, blocks=0)
    assert bench.states() == {SIGNED: 1}


def test_it_waits_as_long_as_the_service_asks() -> None:
    bench = WorkerBench()
    bench.fault = at("send:before", lambda: Unreachable("too many requests", retry_after=120.0))
    bench.rounds(100)
    assert bench.job().state == SIGNED
    bench.rounds(60)
    assert bench.job().state == FINAL


def test_an_anchor_that_is_lost_for_good_does_not_end_an_adapter_for_ever() -> None:
    bench = WorkerBench()
    bench.rounds(6)
    bench.chain.reorganise(10, forget=True, deep=True)
    bench.rounds(100, seconds=60, blocks=0)
    assert bench.worker.course.conflict
    bench.worker.retry()
    bench.add_points()
    bench.rounds(100, seconds=60)
    assert bench.worker.course.conflict, "it is still gone"
    bench.worker.retry(leave=True)
    bench.add_points()
    bench.rounds(100, seconds=60)
    assert not bench.worker.course.stopped
    assert bench.states() == {FINAL: 3}


def test_one_planted_root_does_not_end_an_adapter_for_ever() -> None:
    """A contract holds what it holds: taking the job up again only brings the alarm back."""
    bench = WorkerBench(1)
    bench.chain.planted[100] = b"another root"
    bench.rounds(3)
    assert bench.worker.course.conflict
    bench.add_points(2)
    assert bench.worker.retry() == [100]
    bench.rounds(3)
    assert bench.worker.course.conflict
    assert bench.worker.retry(leave=True) == []
    bench.restart()
    bench.rounds(8)
    assert bench.states() == {CONFLICT: 1, FINAL: 2}
    assert not bench.worker.course.stopped


def test_a_chain_that_denies_what_it_had_confirmed_is_an_alarm_in_the_end() -> None:
    bench = WorkerBench()
    bench.rounds(6)
    assert bench.job().state == FINAL
    bench.chain.reorganise(10, forget=True, deep=True)
    bench.rounds(1, seconds=601, blocks=0)
    assert not bench.worker.course.stopped, "its node may only just have come up"
    bench.rounds(100, blocks=0)
    course = bench.worker.course
    assert course.conflict
    assert "knows nothing any more of the anchor of size 100" in course.stopped


def test_an_anchor_that_has_moved_to_another_block_after_it_was_final_is_an_alarm() -> None:
    bench = WorkerBench()
    bench.rounds(6)
    bench.chain.reorganise(10, deep=True)
    bench.chain.mine(5)
    bench.rounds(100, seconds=60, blocks=0)
    assert bench.worker.course.conflict
    assert "and had it at" in bench.worker.course.stopped


def test_a_final_anchor_that_is_gone_and_whose_number_another_took_is_an_alarm() -> None:
    """Looking it up gives no Missing then: what was signed can never be included any more."""
    bench = WorkerBench()
    bench.rounds(6)
    bench.chain.reorganise(10, forget=True, deep=True)
    bench.chain.steal_number()
    bench.rounds(100, seconds=60, blocks=0)
    assert bench.worker.course.conflict
    assert "the chain does not have the anchor of size 100" in bench.worker.course.stopped


def test_a_final_anchor_that_is_gone_is_an_alarm_though_a_later_point_stands() -> None:
    bench = WorkerBench()
    bench.rounds(6)
    bench.rounds(1, seconds=600)  # asked, and found standing
    bench.chain.reorganise(700, forget=True, deep=True)
    bench.chain.mine(2)
    bench.add_points()
    for _ in range(6):  # final before it is asked again
        bench.rounds(1)
    assert bench.job(2).state == FINAL
    bench.rounds(20, seconds=60)
    assert bench.worker.course.conflict
    assert "size 100" in bench.worker.course.stopped


def test_an_authority_that_cannot_be_asked_denies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its roots have been replaced in the settings: what it answered leads to none of them."""
    bench = WorkerBench()
    bench.rounds(6)
    bench.restart()
    monkeypatch.setattr(bench.adapter, "look_up", lambda *_: Missing(asked=False))
    bench.rounds(100, seconds=60)
    assert not bench.worker.course.stopped
    assert "nobody can be asked" in bench.worker.trouble


def test_a_new_adapter_that_was_misconfigured_at_first_begins_at_the_newest_point_still() -> None:
    """Otherwise the first restart after the settings were corrected pays for all of the past."""
    bench = WorkerBench(0, begin="newest")
    bench.fault = at("open:before", lambda: Misconfigured("no such contract"))
    bench.rounds(2)
    assert bench.worker.course.stopped == "no such contract"
    bench.restart()
    bench.add_points(5)
    bench.worker.retry()
    bench.rounds(6)
    assert bench.chain.anchored == {point_of(5).digest(): 1}


def test_what_the_adapter_itself_calls_a_conflict_is_one_when_it_opens() -> None:
    bench = WorkerBench()
    bench.fault = at("open:before", lambda: Conflicting("another ledger's contract"))
    bench.rounds(2)
    assert bench.worker.course.conflict
    assert bench.worker.course.stopped == "conflict: another ledger's contract"


def test_jobs_of_another_chain_under_the_same_name() -> None:
    """Somebody has changed the adapter's settings: what was signed for the old chain stays there;
    what was not goes to the new one."""
    bench = WorkerBench(2, in_flight=1)
    bench.rounds(1, blocks=0)
    assert [bench.job(number).state for number in (1, 2)] == [SENT, QUEUED]
    bench.chain = FakeChain(name="fake:2")
    bench.restart()
    bench.rounds(8)
    assert [bench.job(number).state for number in (1, 2)] == [FAILED, FINAL]
    assert bench.job(1).reason.startswith("it was signed for fake:1")
    assert bench.job(2).chain == "fake:2"
    assert bench.states() == {FAILED: 1, FINAL: 1}


def test_a_thread_takes_what_is_asked_of_it_between_steps_and_ends() -> None:
    bench = WorkerBench()
    bench.worker.start()
    assert bench.worker.ask(lambda: 7).result(10) == 7
    with pytest.raises(ZeroDivisionError):
        bench.worker.ask(lambda: 1 // 0).result(10)
    bench.worker.stop()
    bench.worker.join(10)
    assert not bench.adapter.is_open
    assert bench.worker.ask(lambda: 7).cancelled()


def test_a_store_that_fails_ends_the_thread_and_is_told() -> None:
    bench = WorkerBench()
    bench.store.close()
    with capture_logs() as logs:
        bench.worker.run()
    assert bench.worker.trouble.startswith("its thread has ended: ")
    assert [log["event"] for log in logs] == ["anchoring has stopped"]
    described, empty = Described("fake", "fake", "somebody"), JobsKept(MemoryStore())
    standing = adapter_standing(bench.worker, described, empty, lambda after: [], 0)
    assert standing["state"] == "stopped", "whether the other side is up does not matter any more"
    with pytest.raises(StoreClosed):
        bench.worker.round()


def test_a_node_that_is_killed_while_signing_anew_has_not_lost_the_first_attempt() -> None:
    bench = WorkerBench()
    bench.fault = at("send:before", lambda: Unreachable("down"))
    bench.rounds(1)
    bench.chain.steal_number()
    bench.fault = at("sign:after", Killed)
    with pytest.raises(Killed):
        bench.rounds(10)
    assert len(bench.job().attempts) == 1
    bench.restart()
    bench.fault = lambda place: None
    bench.rounds(10)
    assert bench.chain.anchored == {point_of(1).digest(): 1}
    assert msgspec.structs.asdict(bench.job())["state"] == FINAL


def test_a_memo_that_cannot_be_kept_is_the_adapters_fault() -> None:
    bench = WorkerBench(2)
    sign = bench.adapter.sign

    def too_large(point: Any, attempts: Any) -> Any:
        signed = sign(point, attempts)
        return replace(signed, memo={"price": 1 << 70}) if point.size == 100 else signed

    bench.adapter.sign = too_large  # type: ignore[method-assign]
    bench.rounds(20, seconds=5.0)
    assert [bench.job(number).state for number in (1, 2)] == [FAILED, FINAL]
    assert bench.job(1).reason.startswith("OverflowError")


def test_an_adapter_that_does_not_know_its_chain_is_not_used() -> None:
    bench = WorkerBench()
    bench.adapter.chain = ""
    bench.rounds(3)
    assert bench.worker.course.stopped == "the adapter does not say which chain it is of"
    assert bench.states() == {}
