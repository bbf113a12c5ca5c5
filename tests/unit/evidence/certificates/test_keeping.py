"""Copies of certificates: what is half written, late or unreadable is not taken for lost."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.core.errors import EvidenceError
from node.core.trust import Trust
from node.evidence.certificates import finishing
from node.evidence.certificates.finishing import Finisher, Ledger
from node.evidence.certificates.keeping import Kept, KeptCertificates, kept_files
from node.storage.errors import StorageError, StoreCorrupt, StoreUnavailable
from node.storage.memory import MemoryStore

NUMBER, OTHER = "ZS2026112312345678906", "ZS2026112300000000016"
NOW = 1_790_000_000_000
PDF = b"%PDF-1.7 a certificate"


class Keys:
    """Keys in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, batch: Any, dossier: str, number: str, secret: bytes) -> str:
        self.held[number] = secret
        return number

    def get(self, dossier: str, name: str) -> bytes | None:
        return self.held.get(name)

    def erase(self, batch: Any, dossier: str, name: str, why: str) -> None:
        self.held.pop(name, None)

    def purge(self, dossier: str) -> None:
        pass


@dataclass(frozen=True)
class Entry:
    """As much of a log entry as is looked at."""

    hash: str

    @property
    def entry(self) -> Any:
        return type("Recorded", (), {"code": "CZ0034133234711-1"})

    @property
    def transaction(self) -> Any:
        return type("Transaction", (), {"data": {"report_hash": self.hash}})


@dataclass
class Chain:
    """A ledger whose newest block has ``time``, and what is on record there; ``recorder`` refuses
    what `stopped` says."""

    time: int = NOW
    now: int = NOW
    entries: dict[str, Entry] = field(default_factory=dict)
    submitted: list[bytes] = field(default_factory=list)
    stopped: EvidenceError | None = None

    def record(self, submission: bytes) -> str:
        if self.stopped is not None:
            raise self.stopped
        self.submitted.append(submission)
        return "CZ0034133234711-1"

    def sign(self, *given: Any) -> Any:
        raise AssertionError("nothing is signed here")

    @contextmanager
    def read(self) -> Iterator[Any]:
        yield type("Reader", (), {"meta": type("Meta", (), {"time": self.time})})


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Chain:
    made = Chain()
    monkeypatch.setattr(
        finishing, "certificate_record", lambda reader, number, wanted: made.entries.get(number)
    )
    return made


@pytest.fixture
def kept(tmp_path: Path) -> KeptCertificates:
    return KeptCertificates(MemoryStore(), tmp_path / "certificates", Keys())


def finisher(kept: KeptCertificates, chain: Chain) -> Finisher:
    ledger = Ledger(
        chain.read,  # type: ignore[arg-type]
        "chain",
        Trust("chain", b"\0" * 32),
        lambda *given: (),
        lambda: chain.now,
    )
    return Finisher(kept, ledger, chain)


def certificate(number: str = NUMBER, **changes: Any) -> Kept:
    values: dict[str, Any] = {
        "number": number,
        "code": "CZ0034133234711",
        "about": "case:platform-a:0001",
        "record": "record:bureau-3701:1",
        "key": "",
        "report_hash": hashlib.sha256(PDF).hexdigest(),
        "submission": b"",
        "issued_at": NOW,
        "expires": NOW + 3_600_000,
        "pages": 1,
        "member": "court-a",
        "request": b"",
        "token": b"",
        "disclosed": False,
        **changes,
    }
    return Kept(**values)


