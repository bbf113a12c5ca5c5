"""The REST adapter against services of the tests' own that behave as the documented ones, and
against what goes wrong with services."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.anchor_job import AnchorJob, Killed
from builders.judicial_dialects import DIALECTS, AntChain, Bjca
from builders.judicial_service import JudicialService, SignedAnswers, serving
from builders.judicial_setup import EXAMPLES, OPERATOR, now_ms, point_of, rest_adapter
from builders.rest_receipts import trusting

from chaincode_adapters.errors import Conflicting, Refused, SignAnew, Unreachable
from chaincode_adapters.port import Final, Missing, Pending
from chaincode_adapters.rest.adapter import RestAdapter
from node.core.anchors.rest import verify_rest
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.verify_case import NotChecked

POINT = point_of()
SIGNED_BY_KEY = {"signed-answers", "bjca"}


@pytest.fixture
def court() -> Iterator[SignedAnswers]:
    with serving(SignedAnswers()) as service:
        assert isinstance(service, SignedAnswers)
        yield service


@pytest.fixture
def adapter(court: SignedAnswers, tmp_path: Path) -> Iterator[RestAdapter]:
    made = rest_adapter(court, tmp_path)
    yield made
    made.close()


def anchored(adapter: RestAdapter) -> tuple[Any, bytes]:
    signed = adapter.sign(POINT, [])
    return signed, adapter.send(POINT, signed)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.example)
def test_every_documented_kind_is_anchored_to(dialect: Any, tmp_path: Path) -> None:
    """Submitted, asked for until done, received; and what a court's verifier says of it."""
    with serving(dialect(polls_needed=2)) as service:
        adapter = rest_adapter(service, tmp_path)
        receipt = AnchorJob(lambda: adapter, POINT).run()
        assert list(service.records) == [receipt.external_tx]
        assert receipt.time // 1000 == service.records[receipt.external_tx].time // 1000
        trust, backend = trusting(adapter.trust_entry()), load_backend()
        if dialect.example in SIGNED_BY_KEY:
            vouched = verify_rest(receipt.content, POINT, trust, backend, "receipt")
            assert (vouched.by, vouched.time) == (OPERATOR, receipt.time)
        else:
            with pytest.raises(NotChecked):
                verify_rest(receipt.content, POINT, trust, backend, "receipt")
        canonical_json(receipt.content)  # what a bundle can hold


def test_pending_for_ever_stays_pending_and_is_told(court: SignedAnswers, tmp_path: Path) -> None:
    clock = [now_ms()]
    adapter = rest_adapter(court, tmp_path, now=lambda: clock[0])
    signed, answer = anchored(adapter)
    court.faults.add("pending")
    assert adapter.look_up(POINT, [signed], answer) == Pending()
    asked = len(court.asked)
    waits = []
    for minutes in (11, 60, 600, 6000):  # 10 minutes are usual there
        clock[0] += minutes * 60_000
        court.clock_offset_ms = clock[0] - now_ms()
        standing = adapter.look_up(POINT, [signed], answer)
        assert isinstance(standing, Pending)
        assert "pending since" in standing.reason
        waits.append(standing.retry_after)
    assert waits == sorted(waits)
    assert waits[0] > 60
    assert waits[-1] == 3600
    assert len(court.asked) == asked + 4  # one request a look
    court.faults.clear()
    assert isinstance(adapter.look_up(POINT, [signed], answer), Final)
    adapter.close()


def test_a_duplicate_serial_is_success(court: SignedAnswers, adapter: RestAdapter) -> None:
    signed, first = anchored(adapter)
    second = adapter.send(POINT, signed)
    assert first != second
    assert len(court.records) == 1
    assert isinstance(adapter.look_up(POINT, [signed], second), Final)


def test_an_answer_lost_after_submitting_is_no_loss(
    court: SignedAnswers, adapter: RestAdapter
) -> None:
    court.once.add("lose-answer")
    signed = adapter.sign(POINT, [])
    with pytest.raises(Unreachable):
        adapter.send(POINT, signed)
    assert len(court.records) == 1
    assert isinstance(adapter.look_up(POINT, [signed], b""), Final)
    assert court.submissions == 1


@pytest.mark.parametrize("dialect", [Bjca, AntChain])
def test_a_lost_answer_of_a_service_without_a_poll_is_got_by_sending_again(
    dialect: Any, tmp_path: Path
) -> None:
    with serving(dialect()) as service:
        service.once.add("lose-answer")
        receipt = AnchorJob(lambda: rest_adapter(service, tmp_path), POINT).run()
        assert (service.submissions, len(service.records)) == (2, 1)
        assert receipt.external_tx in service.records


