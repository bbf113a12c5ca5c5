"""A confirmed anchor is recorded once, whatever the node was told of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from builders.fake_chain import point_of

from chaincode_adapters.jobs import FINAL, Course, Job, reference_of
from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.recording import Recording, anchor_data
from node.rules.events import EVENTS
from node.storage.memory import MemoryStore
from node.submission.errors import SubmissionFull


def final_job(number: int = 1, **changes: Any) -> Job:
    point = point_of(number)
    job = Job(
        "court",
        "eip155:1",
        point.document(),
        point.size,
        point.root,
        FINAL,
        1,
        receipt=bytes(32),
        external_tx="0xab",
        external_height=7,
        external_time=1_700_000_000_000,
    )
    return msgspec.structs.replace(job, **changes)


class Operator:
    """The ledger as an operator sees it: takes each reference once, loses answers on request."""

    def __init__(self) -> None:
        self.recorded: dict[str, dict[str, Any]] = {}
        self.submitted = 0
        self.full = False
        self.silent = False
        self.refusal = 0

    def subject(self, kind: str, reference: str) -> str:
        return f"{kind}:court-a:{reference}"

    def submit(self, event_type: str, data: dict[str, Any], kind: str, reference: str) -> Any:
        assert (event_type, kind) == ("anchor.confirmed", "anchor")
        if self.full:
            raise SubmissionFull(2)
        self.submitted += 1
        if self.refusal:
            return SimpleNamespace(tickets=[self._ticket(rejection=self.refusal)])
        subject = self.subject(kind, reference)
        if subject in self.recorded:
            flaw = ("Conflict", "jti", "was used for other bytes", "")
            return SimpleNamespace(tickets=[self._ticket(flaw=flaw)])
        self.recorded[subject] = data
        return SimpleNamespace(tickets=[self._ticket(position=object())])

    @staticmethod
    def _ticket(**members: Any) -> Any:
        return SimpleNamespace(
            **{"position": None, "known": None, "flaw": None, "rejection": 0, **members}
        )

    def wait(self, group: Any, timeout: float) -> bool:
        return not self.silent

    def reader(self) -> Any:
        return Reader(self)


class Reader:
    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def state(self, key: str) -> object:
        return self._operator.recorded.get(key.removeprefix("dossier/"))


@pytest.fixture
def jobs() -> JobsKept:
    store = MemoryStore()
    kept = JobsKept(store)
    for number in (1, 2):
        batch = store.batch()
        kept.end(batch, final_job(number), Course(0, finals=number))
        store.write(batch, sync=True)
    return kept


def recording_of(operator: Operator, jobs: JobsKept) -> Recording:
    return Recording(operator, jobs, operator.reader)  # type: ignore[arg-type]


def test_what_is_recorded_has_the_form_of_the_rules() -> None:
    data = anchor_data(final_job())
    EVENTS["anchor.confirmed"].data.check(data, "data")
    assert data["external_height"] == 7
    odd = final_job(external_tx="流水 1", external_height=None)
    data = anchor_data(odd)
    EVENTS["anchor.confirmed"].data.check(data, "data")
    assert data["external_tx"].startswith("sha256:")
    assert "external_height" not in data


def test_each_is_recorded_and_then_never_again(jobs: JobsKept) -> None:
    operator = Operator()
    recording_of(operator, jobs).round()
    assert [data["size"] for data in operator.recorded.values()] == [100, 200]
    assert jobs.unrecorded() == []
    recording_of(operator, jobs).round()
    assert operator.submitted == 2


def test_one_that_was_recorded_before_the_node_died_is_not_recorded_again(jobs: JobsKept) -> None:
    operator = Operator()
    subject = operator.subject("anchor", reference_of(final_job(1)))
    operator.recorded[subject] = {"size": 100}
    recording_of(operator, jobs).round()
    assert operator.submitted == 1
    assert jobs.unrecorded() == []


def test_a_record_whose_commit_nobody_told_of_is_looked_for_first(jobs: JobsKept) -> None:
    operator = Operator()
    recording = recording_of(operator, jobs)
    operator.silent = True
    assert recording.round() > 0
    assert recording.trouble == "it was not committed in time; it may be yet"
    operator.silent = False
    recording.round()
    assert (operator.submitted, recording.trouble) == (2, "")


def test_a_full_or_refusing_ledger_is_tried_again_and_the_reason_told(jobs: JobsKept) -> None:
    operator = Operator()
    recording = recording_of(operator, jobs)
    operator.full = True
    waits = [recording.round() for _ in range(4)]
    assert waits[3] > waits[0]
    assert recording.trouble == "the node is full; try again in 2 s"
    operator.full, operator.refusal = False, 20
    recording.round()
    assert recording.trouble.startswith("size 100 of court: ")
    assert len(jobs.unrecorded()) == 2
    operator.refusal = 0
    recording.round()
    assert jobs.unrecorded() == []


def test_it_stops_though_a_record_is_never_committed(jobs: JobsKept) -> None:
    operator = Operator()
    operator.silent = True
    recording = recording_of(operator, jobs)
    recording.start()
    recording.stop()
    recording.join(10)
    assert len(jobs.unrecorded()) == 2


def test_one_that_is_refused_does_not_keep_the_next_from_being_recorded(jobs: JobsKept) -> None:
    operator = Operator()
    recording = recording_of(operator, jobs)
    submit = operator.submit

    def refusing(event_type: str, data: dict[str, Any], kind: str, reference: str) -> Any:
        operator.refusal = 20 if data["size"] == 100 else 0
        return submit(event_type, data, kind, reference)

    operator.submit = refusing  # type: ignore[method-assign]
    recording.round()
    assert [job.size for job in jobs.unrecorded()] == [100]
    assert "size 100" in recording.trouble


def test_a_fault_of_the_program_is_told(jobs: JobsKept) -> None:
    operator = Operator()

    def failing(*given: Any) -> Any:
        raise TypeError("0123-secret")

    operator.submit = failing  # type: ignore[method-assign]
    recording = recording_of(operator, jobs)
    recording.run()
    assert recording.trouble.startswith("its thread has ended: TypeError in test_recording.py")
    assert "0123-secret" not in recording.trouble
