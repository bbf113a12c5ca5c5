"""Faults of machine and operator: the node says what is wrong, how to go on, and loses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.home import Home, make_home
from builders.killing import signed_records

from node.core.errors import LedgerFault
from node.engines.solo.clock import MAX_CLOCK_STEP_MS
from node.ledger.audit import audit_ledger
from node.storage.errors import StorageError, StoreFormat, StoreFull, StoreLocked
from node.storage.leveldb import open_leveldb
from node.storage.leveldb_format import FORMAT_KEY
from node.storage.memory import MemoryStore
from node.submission.errors import SubmissionStopped
from node.submission.tickets import Group
from node.wiring import Node, open_stores, system_time

OPEN = (
    "import sys;from node.config import load_config;from node.wiring import Node;"
    "Node(load_config(sys.argv[1]))"
)
HARMLESS = ("LOCK", "LOG", "LOG.old", "owner.pid")
"""Nothing is ever read from these that decides anything."""
NO_LIMIT = {"storage": {"min_free_megabytes": 0}}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home", genesis_time=system_time() - 1000, settings=NO_LIMIT)


def running(home: Home, now: Callable[[], int] = system_time) -> Node:
    node = Node(home.config, now=now)
    node.start()
    return node


def submit(node: Node, records: list[bytes]) -> Group:
    group = node.submission.submit(records)
    assert node.submission.wait(group, 30)
    assert all(ticket.position is not None for ticket in group.tickets)
    return group


def await_that(condition: Callable[[], bool]) -> None:
    """Wait for what the node looks at once a second."""
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def check_there(node: Node, group: Group) -> None:
    with node.reader() as reader:
        for ticket in group.tickets:
            assert ticket.id is not None
            judged = reader.judged(ticket.id)
            assert judged is not None
            assert reader.entry(judged.index or 0).transaction.id == ticket.id


def test_two_nodes_on_one_home(home: Home) -> None:
    node = running(home)
    try:
        other = subprocess.run(
            [sys.executable, "-c", OPEN, str(home.path)], capture_output=True, text=True
        )
        assert other.returncode != 0
        assert "StoreLocked" in other.stderr
        assert str(os.getpid()) in other.stderr, "the holder should be named"
        submit(node, signed_records(home, 3))
    finally:
        node.stop()


def test_a_second_node_in_this_process_is_refused_too(home: Home) -> None:
    node = running(home)
    try:
        with pytest.raises(StoreLocked):
            Node(home.config)
    finally:
        node.stop()


def test_a_store_of_a_newer_format(home: Home) -> None:
    running(home).stop()
    store = open_leveldb(home.path / "ledger", kind="ledger")
    raw = store._source
    raw.put(FORMAT_KEY, raw.get(FORMAT_KEY).replace(b"1", b"9"), sync=True)
    store.close()
    with pytest.raises(StoreFormat, match=r"newer|version"):
        Node(home.config)


def test_a_torn_body_is_cut_and_nothing_acknowledged_is_lost(home: Home) -> None:
    node = running(home)
    group = submit(node, signed_records(home, 20))
    node.stop()
    segment = max((home.path / "blocks").iterdir())
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole[-200:-70])
    node = running(home)
    try:
        check_there(node, group)
        submit(node, signed_records(home, 5))
    finally:
        node.stop()


def test_a_body_whose_batch_is_missing_is_replayed(home: Home) -> None:
    """What a crash between the two syncs leaves: nothing is signed a second time."""
    node = running(home)
    first = submit(node, signed_records(home, 10))
    node.stop()
    shutil.copytree(home.path / "ledger", home.path / "ledger.old")
    node = running(home)
    second = submit(node, signed_records(home, 10))
    with node.reader() as reader:
        signed = [reader.need_kept(height) for height in range(1, reader.meta.height + 1)]
        root = reader.meta.app_hash
    node.stop()
    shutil.rmtree(home.path / "ledger")
    (home.path / "ledger.old").rename(home.path / "ledger")
    node = running(home)
    try:
        check_there(node, first)
        check_there(node, second)
        with node.reader() as reader:
            assert reader.meta.app_hash == root
            for height, kept in enumerate(signed, 1):
                if kept[0].time <= signed[-1][0].time and reader.kept(height) is not None:
                    assert reader.need_kept(height) == kept
    finally:
        node.stop()


def test_a_clock_that_jumps_back(home: Home) -> None:
    offset = 0
    node = running(home, lambda: system_time() + offset)
    try:
        submit(node, signed_records(home, 2))
        offset = -MAX_CLOCK_STEP_MS + 2000
        submit(node, signed_records(home, 2))
        offset = -3_600_000
        waiting = node.submission.submit(signed_records(home, 2))
        assert not node.submission.wait(waiting, 0.3), "no block may be made now"
        with pytest.raises(SubmissionStopped, match="chronyc"):
            node.submission.submit(signed_records(home, 1))
        offset = 0
        assert node.submission.wait(waiting, 30), "it should go on by itself"
        with node.reader() as reader:
            times = [
                reader.need_kept(height)[0].time for height in range(1, reader.meta.height + 1)
            ]
        assert times == sorted(set(times))
    finally:
        node.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 48 MB."""
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(mount)], capture_output=True
    )
    if done.returncode != 0:
        message = f"cannot mount a small tmpfs: {done.stderr.decode().strip()}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    home = make_home(small_disk / "home", genesis_time=system_time() - 1000, settings=NO_LIMIT)
    node = running(home)
    acknowledged: list[Group] = []
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40 << 20))
    records = signed_records(home, 1000)
    try:
        while node.submission.stopped is None:
            group = node.submission.submit(records[:200])
            records = records[200:] or signed_records(home, 1000)
            while not node.submission.wait(group, 0.1) and node.submission.stopped is None:
                pass
            if not group.unfinished:
                acknowledged.append(group)
        reason = node.submission.stopped
        assert "space" in reason or "full" in reason, reason
        assert acknowledged
        check_there(node, acknowledged[0])
    except SubmissionStopped:
        pass
    finally:
        try:
            node.stop()
        except StorageError:
            node.stores.close()
    ballast.unlink()
    node = running(home)
    try:
        for group in acknowledged:
            check_there(node, group)
        submit(node, signed_records(home, 3))
    finally:
        node.stop()


