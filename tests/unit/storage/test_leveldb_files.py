"""LevelDB's files, looked at before LevelDB sees them."""

from __future__ import annotations

import struct
from pathlib import Path

import plyvel
import pytest

from node.storage.errors import StoreCorrupt
from node.storage.leveldb_files import verify_directory, verify_log_end

BLOCK = 32768


@pytest.fixture
def log(tmp_path: Path) -> bytes:
    """The log of a LevelDB with 30 batches of 400 bytes: all in its first block."""
    database = plyvel.DB(str(tmp_path / "db"), create_if_missing=True)
    for number in range(30):
        database.put(b"%04d" % number, b"v" * 400)
    (path,) = (tmp_path / "db").glob("*.log")
    data = path.read_bytes()
    database.close()
    return data


def record_offsets(log: bytes) -> list[int]:
    offsets, offset = [], 0
    while offset < len(log):
        offsets.append(offset)
        offset += 7 + struct.unpack_from("<H", log, offset + 4)[0]
    return offsets


def verify(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "000001.log").write_bytes(data)
    verify_log_end(tmp_path / "000001.log")


def test_a_whole_log_passes(tmp_path: Path, log: bytes) -> None:
    assert len(record_offsets(log)) == 30
    verify(tmp_path, log)
    verify(tmp_path, b"")


def test_a_log_cut_short_anywhere_passes(tmp_path: Path, log: bytes) -> None:
    for size in range(len(log) - 900, len(log)):
        verify(tmp_path, log[:size])


def test_a_length_that_runs_past_the_end_is_found_wherever_it_stands(
    tmp_path: Path, log: bytes
) -> None:
    for offset in record_offsets(log):
        for bit in range(16):
            changed = bytearray(log)
            changed[offset + 4 + bit // 8] ^= 1 << bit % 8
            length = struct.unpack_from("<H", changed, offset + 4)[0]
            if offset + 7 + length > len(log):
                with pytest.raises(StoreCorrupt, match=f"at offset {offset}: the record's length"):
                    verify(tmp_path, bytes(changed))


def test_only_the_last_block_is_looked_at(tmp_path: Path, log: bytes) -> None:
    torn = log + b"\x00" * (BLOCK - len(log))
    changed = bytearray(log)
    changed[5] ^= 0x80
    with pytest.raises(StoreCorrupt, match=f"at offset {BLOCK}: "):
        verify(tmp_path, torn + bytes(changed))
    verify(tmp_path, bytes(changed) + bytes(BLOCK - len(log)) + log)


@pytest.mark.parametrize(
    ("names", "exists"),
    [
        ([], False),
        (["LOCK", "LOG", "owner.pid"], False),
        (["MANIFEST-000001", "LOCK"], False),
        (["MANIFEST-000001", "CURRENT"], True),
        (["MANIFEST-000002", "CURRENT", "000003.log"], True),
    ],
)
def test_what_a_crash_while_making_a_store_leaves_is_no_damage(
    tmp_path: Path, names: list[str], exists: bool
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert verify_directory(tmp_path) is exists


@pytest.mark.parametrize("name", ["000005.ldb", "000005.sst", "000004.log", "MANIFEST-000002"])
def test_a_database_without_current_is_not_taken_for_a_new_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(StoreCorrupt, match="CURRENT: is missing beside the files of a database"):
        verify_directory(tmp_path)


def test_a_database_without_its_log_is_not_taken_for_one_without_news(tmp_path: Path) -> None:
    for name in ("CURRENT", "MANIFEST-000004", "000005.ldb"):
        (tmp_path / name).touch()
    with pytest.raises(StoreCorrupt, match="has lost its log of recent writes"):
        verify_directory(tmp_path)
