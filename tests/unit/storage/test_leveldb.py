"""The store on LevelDB: reopening, locks, formats, damage, crashes and full disks."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import plyvel
import pytest

from node.storage.errors import (
    StorageError,
    StoreCorrupt,
    StoreFormat,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)
from node.storage.leveldb import LevelStore, open_leveldb
from node.storage.leveldb_format import FORMAT_KEY
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY

ALL = (FIRST_KEY, BEHIND_LAST_KEY)
Fill = Callable[..., None]
CopyAsCrashed = Callable[[Path, Path], None]
RunPython = Callable[..., "subprocess.Popen[str]"]


def random_pairs(count: int, seed: int, value_bytes: int = 50) -> dict[bytes, bytes]:
    source = random.Random(seed)
    return {b"%012x" % source.getrandbits(48): source.randbytes(value_bytes) for _ in range(count)}


def test_everything_is_there_after_reopening(tmp_path: Path, fill: Fill) -> None:
    pairs = random_pairs(500, 1)
    for part in (slice(0, 200), slice(200, 500)):
        with open_leveldb(tmp_path / "s") as store:
            fill(store, dict(list(pairs.items())[part]), sync=False)
    with open_leveldb(tmp_path / "s", create=False) as store:
        assert dict(store.scan(*ALL)) == pairs
        assert [key for key, _ in store.scan(*ALL)] == sorted(pairs)
        store.check()


def test_compressed_and_plain_stores_open_either_way(tmp_path: Path, fill: Fill) -> None:
    pairs = {b"%04d" % number: b"repeated " * 50 for number in range(200)}
    for compress in (True, False, True):
        with open_leveldb(tmp_path / "s", compress=compress) as store:
            fill(store, pairs)
            assert dict(store.scan(*ALL)) == pairs
            store.check()


def test_without_leave_no_store_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no such directory"):
        open_leveldb(tmp_path / "s", create=False)
    (tmp_path / "s").mkdir()
    with pytest.raises(StoreUnavailable, match="there is no store in the directory"):
        open_leveldb(tmp_path / "s", create=False)
    open_leveldb(tmp_path / "s").close()


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("not a directory")
    with pytest.raises(StoreUnavailable, match="making the directory"):
        open_leveldb(tmp_path / "s")


# One at a time


def test_a_store_opened_twice_in_a_process_is_refused(tmp_path: Path) -> None:
    with open_leveldb(tmp_path / "s") as store:
        with pytest.raises(StoreLocked, match=f"in use by process {os.getpid()}; stop that"):
            open_leveldb(tmp_path / "s" / ".." / "s")
        store.check()
    open_leveldb(tmp_path / "s").close()


HOLDER = """
import sys
from node.storage.leveldb import open_leveldb
store = open_leveldb(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_the_process_that_holds_a_store_is_named(tmp_path: Path, run_python: RunPython) -> None:
    process = run_python(HOLDER, tmp_path / "s")
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    for _ in range(2):
        with pytest.raises(StoreLocked, match=f"in use by process {process.pid}") as raised:
            open_leveldb(tmp_path / "s")
        assert raised.value.pid == process.pid
    process.kill()
    process.wait()
    open_leveldb(tmp_path / "s").close()


FOREIGN_HOLDER = """
import sys, plyvel
database = plyvel.DB(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_a_holder_that_knows_only_leveldb_keeps_others_out(
    tmp_path: Path, run_python: RunPython
) -> None:
    open_leveldb(tmp_path / "s").close()
    process = run_python(FOREIGN_HOLDER, tmp_path / "s")
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    with pytest.raises(StoreLocked, match="in use by another process") as raised:
        open_leveldb(tmp_path / "s")
    assert raised.value.pid is None


# What the store says it is


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b'{"format":2,"kind":"store"}', "kind 'store', format 2"),
        (b'{"checkpoints":1,"format":3,"kind":"store"}', "kind 'store', format 3"),
        (b'{"format":1,"kind":"local"}', "kind 'local', format 1"),
        (b"{}", "kind None, format None"),
        (b"\xff\xfe", "a format that cannot be read"),
    ],
)
def test_a_newer_or_other_store_is_refused_and_both_are_named(
    tmp_path: Path, value: bytes, found: str
) -> None:
    open_leveldb(tmp_path / "s").close()
    database = plyvel.DB(str(tmp_path / "s"))
    database.put(FORMAT_KEY, value)
    database.put(b"a", b"1")
    database.close()
    with pytest.raises(StoreFormat) as raised:
        open_leveldb(tmp_path / "s")
    assert found in str(raised.value)
    assert "reads kind 'store', format 1; run the version" in str(raised.value)
    database = plyvel.DB(str(tmp_path / "s"))
    assert dict(database) == {FORMAT_KEY: value, b"a": b"1"}
    database.close()


def test_a_store_of_another_kind_is_refused(tmp_path: Path) -> None:
    open_leveldb(tmp_path / "s", kind="ledger").close()
    with pytest.raises(StoreFormat, match="holds kind 'ledger', format 1, and this program reads"):
        open_leveldb(tmp_path / "s", kind="local")
    open_leveldb(tmp_path / "s", kind="ledger").close()


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    database = plyvel.DB(str(tmp_path / "s"), create_if_missing=True)
    database.put(b"a", b"1")
    database.close()
    with pytest.raises(StoreFormat, match="does not say of which format"):
        open_leveldb(tmp_path / "s")


def test_a_store_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    plyvel.DB(str(tmp_path / "s"), create_if_missing=True).close()
    with open_leveldb(tmp_path / "s") as store:
        store.check()
    open_leveldb(tmp_path / "s", create=False).close()


# Damage


class Crashed:
    """The files of a store as a crash left them, to be damaged in every way."""

    def __init__(self, files: dict[str, bytes], pairs: dict[bytes, bytes], path: Path) -> None:
        self.files = files
        self.pairs = pairs
        self.path = path

    def named(self, ending: str) -> str:
        return next(name for name in sorted(self.files) if name.endswith(ending))

    def outcome(self, **changed: bytes | None) -> tuple[str, StorageError | None]:
        """Opens, checks and reads the store with some files changed, or removed (None)."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()
        for name, data in {**self.files, **changed}.items():
            if data is not None:
                (self.path / name).write_bytes(data)
        try:
            with open_leveldb(self.path, create=False) as store:
                try:
                    store.check()
                except StoreCorrupt as error:
                    return "check", error
                intact = dict(store.scan(*ALL)) == self.pairs
                return ("intact" if intact else "silent loss"), None
        except (StoreCorrupt, StoreFormat) as error:
            return "open", error

    def flipped(self, name: str, bit: int) -> tuple[str, StorageError | None]:
        changed = bytearray(self.files[name])
        changed[bit // 8] ^= 1 << bit % 8
        return self.outcome(**{name: bytes(changed)})


@pytest.fixture
def crashed(quick_path: Path, fill: Fill, copy_as_crashed: CopyAsCrashed) -> Crashed:
    """A store with two tables, a list of tables with several entries, and a log of 20 batches."""
    pairs: dict[bytes, bytes] = {}
    with open_leveldb(quick_path / "s") as store:
        fill(store, pairs := random_pairs(300, 1))
    with open_leveldb(quick_path / "s", write_buffer=64 << 10) as store:
        for seed in (2, 3):
            more = random_pairs(900, seed)
            pairs |= more
            fill(store, more)
        for seed in range(10, 30):
            more = random_pairs(12, seed)
            pairs |= more
            fill(store, more)
        copy_as_crashed(quick_path / "s", quick_path / "c")
    files = {path.name: path.read_bytes() for path in (quick_path / "c").iterdir()}
    return Crashed(files, pairs, quick_path / "try")


def sample(size: int, count: int) -> list[int]:
    """Bits to flip in a file of ``size`` bytes: some anywhere, and all of its last 48 bytes."""
    chosen = set(random.Random(size).sample(range(size * 8), min(count, size * 8)))
    return sorted(chosen | set(range(max(0, size - 48) * 8, size * 8)))


def test_the_files_as_the_crash_left_them_are_intact(crashed: Crashed) -> None:
    assert {name.split(".")[-1].split("-")[0] for name in crashed.files} >= {
        "CURRENT",
        "MANIFEST",
        "ldb",
        "log",
    }
    assert crashed.outcome() == ("intact", None)


def test_no_bit_of_current_or_of_the_list_of_tables_can_be_flipped(crashed: Crashed) -> None:
    manifest = next(name for name in crashed.files if name.startswith("MANIFEST"))
    for name in ("CURRENT", manifest):
        for bit in range(len(crashed.files[name]) * 8):
            outcome, error = crashed.flipped(name, bit)
            assert outcome == "open", (name, bit)
            assert str(crashed.path) in str(error)


def test_no_bit_of_the_log_can_be_flipped(crashed: Crashed) -> None:
    name = crashed.named(".log")
    data = crashed.files[name]
    headers, offset = [], 0
    while offset + 7 <= len(data) and offset < 32768:
        headers.extend(range(offset * 8, (offset + 7) * 8))
        offset += 7 + int.from_bytes(data[offset + 4 : offset + 6], "little")
    bits = sorted({*headers[:56], *headers[-280:], *sample(len(data), 150)})
    for bit in bits:
        outcome, error = crashed.flipped(name, bit)
        assert outcome == "open", bit
        assert isinstance(error, StoreCorrupt)


def test_a_bit_flipped_in_a_table_is_found_or_changes_nothing(crashed: Crashed) -> None:
    name = crashed.named(".ldb")
    outcomes = {"open": 0, "check": 0, "intact": 0, "silent loss": 0}
    for bit in sample(len(crashed.files[name]), 200):
        outcome, error = crashed.flipped(name, bit)
        outcomes[outcome] += 1
        if error is not None:
            assert name in str(error), "the damaged file is among those named"
    assert outcomes["silent loss"] == 0
    # Intact: in the filter, which is then done without, and in the footer's padding.
    assert outcomes["check"] > 150


def test_a_bit_flipped_in_the_text_log_changes_nothing(crashed: Crashed) -> None:
    for bit in sample(len(crashed.files["LOG"]), 20)[:40]:
        assert crashed.flipped("LOG", bit) == ("intact", None)


def test_every_missing_file_is_missed(crashed: Crashed) -> None:
    for name in crashed.files:
        outcome, error = crashed.outcome(**{name: None})
        if name in ("LOG", "LOG.old"):
            assert outcome == "intact"
        else:
            assert outcome == "open", name
            assert isinstance(error, StoreCorrupt)


def test_every_table_cut_short_is_found(crashed: Crashed) -> None:
    name = crashed.named(".ldb")
    data = crashed.files[name]
    for size in (0, 1, 47, 48, 1000, len(data) // 2, len(data) - 1):
        outcome, error = crashed.outcome(**{name: data[:size]})
        assert outcome in ("open", "check"), size
        assert isinstance(error, StoreCorrupt)


def test_a_log_cut_short_loses_its_last_batches_and_no_part_of_one(crashed: Crashed) -> None:
    name = crashed.named(".log")
    data = crashed.files[name]
    last_batch = set(random_pairs(12, 29))
    before_last = set(crashed.pairs) - last_batch
    for size in range(len(data) - 700, len(data), 61):
        (crashed.path / name).parent.mkdir(exist_ok=True)
        outcome, _ = crashed.outcome(**{name: data[:size]})
        assert outcome == "silent loss"
        with open_leveldb(crashed.path) as store:
            assert {key for key, _ in store.scan(*ALL)} == before_last


def test_a_large_batch_torn_anywhere_is_gone_as_a_whole(
    quick_path: Path, fill: Fill, copy_as_crashed: CopyAsCrashed
) -> None:
    before = random_pairs(50, 50)
    with open_leveldb(quick_path / "s") as store:
        fill(store, before)
        start = next((quick_path / "s").glob("*.log")).stat().st_size
        fill(store, random_pairs(200, 1, 700))
        copy_as_crashed(quick_path / "s", quick_path / "c")
    log = next((quick_path / "c").glob("*.log"))
    end = log.stat().st_size
    edges = [block + off for block in range(32768, end, 32768) for off in (-7, -1, 0, 1, 6, 7, 8)]
    for size in sorted(
        {start, start + 1, start + 7, *edges, *range(start + 20, end, 9973), end - 1}
    ):
        shutil.rmtree(quick_path / "try", ignore_errors=True)
        shutil.copytree(quick_path / "c", quick_path / "try")
        os.truncate(quick_path / "try" / log.name, size)
        with open_leveldb(quick_path / "try") as store:
            assert dict(store.scan(*ALL)) == before, size


@pytest.fixture(params=["early", "middle", "last"])
def damaged(
    request: pytest.FixtureRequest, tmp_path: Path, fill: Fill
) -> Iterator[tuple[LevelStore, list[bytes], bytes, str]]:
    """An open store of one table with a damaged block; its keys, one in that block, the file."""
    pairs = random_pairs(3000, 1)
    keys = sorted(pairs)
    victim = keys[{"early": 150, "middle": 1500, "last": -1}[request.param]]
    with open_leveldb(tmp_path / "s") as store:
        fill(store, pairs)
    open_leveldb(tmp_path / "s").close()
    (table,) = (tmp_path / "s").glob("*.ldb")
    data = bytearray(table.read_bytes())
    data[data.index(pairs[victim]) + 20] ^= 4
    table.write_bytes(data)
    with open_leveldb(tmp_path / "s") as store:
        yield store, keys, victim, table.name


def read_until_damage(pairs: Iterator[tuple[bytes, bytes]], read: list[bytes]) -> None:
    for key, _ in pairs:
        read.append(key)


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_reading_damage_is_never_reading_nothing(
    damaged: tuple[LevelStore, list[bytes], bytes, str], with_snapshot: bool
) -> None:
    store, keys, victim, _ = damaged
    reader = store.snapshot() if with_snapshot else store
    with pytest.raises(StoreCorrupt, match=f"reading key {victim.hex()}: .*checksum mismatch"):
        reader.get(victim)
    place = keys.index(victim)
    for reverse in (False, True):
        read: list[bytes] = []
        with pytest.raises(StoreCorrupt, match="checksum mismatch"):
            read_until_damage(reader.scan(*ALL, reverse=reverse), read)
        ordered = keys[::-1] if reverse else keys
        assert read == ordered[: len(read)]
        # What stands in other blocks, of 4 KiB, has been delivered.
        before = len(keys) - place if reverse else place
        assert before - 80 < len(read) <= before
        narrow = reader.scan(victim, victim + b"\x00", reverse=reverse)
        with pytest.raises(StoreCorrupt):
            next(narrow)


def test_the_check_names_the_place_and_the_file(
    damaged: tuple[LevelStore, list[bytes], bytes, str],
) -> None:
    store, keys, victim, table = damaged
    with pytest.raises(StoreCorrupt, match="keep a copy of the directory") as raised:
        store.check()
    behind = re.search(r"behind key ([0-9a-f]+), in (\S+)$", raised.value.where)
    assert behind is not None
    assert behind.group(2) == table
    last = bytes.fromhex(behind.group(1))
    assert last == FORMAT_KEY or keys.index(victim) - 80 < keys.index(last) < keys.index(victim)


def test_a_table_deleted_under_a_running_store_is_found_by_check_and_scan(
    tmp_path: Path, fill: Fill
) -> None:
    for number in range(3):
        with open_leveldb(tmp_path / "s") as store:
            fill(store, {b"%d" % number: b"v"})
    with open_leveldb(tmp_path / "s") as store:
        for table in (tmp_path / "s").glob("*.ldb"):
            table.unlink()
        with pytest.raises(StoreCorrupt, match="No such file"):
            store.check()
        with pytest.raises(StoreCorrupt, match="No such file"):
            list(store.scan(*ALL))
    with pytest.raises(StoreCorrupt, match="missing files"):
        open_leveldb(tmp_path / "s")


def test_a_compaction_that_meets_damage_ends_the_writing(
    damaged: tuple[LevelStore, list[bytes], bytes, str],
) -> None:
    store, keys, _, _ = damaged
    store.close()
    small = open_leveldb(Path(store.name), write_buffer=64 << 10)

    def write_on() -> None:
        for seed in range(400):
            batch = small.batch()
            for key, value in zip(keys, random_pairs(len(keys), seed, 200).values()):
                batch.put(key, value)
            small.write(batch, sync=False)
            if seed % 100 == 99:
                small.compact_range(keys[0], keys[-1])

    with pytest.raises(StoreCorrupt):
        write_on()
    with pytest.raises(StoreCorrupt, match="refused since an earlier call failed"):
        small.write(small.batch(), sync=True)
    small.close()


# Crashes and full disks


KILLED = """
import random, sys
from node.storage.leveldb import open_leveldb
store = open_leveldb(sys.argv[1], write_buffer=64 << 10)
number = sum(1 for _ in store.scan(b"a", b"b"))
while True:
    batch = store.batch()
    value = random.Random(number).randbytes(1500)
    for part in (b"a", b"b", b"c"):
        batch.put(part + b"%08d" % number, value)
    store.write(batch, sync=True)
    print(number, flush=True)
    number += 1
"""


def test_synced_batches_survive_the_death_of_the_process(
    tmp_path: Path, run_python: RunPython
) -> None:
    moments = random.Random(11)
    for _ in range(4):
        process = run_python(KILLED, tmp_path / "s")
        assert process.stdout is not None
        for _ in range(moments.randrange(1, 120)):
            synced = int(process.stdout.readline())
        process.kill()
        process.wait()
        with open_leveldb(tmp_path / "s") as store:
            store.check()
            count = sum(1 for _ in store.scan(b"a", b"b"))
            assert count > synced
            expected = [random.Random(n).randbytes(1500) for n in range(count)]
            for part in (b"a", b"b", b"c"):
                pairs = list(store.scan(part, bytes([part[0] + 1])))
                assert pairs == [(part + b"%08d" % n, expected[n]) for n in range(count)]


LIMITED = """
import resource, sys
from node.storage.errors import StoreUnavailable
from node.storage.leveldb import open_leveldb
store = open_leveldb(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
written = 0
try:
    while written < 1000:
        batch = store.batch()
        batch.put(b"%08d" % written, b"v" * 7000)
        store.write(batch, sync=True)
        written += 1
except StoreUnavailable as error:
    print(written, error.fault)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    store.write(store.batch(), sync=True)
except StoreUnavailable as error:
    print(error.fault)
"""


def test_after_a_failed_write_none_follows_until_reopened(
    tmp_path: Path, run_python: RunPython
) -> None:
    process = run_python(LIMITED, tmp_path / "s")
    output, _ = process.communicate()
    first, second = output.splitlines()
    written, fault = first.split(" ", 1)
    assert fault.startswith("writing: IO error: ")
    assert fault.endswith(".log: File too large")
    assert second.startswith("refused since an earlier call failed (writing: ")
    with open_leveldb(tmp_path / "s") as store:
        store.check()
        assert sum(1 for _ in store.scan(*ALL)) == int(written)
        batch = store.batch()
        batch.put(b"goes on", b"1")
        store.write(batch, sync=True)


def test_a_disk_that_fills_up_takes_nothing_that_was_synced(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 << 20))
    store = open_leveldb(small_disk / "s", write_buffer=256 << 10)
    written: dict[bytes, bytes] = {}

    def fill_up() -> None:
        source = random.Random(5)
        while len(written) < 3000:
            batch = store.batch()
            key, value = source.randbytes(12).hex().encode(), source.randbytes(20_000)
            batch.put(key, value)
            store.write(batch, sync=True)
            written[key] = value

    with pytest.raises(StoreFull, match="free some space"):
        fill_up()
    assert len(written) > 20
    assert all(store.get(key) == value for key, value in written.items())
    with pytest.raises(StoreFull, match="refused since an earlier call failed"):
        store.write(store.batch(), sync=True)
    store.close()
    with contextlib.suppress(StoreFull):
        # To open needs space too, for what the log holds; without, nothing is lost either.
        open_leveldb(small_disk / "s").close()
    ballast.unlink()
    with open_leveldb(small_disk / "s") as store:
        store.check()
        found = dict(store.scan(*ALL))
        assert written.items() <= found.items()
        assert len(found) <= len(written) + 1
        batch = store.batch()
        batch.put(b"goes on", b"1")
        store.write(batch, sync=True)


def test_threads_may_write_at_once(tmp_path: Path) -> None:
    with open_leveldb(tmp_path / "s") as store:

        def write(name: int) -> None:
            for number in range(50):
                batch = store.batch()
                batch.put(b"%d/%02d" % (name, number), b"v")
                store.write(batch, sync=number % 2 == 0)

        threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(1 for _ in store.scan(*ALL)) == 200


def test_metrics_count_tables(tmp_path: Path, fill: Fill) -> None:
    with open_leveldb(tmp_path / "s") as store:
        assert store.describe()["files"] == 0
        fill(store, random_pairs(1000, 1))
    with open_leveldb(tmp_path / "s") as store:
        figures = store.describe()
        assert (figures["files"], figures["kind"]) == (1, "leveldb")
        assert 60_000 < int(figures["bytes"]) < 90_000
