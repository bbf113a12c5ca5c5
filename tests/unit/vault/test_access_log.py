from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace

import pytest
from builders.vault import (
    CASE,
    SEAL,
    LocalStore,
    StoreBroke,
    access,
    disclosure,
    keep,
    memory_store,
    wrapping_key,
)

from node.core.encoding import canonical_json
from node.core.errors import InvalidEncoding
from node.vault.access_log import AccessHead, AccessLog
from node.vault.errors import AccessLogBroken
from node.vault.vault import Vault

COUNT = 6


def row(number: int) -> bytes:
    return b"v/a/" + number.to_bytes(8, "big")


def sealed(document: bytes) -> bytes:
    return hashlib.sha256(document).digest() + document


@pytest.fixture
def log(store: LocalStore) -> AccessLog:
    """A log of six records: odd ones about a case, even ones about a seal."""
    made = AccessLog(store)
    for number in range(1, COUNT + 1):
        made.append(access(number, dossier=CASE if number % 2 else SEAL))
    return made


def broken(log: AccessLog, known: AccessHead | None = None) -> tuple[int, str]:
    with pytest.raises(AccessLogBroken) as caught:
        log.verify(known)
    assert f"record {caught.value.number}: " in str(caught.value)
    return caught.value.number, caught.value.rule


def test_records_come_back_in_order_as_they_were(log: AccessLog) -> None:
    found = list(log.read())
    assert [entry.number for entry in found] == [1, 2, 3, 4, 5, 6]
    assert found[2].record == access(3)
    log.verify()
    assert log.head() == AccessHead(6, found[-1].hash)


def test_an_empty_log_holds(store: LocalStore) -> None:
    log = AccessLog(store)
    log.verify()
    assert log.head() == AccessHead(0, bytes(32))
    assert list(log.read()) == []


def test_each_record_names_the_one_before_it(store: LocalStore, log: AccessLog) -> None:
    previous = "0" * 64
    for number in range(1, COUNT + 1):
        value = store.get(row(number))
        assert json.loads(value[32:])["prev"] == previous
        previous = hashlib.sha256(value[32:]).hexdigest()
        assert value[:32].hex() == previous


def test_reading_by_dossier_and_time(log: AccessLog) -> None:
    assert [entry.number for entry in log.read(SEAL)] == [2, 4, 6]
    assert [entry.number for entry in log.read(since=1_700_000_000_004)] == [4, 5, 6]
    assert [entry.number for entry in log.read(CASE, 1_700_000_000_004)] == [5]
    assert list(log.read("case:nobody:x")) == []


@pytest.mark.parametrize("decision", ["granted", "refused", "erased"])
def test_every_decision_is_recorded(store: LocalStore, decision: str) -> None:
    log = AccessLog(store)
    record = access(decision=decision, digests=(), kid="", purpose="", case_no="", reason="")
    assert log.append(record).record == record
    assert next(log.read()).record == record


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"at_ms": -1}, "record.at_ms"),
        ({"at_ms": 2**53}, "record.at_ms"),
        ({"at_ms": "1"}, "record.at_ms"),
        ({"member": ""}, "record.member"),
        ({"member": "x" * 129}, "record.member"),
        ({"kid": "x" * 129}, "record.kid"),
        ({"dossier": "x" * 201}, "record.dossier"),
        ({"purpose": "x" * 501}, "record.purpose"),
        ({"case_no": "x" * 201}, "record.case_no"),
        ({"case_no": None}, "record.case_no"),
        ({"reason": "x" * 501}, "record.reason"),
        ({"decision": "perhaps"}, "record.decision"),
        ({"digests": ("x" * 65,)}, r"record.digests\[0\]"),
        ({"digests": ("x",) * 4097}, "record.digests"),
        ({"purpose": "\ud800"}, "canonical JSON"),
    ],
)
def test_a_record_that_is_not_of_its_form_is_refused_and_not_written(
    store: LocalStore, log: AccessLog, changes: dict[str, object], place: str
) -> None:
    before = store.rows(b"v/")
    with pytest.raises(InvalidEncoding, match=f"^{place}"):
        log.append(access(**changes))
    assert store.rows(b"v/") == before


def test_the_largest_record_can_be_read_again(store: LocalStore) -> None:
    wide = "\x01"  # six bytes in JSON
    record = access(
        member=wide * 128, kid=wide * 128, dossier=wide * 200, purpose=wide * 500,
        case_no=wide * 200, reason=wide * 500, digests=(wide * 64,) * 2000,
    )  # fmt: skip
    log = AccessLog(store)
    log.append(record)
    log.verify()
    assert next(log.read()).record == record


def test_a_record_is_written_together_with_what_it_tells_of(store: LocalStore) -> None:
    vault, log = Vault(store, wrapping_key()), AccessLog(store)
    keep(vault, store, CASE, 1, disclosure())
    batch = store.batch()
    vault.erase(batch, CASE, None, at_ms=1, by="court-c", why="w")
    writes = store.writes
    log.append(access(decision="erased"), along=batch)
    assert store.writes == writes + 1
    assert not vault.has(CASE)
    log.verify()


def test_a_record_that_could_not_be_written_leaves_no_gap(store: LocalStore) -> None:
    log = AccessLog(store)
    log.append(access(1))
    store.fail_after = 0
    with pytest.raises(StoreBroke):
        log.append(access(2))
    store.fail_after = None
    assert log.append(access(3)).number == 2
    log.verify()
    assert [entry.record.at_ms % 10 for entry in log.read()] == [1, 3]