def test_too_little_free_space_stops_nothing_but_submissions(small_disk: Path) -> None:
    home = make_home(
        small_disk / "home",
        genesis_time=system_time() - 1000,
        settings={"storage": {"min_free_megabytes": 30}},
    )
    node = running(home)
    ballast = small_disk / "ballast"
    try:
        submit(node, signed_records(home, 3))
        ballast.write_bytes(bytes(20 << 20))
        await_that(lambda: node.submission.stopped is not None)
        with pytest.raises(SubmissionStopped, match="free some, and the node goes on by itself"):
            node.submission.submit(signed_records(home, 1))
        ballast.unlink()
        await_that(lambda: node.submission.stopped is None)
        submit(node, signed_records(home, 3))
    finally:
        node.stop()


def test_a_full_disk_is_told_as_such(small_disk: Path) -> None:
    """A node that starts where nothing can be written says what to do."""
    home = make_home(small_disk / "home", genesis_time=system_time() - 1000, settings=NO_LIMIT)
    with (small_disk / "ballast").open("wb") as ballast:
        try:
            while True:
                ballast.write(bytes(1 << 16))
                ballast.flush()
        except OSError:
            pass
    with pytest.raises(StorageError) as caught:
        running(home).stop()
    assert isinstance(caught.value, StoreFull)
    assert "free some space" in str(caught.value)


def flip_bits(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


@pytest.mark.slow
def test_a_flipped_bit_in_any_file_is_found(home: Home, tmp_path: Path) -> None:
    """In every file of the ledger, at several places: opening fails, or the audit says where."""
    node = running(home)
    for _ in range(4):
        submit(node, signed_records(home, 60))
    node.stop()
    node = running(home)
    submit(node, signed_records(home, 60))
    node.stop()
    missed = []
    for name in ("ledger", "blocks"):
        for original in sorted((home.path / name).iterdir()):
            size = original.stat().st_size
            if original.name in HARMLESS or not size:
                continue
            for part in (0.0, 0.21, 0.5, 0.83, 0.999):
                at = min(int(size * part), size - 1)
                copy = tmp_path / "copy"
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(home.path, copy)
                flip_bits(copy / name / original.name, at)
                found = where_it_is_found(copy)
                if found is None:
                    missed.append(f"{name}/{original.name} at {at} of {size}")
    assert missed == []


def where_it_is_found(path: Path) -> str | None:
    from node.config import load_config

    try:
        stores = open_stores(load_config(path), create=False)
    except (StorageError, LedgerFault) as error:
        return str(error)
    try:
        report = audit_ledger(
            stores.ledger, stores.blocks, MemoryStore(), 0, lambda phase, done, of: None
        )
    finally:
        stores.close()
    return "; ".join(f"{item.where}: {item.what}" for item in report.findings) or None
