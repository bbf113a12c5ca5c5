"""Jobs as they are kept: their order, their ids, what a damaged row does."""

from __future__ import annotations

import msgspec
import pytest
from builders.fake_chain import point_of

from chaincode_adapters.jobs import (
    FAILED,
    FINAL,
    QUEUED,
    SENT,
    SIGNED,
    Attempt,
    Course,
    Job,
    decode_course,
    decode_job,
    decode_point,
    encode,
    reference_of,
    shortened,
)
from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.port import Signed
from node.core.errors import InvalidInput, LedgerFault
from node.storage.memory import MemoryStore


def job_of(number: int, adapter: str = "court", state: str = QUEUED, chain: str = "c:1") -> Job:
    point = point_of(number)
    return Job(adapter, chain, point.document(), point.size, point.root, state, 1000 + number)


def test_a_job_comes_back_as_it_was() -> None:
    signed = Signed("0xab", b"\x00payload", {"nonce": 7, "price": "12"})
    job = msgspec.structs.replace(job_of(1), attempts=(Attempt.of(signed),), answer=b"yes")
    assert decode_job(encode(job)) == job
    assert job.attempts[0].signed() == signed
    course = Course(10, "c:1", finals=3, stopped="x", conflict=True)
    assert decode_course(encode(course)) == course
    assert decode_point(job.point) == point_of(1)
    with pytest.raises(InvalidInput):
        decode_point(job.point + b" {}")


def test_keys_order_by_adapter_then_size() -> None:
    jobs = [job_of(number, adapter) for adapter in ("a", "a-b", "b") for number in (1, 2, 300)]
    assert sorted(jobs, key=lambda job: job.key) == jobs


def test_the_records_id_follows_from_what_was_anchored_where_alone() -> None:
    one = job_of(1)
    assert reference_of(msgspec.structs.replace(one, state=FINAL, queued_at=7)) == reference_of(one)
    others = [job_of(2), job_of(1, "other"), job_of(1, chain="c:2")]
    others.append(msgspec.structs.replace(one, root=bytes(32)))
    assert len({reference_of(job) for job in [one, *others]}) == 5
    assert len(reference_of(one)) == 32


def test_reasons_are_one_line_of_bounded_length() -> None:
    assert shortened("two\n lines\t here") == "two lines here"
    assert len(shortened("x" * 10_000)) == 500


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def kept(store: MemoryStore) -> JobsKept:
    return JobsKept(store)


def test_jobs_under_way_are_those_of_one_adapter_in_order(kept: JobsKept) -> None:
    kept.put_course("court", Course(30), [job_of(3), job_of(1), job_of(2)])
    kept.put_course("court-b", Course(20), [job_of(2, "court-b")])
    assert [job.size for job in kept.under_way("court")] == [100, 200, 300]
    assert [job.size for job in kept.under_way("court", 2)] == [100, 200]
    assert kept.adapters() == ["court", "court-b"]
    assert kept.count("court") == {QUEUED: 3, FINAL: 0}
    assert kept.course("other") is None


def test_parked_taken_up_and_final_jobs_lie_apart(kept: JobsKept, store: MemoryStore) -> None:
    kept.put_course("court", Course(20), [job_of(1), job_of(2)])
    kept.put(job_of(1, state=SIGNED), sync=True)
    kept.park(job_of(1, state=FAILED), Course(20))
    assert [job.size for job in kept.under_way("court")] == [200]
    assert [job.state for job in kept.parked("court")] == [FAILED]
    assert kept.of_size("court", 100) == job_of(1, state=FAILED)
    kept.take_up(job_of(1, state=SENT))
    assert not kept.parked("court")
    assert [job.state for job in kept.under_way("court")] == [SENT, QUEUED]
    for number in (1, 2):
        batch = store.batch()
        kept.end(batch, job_of(number, state=FINAL), Course(20, finals=number))
        store.write(batch, sync=True)
    assert not kept.under_way("court")
    assert kept.count("court") == {FINAL: 2}
    assert kept.newest_final("court") == job_of(2, state=FINAL)
    assert kept.final("court", 100) == job_of(1, state=FINAL)
    assert kept.final("court", 150) is None
    assert [job.size for job in kept.unrecorded()] == [100, 200]
    kept.recorded(job_of(1))
    assert [job.size for job in kept.unrecorded()] == [200]


def test_a_long_queue_is_counted_up_to_a_bound(kept: JobsKept) -> None:
    kept.put_course("court", Course(0), [job_of(number) for number in range(1, 301)])
    kept.put(job_of(1, state=SENT), sync=False)
    assert kept.count("court") == {QUEUED: 299, SENT: 1, FINAL: 0}


@pytest.mark.parametrize("row", [b"", b"\xc1", msgspec.msgpack.encode(["court"])])
def test_a_damaged_row_is_named(kept: JobsKept, store: MemoryStore, row: bytes) -> None:
    batch = store.batch()
    batch.put(b"a/o/" + job_of(1).key, row)
    batch.put(b"a/c/court", row)
    batch.put(b"a/u/" + job_of(1).key, b"")
    store.write(batch, sync=True)
    for read in (kept.under_way, kept.course):
        with pytest.raises(LedgerFault, match="local store: row"):
            read("court")
    with pytest.raises(LedgerFault, match="is missing"):
        kept.unrecorded()