@pytest.mark.parametrize("dialect", [SignedAnswers, Bjca, AntChain])
def test_a_wrong_signature_proves_nothing(dialect: Any, tmp_path: Path) -> None:
    with serving(dialect()) as service:
        adapter = rest_adapter(service, tmp_path)
        service.faults.add("wrong-signature")
        signed = adapter.sign(POINT, [])
        with pytest.raises(Unreachable, match="the answer proves nothing"):
            adapter.look_up(POINT, [signed], adapter.send(POINT, signed))
        service.faults.clear()
        assert isinstance(adapter.look_up(POINT, [signed], adapter.send(POINT, signed)), Final)
        adapter.close()


@pytest.mark.parametrize("dialect", [SignedAnswers, Bjca, AntChain])
def test_an_answer_for_another_request_is_not_taken(dialect: Any, tmp_path: Path) -> None:
    with serving(dialect()) as service:
        adapter = rest_adapter(service, tmp_path)
        service.once.add("other-request")
        signed = adapter.sign(POINT, [])
        with pytest.raises(Unreachable, match="for another request"):
            adapter.look_up(POINT, [signed], adapter.send(POINT, signed))
        assert isinstance(adapter.look_up(POINT, [signed], adapter.send(POINT, signed)), Final)
        adapter.close()


@pytest.mark.parametrize("dialect", [SignedAnswers, Bjca, AntChain])
def test_another_digest_signed_under_our_request_is_a_conflict(
    dialect: Any, tmp_path: Path
) -> None:
    with serving(dialect()) as service:
        adapter = rest_adapter(service, tmp_path)
        service.faults.add("other-digest")
        signed = adapter.sign(POINT, [])
        with pytest.raises(Conflicting, match=r"has signed that request \w+ is of (2222|IiIi)"):
            adapter.look_up(POINT, [signed], adapter.send(POINT, signed))
        adapter.close()


def test_another_digest_that_nobody_signed_accuses_nobody(
    court: SignedAnswers, adapter: RestAdapter
) -> None:
    court.faults.update(("other-digest", "wrong-signature"))
    signed, answer = anchored(adapter)
    with pytest.raises(Unreachable, match="does not hold"):
        adapter.look_up(POINT, [signed], answer)


def test_a_time_that_has_not_come_is_not_taken(court: SignedAnswers, adapter: RestAdapter) -> None:
    court.faults.add("ahead")
    signed, answer = anchored(adapter)
    with pytest.raises(Unreachable, match="later than this node's clock allows"):
        adapter.look_up(POINT, [signed], answer)


def test_two_clocks_that_differ_are_told(court: SignedAnswers, tmp_path: Path) -> None:
    adapter = rest_adapter(court, tmp_path)
    court.clock_offset_ms = 3_600_000
    signed = adapter.sign(POINT, [])
    with pytest.raises(Unreachable, match=r"clock and this node's.*differ too much"):
        adapter.send(POINT, signed)
    with pytest.raises(Unreachable, match="differ too much"):
        adapter.look_up(POINT, [signed], b"")
    assert court.records == {}
    court.clock_offset_ms = 0
    adapter.send(POINT, signed)
    assert len(court.records) == 1
    adapter.close()


def test_a_request_that_became_too_old_is_signed_anew_under_the_same_id(
    court: SignedAnswers, tmp_path: Path
) -> None:
    clock = [now_ms()]
    adapter = rest_adapter(court, tmp_path, now=lambda: clock[0])
    old = adapter.sign(POINT, [])
    clock[0] += 3_600_000
    court.clock_offset_ms = 3_600_000
    with pytest.raises(SignAnew, match="is too old there"):
        adapter.send(POINT, old)
    assert adapter.look_up(POINT, [old], b"") == Missing()
    new = adapter.sign(POINT, [old])
    assert (new.external_tx, new.payload == old.payload) == (old.external_tx, False)
    answer = adapter.send(POINT, new)
    assert isinstance(adapter.look_up(POINT, [old, new], answer), Final)
    assert len(court.records) == 1
    adapter.close()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("html", "HTTP 502, text/html: answer: not JSON"),
        ("huge", "more than 262144 bytes"),
        ("gzip", "compressed"),
        ("redirect", "HTTP 302"),
        ("retry", "HTTP 503: 系统繁忙"),
    ],
)
def test_what_is_no_usable_answer_is_tried_again(
    fault: str, told: str, court: SignedAnswers, adapter: RestAdapter
) -> None:
    court.faults.add(fault)
    signed = adapter.sign(POINT, [])
    with pytest.raises(Unreachable, match=told):
        adapter.send(POINT, signed)
    court.faults.clear()
    assert isinstance(adapter.look_up(POINT, [signed], adapter.send(POINT, signed)), Final)


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_server_that_hangs_or_drips_is_given_up_in_time(
    fault: str, court: SignedAnswers, tmp_path: Path
) -> None:
    adapter = rest_adapter(court, tmp_path, timeout_ms=400)
    court.faults.add(fault)
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"no whole answer within 0\.4 s"):
        adapter.send(POINT, adapter.sign(POINT, []))
    assert time.monotonic() - began < 20  # a drip would take minutes, a hang half of one
    adapter.close()


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with serving(SignedAnswers()) as service:
        adapter = rest_adapter(service, tmp_path)
        signed = adapter.sign(POINT, [])
    with pytest.raises(Unreachable, match="ConnectError"):
        adapter.send(POINT, signed)
    adapter.close()


