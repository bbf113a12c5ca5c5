"""Copies of files that are written whole and never changed, beside those of a store and segments.

What is counted of them is as `node.storage.backup` counts: how many, the bytes in them, and one
SHA-256 over all of it in the order of the names: of each file the length of its name (4 bytes), its
size (8), its name, its content.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from node.storage.backup import Copied
from node.storage.directory import ensure_directory, sync_directory
from node.storage.errors import StoreCorrupt, StoreUnavailable, from_os_error

__all__ = ["copy_files", "measure_files"]

_CHUNK_BYTES = 1 << 20

Progress = Callable[[int], None]


def copy_files(
    source: Path, names: Iterable[str], target: Path, *, progress: Progress | None = None
) -> Copied:
    """Copy files of ``source`` into ``target``, durably, each read back when it is written.

    What is not there, or not there any more, is passed over. Where nothing was copied there is no
    ``target`` afterwards. The copies are for their owner only.

    Args:
        source: a folder.
        names: the files wanted, by their paths in it, with "/" between; each greater than the one
            before.
        target: a directory that does not exist yet.
        progress: called with the number of files done.

    Raises:
        StoreUnavailable: the target exists, or something cannot be read or written.
        StoreFull: no space is left for it.
        StoreCorrupt: a file changed while it was read, or its copy did not read back the same.
    """
    if target.exists():
        raise StoreUnavailable(str(target), "is there already, and is not overwritten")
    written, read = _Tally(), _Tally()
    folder: Path | None = None
    for name in names:
        file = _opened(source / name)
        if file is None:
            continue
        with file:
            copy = target / name
            if copy.parent != folder:
                if folder is not None:
                    sync_directory(folder)
                folder = copy.parent
                ensure_directory(folder, create=True)
            _write(copy, written.chunks(name, source / name, file))
        read.add(name, copy)
        if read.result() != written.result():
            raise StoreCorrupt(str(copy), "did not read back as it was written")
        if progress is not None:
            progress(written.count)
    if folder is not None:
        sync_directory(folder)
    return written.result()


def measure_files(folder: Path, *, progress: Progress | None = None) -> Copied:
    """Count all files in ``folder`` and below it as `copy_files` does; none where it is not there.

    Raises:
        StoreUnavailable: one cannot be read.
        StoreCorrupt: one changed while it was read.
    """
    tally = _Tally()
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for name in sorted(name.as_posix() for name in names):
        tally.add(name, folder / name)
        if progress is not None:
            progress(tally.count)
    return tally.result()


class _Tally:
    def __init__(self) -> None:
        self.count = 0
        self._size = 0
        self._hash = hashlib.sha256()

    def chunks(self, name: str, path: Path, file: BinaryIO) -> Iterator[bytes]:
        """What is in a file, counted as it goes by. Raises OSError, StoreCorrupt."""
        size, label = os.fstat(file.fileno()).st_size, os.fsencode(name)
        self._hash.update(struct.pack(">IQ", len(label), size) + label)
        left = size
        while chunk := file.read(_CHUNK_BYTES):
            self._hash.update(chunk)
            left -= len(chunk)
            yield chunk
        if left:
            raise StoreCorrupt(str(path), "changed while it was read")
        self._size += size
        self.count += 1

    def add(self, name: str, path: Path) -> None:
        """Count a file."""
        try:
            with path.open("rb", buffering=0) as file:
                for _ in self.chunks(name, path, file):
                    pass
        except OSError as error:
            raise from_os_error(error, str(path), "reading") from error

    def result(self) -> Copied:
        return Copied(self.count, self._size, self._hash.digest())


def _opened(path: Path) -> BinaryIO | None:
    """A file to read, None where it is not there."""
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, str(path), "reading") from error


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a new file, for its owner only, durably but for its name."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise from_os_error(error, str(path), "copying") from error