# Tampering: for every record of the log


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_every_altered_byte_is_noticed(number: int) -> None:
    store = memory_store()
    log = AccessLog(store)
    for made in range(1, COUNT + 1):
        log.append(access(made))
    value = store.get(row(number))
    for position in range(len(value)):
        altered = bytearray(value)
        altered[position] ^= 1
        store.put(row(number), bytes(altered))
        assert broken(log) == (number, "was altered")
        with pytest.raises(AccessLogBroken, match=f"record {number}: was altered"):
            list(log.read())
    store.put(row(number), value)
    log.verify()


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_a_record_rewritten_with_its_own_hash_is_noticed(
    store: LocalStore, log: AccessLog, number: int
) -> None:
    members = json.loads(store.get(row(number))[32:])
    members["purpose"] = "另一用途"
    store.put(row(number), sealed(canonical_json(members)))
    rule = "is not the record that the next one follows"
    if number == COUNT:
        rule = "is not the last record that the log's head names"
    assert broken(log) == (number, rule)


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_a_missing_record_is_noticed(store: LocalStore, log: AccessLog, number: int) -> None:
    store.remove(row(number))
    assert broken(log) == (number, "is missing")


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_a_missing_end_is_noticed(store: LocalStore, log: AccessLog, number: int) -> None:
    for gone in range(number, COUNT + 1):
        store.remove(row(gone))
    assert broken(log) == (number, "is missing")


@pytest.mark.parametrize("number", range(1, COUNT))
def test_swapped_records_are_noticed(store: LocalStore, log: AccessLog, number: int) -> None:
    one, two = store.get(row(number)), store.get(row(number + 1))
    store.put(row(number), two)
    store.put(row(number + 1), one)
    assert broken(log) == (number, "is no record: record.n: is another record's number")


def test_an_added_record_is_noticed(store: LocalStore, log: AccessLog) -> None:
    head = log.head()
    log.append(access(7))
    store.put(b"v/h", head.number.to_bytes(8, "big") + head.hash)
    assert broken(log) == (7, "stands behind the log's end")
    before = store.rows(b"v/a/")
    with pytest.raises(AccessLogBroken, match="record 7: stands behind"):
        log.append(access(8))
    assert store.rows(b"v/a/") == before


def test_a_log_that_begins_with_another_record_is_noticed(
    store: LocalStore, log: AccessLog
) -> None:
    members = json.loads(store.get(row(1))[32:])
    store.put(row(1), sealed(canonical_json({**members, "prev": "1" * 64})))
    assert broken(log) == (1, "is not the beginning of a log")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"n": 3},
        {"prev": "x"},
        {"decision": "perhaps"},
        {"digests": "x"},
        {"new": 1},
        {"at_ms": "x"},
    ],
)
def test_a_record_of_another_form_is_noticed(
    store: LocalStore, log: AccessLog, members: dict[str, object]
) -> None:
    found = json.loads(store.get(row(2))[32:])
    document = canonical_json({**found, **members}) if members else b"[]"
    store.put(row(2), sealed(document))
    number, rule = broken(log)
    assert number == 2
    assert rule.startswith("is no record: ")


@pytest.mark.parametrize("value", [None, b"", bytes(39), bytes(41)])
def test_a_lost_or_altered_head_is_noticed_and_nothing_is_overwritten(
    store: LocalStore, log: AccessLog, value: bytes | None
) -> None:
    if value is None:
        store.remove(b"v/h")
    else:
        store.put(b"v/h", value)
    before = store.rows(b"v/a/")
    with pytest.raises(AccessLogBroken):
        log.verify()
    with pytest.raises(AccessLogBroken):
        log.append(access(7))
    assert store.rows(b"v/a/") == before


def test_nothing_is_appended_to_an_end_that_does_not_hold(
    store: LocalStore, log: AccessLog
) -> None:
    store.put(row(COUNT), sealed(b"{}"))
    with pytest.raises(AccessLogBroken, match="is not the last record"):
        log.append(access(7))
    store.remove(row(COUNT))
    with pytest.raises(AccessLogBroken, match="is not the last record"):
        log.append(access(7))


# A log that was written anew as a whole, by somebody who can write to the store


def rewritten(store: LocalStore, count: int) -> AccessLog:
    for number in range(1, COUNT + 1):
        store.remove(row(number))
    store.remove(b"v/h")
    log = AccessLog(store)
    for number in range(1, count + 1):
        log.append(replace(access(number), member="nobody"))
    return log


def test_a_published_head_still_holds_when_the_log_went_on(log: AccessLog) -> None:
    known = log.head()
    log.append(access(7))
    log.verify(known)
    log.verify(AccessHead(0, bytes(32)))


def test_a_log_written_anew_is_noticed_by_a_published_head(
    store: LocalStore, log: AccessLog
) -> None:
    known = log.head()
    again = rewritten(store, COUNT + 2)
    again.verify()
    assert broken(again, known) == (COUNT, "is not the record that was published")


@pytest.mark.parametrize("count", range(COUNT))
def test_a_log_cut_short_with_its_head_is_noticed_by_a_published_one(
    store: LocalStore, log: AccessLog, count: int
) -> None:
    known = log.head()
    again = rewritten(store, count)
    again.verify()
    assert broken(again, known) == (count + 1, "is missing, though a later one was published")


# Threads


def test_threads_append_one_chain(store: LocalStore) -> None:
    log = AccessLog(store)
    start = threading.Barrier(8)
    numbers: list[int] = []

    def work(thread: int) -> None:
        start.wait()
        for step in range(15):
            batch = store.batch()
            batch.put(b"j/%d/%d" % (thread, step), b"")
            entry = log.append(access(100 * thread + step), along=batch)
            numbers.append(entry.number)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 121))
    log.verify()
    made = {100 * thread + step for thread in range(8) for step in range(15)}
    assert {entry.record.at_ms - 1_700_000_000_000 for entry in log.read()} == made
    assert len(store.rows(b"j/")) == 120