def test_a_refusal_is_for_good_and_says_why(court: SignedAnswers, adapter: RestAdapter) -> None:
    court.faults.add("reject")
    with pytest.raises(Refused, match="HTTP 403: 余额不足 /code=4030"):
        adapter.send(POINT, adapter.sign(POINT, []))


def test_a_record_that_the_service_takes_and_forgets_is_sent_again(
    court: SignedAnswers, tmp_path: Path
) -> None:
    """At first it may only be slow to tell; later it is missing."""
    clock = [now_ms()]
    adapter = rest_adapter(court, tmp_path, now=lambda: clock[0])
    signed, answer = anchored(adapter)
    court.records.clear()
    assert adapter.look_up(POINT, [signed], answer) == Pending()
    assert adapter.look_up(POINT, [signed], b"") == Missing()
    clock[0] += 700_000
    assert adapter.look_up(POINT, [signed], answer) == Missing()
    adapter.close()


def test_members_and_points_have_requests_of_their_own(
    court: SignedAnswers, tmp_path: Path
) -> None:
    ids = set()
    for member in ("court-1", "notary-1"):
        (tmp_path / member).mkdir()
        adapter = rest_adapter(court, tmp_path / member, member=member)
        for number in (1, 2):
            ids.add(adapter.sign(point_of(number), []).external_tx)
    assert len(ids) == 4


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.example)
def test_killed_between_any_two_steps_there_is_one_anchor(dialect: Any, tmp_path: Path) -> None:
    """Once at each place where a process can end, and at all of them in one run."""
    probe: list[str] = []
    with serving(dialect(polls_needed=1)) as service:
        job = AnchorJob(lambda: rest_adapter(service, tmp_path), POINT)
        job.run()
        probe = sorted(set(job.places))
    for chosen in [*({place} for place in probe), set(probe)]:
        left = set(chosen)

        def strike(place: str, left: set[str] = left) -> None:
            if place in left:
                left.discard(place)
                raise Killed(place)

        with serving(dialect(polls_needed=1)) as service:
            made = AnchorJob(lambda service=service: rest_adapter(service, tmp_path), POINT, strike)
            receipt = made.run()
            assert list(service.records) == [receipt.external_tx]
        # A struck answer that is found by looking up is never kept any more.
        assert left <= {"sent and kept"}
        assert not left or len(chosen) > 1


def test_keys_and_secrets_are_in_nothing_that_is_told_or_kept(tmp_path: Path) -> None:
    for dialect in DIALECTS:
        with serving(dialect()) as service:
            adapter = rest_adapter(service, tmp_path)
            signed = adapter.sign(POINT, [])
            texts = [repr(adapter.__dict__), repr(signed), str(adapter.trust_entry())]
            service.faults.add("html")
            with pytest.raises(Unreachable) as caught:
                adapter.send(POINT, signed)
            texts += [str(caught.value), repr(caught.value.__cause__)]
            adapter.close()
        for secret in dialect.key_file.decode().split():
            assert not any(secret in text for text in texts), dialect


def test_receipts_of_another_service_do_not_pass(court: SignedAnswers, tmp_path: Path) -> None:
    """The same operator's key, and a rule that reads another text."""
    receipt = AnchorJob(lambda: rest_adapter(court, tmp_path), POINT).run()
    entry = rest_adapter(court, tmp_path).trust_entry()
    entry["text"] = {**entry["text"], "separator": ";"}
    with pytest.raises(InvalidInput, match="1 parts"):
        verify_rest(receipt.content, POINT, trusting(entry), load_backend(), "receipt")


def test_every_example_has_its_service_here() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.toml")}
    assert names == {dialect.example for dialect in DIALECTS}
    assert all(issubclass(dialect, JudicialService) for dialect in DIALECTS)