def test_what_is_being_written_is_nothing_that_a_crash_left(
    kept: KeptCertificates, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are there, the file not yet: the thread that finishes must not drop it."""
    at_file, go_on = threading.Event(), threading.Event()
    write = KeptCertificates._write

    def slowly(self: KeptCertificates, path: Path, content: bytes) -> None:
        at_file.set()
        assert go_on.wait(10)
        write(self, path, content)

    monkeypatch.setattr(KeptCertificates, "_write", slowly)
    with ThreadPoolExecutor(1) as threads:
        keeping = threads.submit(kept.keep, certificate(), PDF, b"signed")
        assert at_file.wait(10)
        try:
            for one in list(kept.unfinished()):
                finisher(kept, chain).finish(one)
        finally:
            go_on.set()
        made = keeping.result()
    assert kept.read(made) == PDF
    assert [one.number for one in kept.unfinished()] == [NUMBER]


def test_a_late_record_is_dropped_only_when_the_ledger_is_past_it(
    kept: KeptCertificates, chain: Chain
) -> None:
    """A node that was away: the others recorded it, and this one has not come so far."""
    made = kept.keep(certificate(), PDF, b"signed")
    chain.now = made.expires + 60_000
    with pytest.raises(EvidenceError):
        finisher(kept, chain).finish(made)
    assert kept.read(made) == PDF
    chain.entries[NUMBER] = Entry(made.report_hash)
    chain.time = chain.now
    assert finisher(kept, chain).finish(made) == "CZ0034133234711-1"
    assert kept.is_finished(NUMBER)
    other = kept.keep(certificate(OTHER), PDF, b"signed")
    assert finisher(kept, chain).finish(other) is None
    assert kept.find(OTHER) is None


def test_a_disk_that_cannot_be_read_now_loses_no_certificate(
    kept: KeptCertificates, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = kept.keep(certificate(), PDF, b"signed")

    def failing(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", failing)
        with pytest.raises(StorageError):
            finisher(kept, chain).finish(made)
        with pytest.raises(StorageError):
            kept.read(made)
    assert finisher(kept, chain).finish(made) is not None
    assert kept.read(made) == PDF


def test_another_s_record_with_the_same_number_is_not_this_certificate_s(
    kept: KeptCertificates, chain: Chain
) -> None:
    """Who sees a number on its way to the others may be quicker with it."""
    made = kept.keep(certificate(), PDF, b"signed")
    chain.entries[NUMBER] = Entry("0" * 64)
    assert finisher(kept, chain).finish(made) is not None
    assert chain.submitted == [b"signed"]
    assert kept.read(made) == PDF


def test_a_disk_that_fails_once_does_not_end_the_thread_that_finishes(
    kept: KeptCertificates, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.keep(certificate(), PDF, b"signed")
    monkeypatch.setattr(finishing, "_PAUSE_SECONDS", 0.01)
    faults: list[Exception] = [StoreUnavailable("store", "no"), OSError(5, "Input/output error")]
    unfinished = KeptCertificates.unfinished

    def failing(self: KeptCertificates) -> Any:
        if faults:
            raise faults.pop()
        return unfinished(self)

    monkeypatch.setattr(KeptCertificates, "unfinished", failing)
    thread = finisher(kept, chain)
    thread.start()
    try:
        assert thread.wait(10)
    finally:
        thread.stop()
    assert chain.submitted == [b"signed"]
    assert kept.is_finished(NUMBER)


def test_a_full_disk_keeps_no_part_of_a_file(
    kept: KeptCertificates, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept.finished(kept.keep(certificate(OTHER), PDF, b"signed").number)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError):
            kept.keep(certificate(), PDF, b"signed")
    files = [path.name for path in (tmp_path / "certificates").rglob("*") if path.is_file()]
    assert files == [f"{OTHER}.pdf.enc"]
    (left,) = kept.unfinished()
    assert finisher(kept, chain).finish(left) is None


def test_files_are_named_by_rows_in_order(tmp_path: Path) -> None:
    """As a backup looks for them: what was dropped, and what no row names, is none of them."""
    store, keys = MemoryStore(), Keys()
    kept = KeptCertificates(store, tmp_path, keys)
    numbers = [NUMBER, OTHER, "ZS2026120112345678904", "ZS2025010112345678909"]
    held = [kept.keep(certificate(number, token=b"t"), PDF, b"record") for number in numbers]
    kept.drop(held[1], "its record was refused")
    (tmp_path / "202611" / "ZS2026110112345678905.part").write_bytes(b"half")
    found = list(kept_files(store.snapshot()))
    assert found == sorted(found)
    assert found == [
        f"{number[2:8]}/{number}.pdf.enc" for number in sorted(numbers) if number != OTHER
    ]
    assert all((tmp_path / name).is_file() for name in found)


def test_a_row_without_a_number_is_damage_and_names_no_file() -> None:
    store = MemoryStore()
    batch = store.batch()
    batch.put(b"c/n/../../etc/passwd", b"")
    store.write(batch, sync=True)
    with pytest.raises(StoreCorrupt, match="bears no certificate's number"):
        list(kept_files(store))
