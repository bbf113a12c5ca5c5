"""The snapshots that a node keeps, each a directory named by its height, whole or not there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from node.core.errors import InvalidInput
from node.ledger.snapshots.format import Manifest, decode_manifest
from node.ledger.snapshots.taking import SnapshotTaker
from node.storage.directory import sync_directory

__all__ = ["Kept", "Shelf"]

_MANIFEST = "manifest"
_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Kept:
    """A snapshot on the shelf, and its metadata as it travels."""

    manifest: Manifest
    metadata: bytes

    @property
    def hash(self) -> bytes:
        """How it is named: SHA-256 of its metadata."""
        return sha256(self.metadata).digest()


class Shelf:
    """The snapshots in ``path``; the newest ``most`` stay. One thread adds, others read."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most

    def snapshots(self) -> list[Kept]:
        """All of them, newest first. One that cannot be read is passed over."""
        found = []
        for height in self._heights():
            try:
                metadata = (self._path / str(height) / _MANIFEST).read_bytes()
                manifest = decode_manifest(metadata)
            except (OSError, InvalidInput):
                continue
            if manifest.height == height:
                found.append(Kept(manifest, metadata))
        return found

    @property
    def oldest_height(self) -> int | None:
        """The height of the oldest, None where there is none."""
        return min((kept.manifest.height for kept in self.snapshots()), default=None)

    def chunk(self, height: int, number: int) -> bytes | None:
        """A chunk as it lies on disk, None where there is none."""
        try:
            return (self._path / str(height) / str(number)).read_bytes()
        except FileNotFoundError:
            return None

    def add(self, taker: SnapshotTaker, folder: Path) -> Manifest:
        """Take a snapshot into ``folder``, which `begin` made, and put it on the shelf.

        Raises:
            LedgerFault, StorageError, OSError: as `SnapshotTaker.take`; nothing is left of it.
        """
        try:
            manifest = taker.take()
            with (folder / _MANIFEST).open("xb") as file:
                file.write(manifest.encode())
                file.flush()
                os.fsync(file.fileno())
            sync_directory(folder)
            folder.rename(self._path / str(manifest.height))
            sync_directory(self._path)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        stay = {kept.manifest.height for kept in self.snapshots()[: self._most]}
        for height in self._heights():
            if height not in stay:
                self._remove(height)
        return manifest

    def begin(self, height: int) -> Path:
        """An empty directory to take the snapshot of ``height`` into."""
        self._path.mkdir(mode=0o700, exist_ok=True)
        for left in self._path.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(left)
        folder = self._path / f"{height}{_UNFINISHED}"
        folder.mkdir(mode=0o700)
        return folder

    def _remove(self, height: int) -> None:
        folder = self._path / f"{height}{_UNFINISHED}"
        (self._path / str(height)).rename(folder)
        shutil.rmtree(folder)

    def _heights(self) -> list[int]:
        if not self._path.is_dir():
            return []
        names = (entry.name for entry in self._path.iterdir())
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)
