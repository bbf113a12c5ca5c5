"""Directories and their durability."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.storage.directory import ensure_directory, remove_file, sync_directory
from node.storage.errors import StoreUnavailable


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is synced, in order."""
    paths: list[Path] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_every_folder_that_gains_a_name_is_synced(tmp_path: Path, synced: list[Path]) -> None:
    ensure_directory(tmp_path / "a" / "b" / "c", create=True)
    assert (tmp_path / "a" / "b" / "c").is_dir()
    assert set(synced) == {tmp_path, tmp_path / "a", tmp_path / "a" / "b"}
    synced.clear()
    ensure_directory(tmp_path / "a" / "b" / "c", create=True)
    assert synced == []


def test_removing_a_file_is_durable_and_tells_its_size(tmp_path: Path, synced: list[Path]) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert remove_file(tmp_path / "file") == 5
    assert not (tmp_path / "file").exists()
    assert synced == [tmp_path]


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="deleting: No such file"):
        remove_file(tmp_path / "file")
    with pytest.raises(StoreUnavailable, match="syncing the directory: No such file"):
        sync_directory(tmp_path / "nowhere")
    with pytest.raises(StoreUnavailable, match="there is no such directory"):
        ensure_directory(tmp_path / "nowhere", create=False)
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="making the directory"):
        ensure_directory(tmp_path / "file" / "below", create=True)
