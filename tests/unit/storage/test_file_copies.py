"""Copies of files that are written once: what is copied, how it is counted, what is refused."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.storage import file_copies
from node.storage.backup import Copied
from node.storage.errors import StorageError, StoreCorrupt, StoreFull, StoreUnavailable
from node.storage.file_copies import copy_files, measure_files

SIZES = {"202611/a": 0, "202611/b": 1, "202611/c": 3 << 20, "202612/a": (1 << 20) + 7}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with files of these sizes."""
    made = random.Random(1)
    for name, size in SIZES.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.randbytes(size))
    return tmp_path / "source"


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_copy_holds_the_files_and_is_counted_as_is_said(source: Path, tmp_path: Path) -> None:
    done: list[int] = []
    copied = copy_files(source, SIZES, tmp_path / "copy", progress=done.append)
    assert files(tmp_path / "copy") == files(source)
    total = b"".join(
        struct.pack(">IQ", len(name), size) + name.encode() + files(source)[name]
        for name, size in SIZES.items()
    )
    assert copied == Copied(len(SIZES), sum(SIZES.values()), hashlib.sha256(total).digest())
    assert done == [1, 2, 3, 4]
    assert measure_files(tmp_path / "copy") == measure_files(source) == copied
    modes = {stat.S_IMODE((tmp_path / "copy" / name).stat().st_mode) for name in SIZES}
    assert modes == {0o600}


def test_only_what_is_named_is_copied_and_what_is_gone_is_passed_over(
    source: Path, tmp_path: Path
) -> None:
    (source / "202612" / "a").rename(source / "202612" / "a.part")
    named = ["202611/b", "202611/no", "202612/a", "202701/never"]
    assert copy_files(source, named, tmp_path / "copy").count == 1
    assert set(files(tmp_path / "copy")) == {"202611/b"}
    assert not (tmp_path / "copy" / "202612").exists()


def test_a_file_that_goes_while_the_copy_is_made_is_passed_over(
    source: Path, tmp_path: Path
) -> None:
    def names() -> Iterator[str]:
        for name in SIZES:
            if name == "202611/c":
                (source / name).unlink()
            yield name

    copied = copy_files(source, names(), tmp_path / "copy")
    assert files(tmp_path / "copy") == files(source)
    assert copied == measure_files(source)


def test_of_nothing_nothing_is_made(source: Path, tmp_path: Path) -> None:
    nothing = Copied(0, 0, hashlib.sha256().digest())
    assert copy_files(tmp_path / "absent", ["202611/a"], tmp_path / "copy") == nothing
    assert copy_files(source, [], tmp_path / "copy") == nothing
    assert not (tmp_path / "copy").exists()
    assert measure_files(tmp_path / "copy") == nothing


def test_a_target_that_exists_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(StoreUnavailable, match="not overwritten"):
        copy_files(source, SIZES, tmp_path / "copy")
    assert files(tmp_path / "copy") == {}


@pytest.mark.parametrize("change", ["content", "name", "more", "less", "moved"])
def test_every_change_shows_in_what_is_counted(source: Path, change: str) -> None:
    before, path = measure_files(source), source / "202611" / "c"
    if change == "content":
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    elif change == "name":
        path.rename(path.with_name("d"))
    elif change == "more":
        (source / "202611" / "d").touch()
    elif change == "less":
        (source / "202611" / "a").unlink()
    else:  # a byte goes from the end of one file to the beginning of the next
        content, after = path.read_bytes(), source / "202612" / "a"
        path.write_bytes(content[:-1])
        after.write_bytes(content[-1:] + after.read_bytes())
        assert measure_files(source).size_bytes == before.size_bytes
    assert measure_files(source) != before


def test_what_does_not_read_back_the_same_is_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = file_copies._write

    def badly(path: Path, chunks: Iterator[bytes]) -> None:
        write(path, chunks)
        content = bytearray(path.read_bytes())
        if content:
            content[0] ^= 1
        path.write_bytes(content)

    monkeypatch.setattr(file_copies, "_write", badly)
    with pytest.raises(StoreCorrupt, match="read back") as raised:
        copy_files(source, SIZES, tmp_path / "copy")
    assert raised.value.where == str(tmp_path / "copy" / "202611/b")


def test_a_file_that_is_cut_while_it_is_read_is_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source / "202611" / "c"
    fstat = os.fstat

    def cut(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        if found.st_size == SIZES["202611/c"]:
            os.truncate(path, 5)
        return found

    monkeypatch.setattr(file_copies.os, "fstat", cut)
    with pytest.raises(StoreCorrupt, match="changed while") as raised:
        copy_files(source, SIZES, tmp_path / "copy")
    assert raised.value.where == str(path)


def test_a_full_disk_is_told(source: Path, small_disk: Path) -> None:
    names = [f"202701/{number}" for number in range(4)]
    for name in names:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(bytes(3 << 20))
    with pytest.raises(StoreFull):
        copy_files(source, names, small_disk / "copy")


def test_what_cannot_be_read_is_told(source: Path, tmp_path: Path) -> None:
    (source / "202701").mkdir()
    with pytest.raises(StorageError) as raised:
        copy_files(source, ["202701"], tmp_path / "copy")
    assert raised.value.where == str(source / "202701")
