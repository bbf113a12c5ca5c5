"""Backups: a node's home copied whole, as of one moment, while the node runs or when it does not.

A backup has the form of a home: the folders ``ledger``, ``blocks``, ``local`` and ``journal``,
``genesis.json``, ``node.toml``, the folder ``certificates`` unless it was left out, the folder
``keys`` where it was asked for, and ``backup.json``, which says what it holds. It gets its name
when it is whole and durable.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput, LedgerFault
from node.evidence.certificates.keeping import COPIES, kept_files
from node.ledger.rows import GENESIS, META, Meta, decode_meta
from node.storage.backup import Copied, copy_segments, copy_store
from node.storage.directory import ensure_directory, sync_directory
from node.storage.errors import SegmentDropped
from node.storage.file_copies import copy_files
from node.storage.ports import SegmentRef, Segments
from node.storage.segments import FileSegments

if TYPE_CHECKING:
    from node.wiring import Stores

__all__ = ["BACKUP_FORMAT", "FIRST_BACKUP_FORMAT", "MANIFEST", "Progress", "write_backup"]

BACKUP_FORMAT = "evidence-backup/2"
FIRST_BACKUP_FORMAT = "evidence-backup/1"
"""Of backups that never hold certificates and do not speak of them."""
MANIFEST = "backup.json"
_JOURNAL_ATTEMPTS = 10

Progress = Callable[[str, int, int], None]
"""Told the name of a part, how much of it is done, and how much there is (0: not known)."""


def write_backup(
    stores: Stores,
    home: Path,
    target: Path,
    *,
    keys: bool,
    certificates: bool,
    now: int,
    progress: Progress,
) -> dict[str, Any]:
    """Copy a node's home to ``target``, a directory that must not exist.

    The journal is copied before the ledger and ``local`` after it: what was acknowledged before is
    in the journal or in the ledger of the copy, and the ledger's records have their private data.

    After ``local`` come the copies of the certificates that it names. A certificate's row and key
    are written first, then its file, then its record: so what the copied ledger has on record is
    there with row, key and file. What the node does meanwhile:

    - Issued between ledger and ``local``: row and file are copied, its record is not. A node that
      starts from the backup submits that record again, as it was, or drops what no block takes any
      more, as after a crash.
    - Issued after ``local`` was read: neither row nor file is copied, and no record is.
    - Just being written: its row may be there without its file. Nobody has it yet, the copied
      ledger has no record of it, and a node that starts from the backup drops it.
    - Dropped, or its fields erased: its key is in the backup, and its file too if it was copied
      first, like all that is erased after a backup. What was dropped before has no row any more,
      so a file that a crash left of it is not copied; where only the key was erased, the file is
      copied and nobody can open it.
    - Files ``.part``, half written, are named by no row and never copied.

    Args:
        stores: the home's open stores.
        home: where the other files lie.
        target: the backup's directory, absolute.
        keys: whether the folder ``keys`` is copied too.
        certificates: whether the copies of certificates are.
        now: the time, in ms.
        progress: told how far it is.

    Returns:
        What ``backup.json`` says; ``certificates_missing`` are those whose file was not there:
        lost, or, of a node that runs, just being written or dropped.

    Raises:
        InvalidInput: the target is there already, or is no absolute path of a directory that is.
        LedgerFault: the ledger holds no chain, or is damaged.
        StorageError, OSError: it cannot be read or written.
    """
    _check_target(target)
    with _named_when_whole(target) as folder:
        parts = {"journal": _copy_journal(stores.journal, folder / "journal", progress)}
        with stores.ledger.snapshot() as snapshot:
            raw, genesis = snapshot.get(META), snapshot.get(GENESIS)
            if raw is None or genesis is None:
                raise LedgerFault("the store holds no chain yet; there is nothing to back up")
            meta = decode_meta(raw)
            last = None if meta.body is None else SegmentRef(*meta.body)
            parts["blocks"] = _copy_records(stores.blocks, last, folder / "blocks", progress)
            told = partial(_tell, progress, "ledger")
            parts["ledger"] = copy_store(snapshot, folder / "ledger", kind="ledger", progress=told)
        with stores.local.snapshot() as snapshot:
            told = partial(_tell, progress, "local")
            parts["local"] = copy_store(snapshot, folder / "local", kind="local", progress=told)
            if certificates:
                told, named = partial(_tell, progress, COPIES), _Counted(kept_files(snapshot))
                parts[COPIES] = copy_files(home / COPIES, named, folder / COPIES, progress=told)
                missing = named.count - parts[COPIES].count
        _copy_files(home, folder, genesis, keys=keys)
        manifest = _manifest(meta, parts, now, keys=keys)
        if certificates:
            manifest["certificates_missing"] = missing
        _write(folder / MANIFEST, canonical_json(manifest) + b"\n")
    return manifest


class _Counted:
    """What was given of an iterator so far."""

    def __init__(self, given: Iterator[str]) -> None:
        self._given = given
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for name in self._given:
            self.count += 1
            yield name


def _tell(progress: Progress, part: str, done: int) -> None:
    progress(part, done, 0)


def _check_target(target: Path) -> None:
    if not target.is_absolute():
        raise InvalidInput("target", "must be an absolute path")
    if target.exists() or target.is_symlink():
        raise InvalidInput("target", f"{target} is there already, and is not overwritten")
    if not target.parent.is_dir():
        raise InvalidInput("target", f"{target.parent} is no directory")


def _manifest(meta: Meta, parts: dict[str, Copied], now: int, *, keys: bool) -> dict[str, Any]:
    return {
        "app_hash": meta.app_hash.hex(),
        "certificates": "included" if COPIES in parts else "left out",
        "chain_id": meta.chain_id,
        "format": BACKUP_FORMAT,
        "height": meta.height,
        "keys": "included" if keys else "left out",
        "made_at": now,
        "parts": {
            name: {
                "bytes": copied.size_bytes,
                "count": copied.count,
                "sha256": copied.sha256.hex(),
            }
            for name, copied in parts.items()
        },
        "root": meta.root.hex(),
        "size": meta.size,
        "state_root": meta.state_root.hex(),
        "time": meta.time,
    }


@contextmanager
def _named_when_whole(target: Path) -> Iterator[Path]:
    """A directory beside ``target`` that gets its name in the end, or is removed."""
    folder = target.with_name(f"{target.name}.unfinished")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
        sync_directory(folder)
        folder.rename(target)
        sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _copy_journal(journal: Segments, folder: Path, progress: Progress) -> Copied:
    """Copy the journal, again where segments of it were settled and dropped meanwhile."""
    for attempt in range(_JOURNAL_ATTEMPTS):
        try:
            last = max((reference for reference, _ in journal.records(None)), default=None)
            return _copy_records(journal, last, folder, progress)
        except SegmentDropped:
            shutil.rmtree(folder.with_name(f"{folder.name}.partial"), ignore_errors=True)
            if attempt == _JOURNAL_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _copy_records(
    source: Segments, last: SegmentRef | None, folder: Path, progress: Progress
) -> Copied:
    """Copy the records up to ``last``; without any, make the folder empty."""
    if last is None:
        FileSegments(folder).close()
        return Copied(0, 0, bytes(32))
    return copy_segments(source, last, folder, progress=partial(_tell, progress, folder.name))


def _copy_files(home: Path, folder: Path, genesis: bytes, *, keys: bool) -> None:
    """Copy what is no store. The genesis is the ledger's own, whatever lies in the home."""
    _write(folder / "genesis.json", genesis)
    if (home / "node.toml").is_file():
        _write(folder / "node.toml", (home / "node.toml").read_bytes())
    if not keys:
        return
    ensure_directory(folder / "keys", create=True)
    (folder / "keys").chmod(0o700)
    for path in sorted((home / "keys").iterdir()):
        if path.is_file():
            _write(folder / "keys" / path.name, path.read_bytes())
    sync_directory(folder / "keys")


def _write(path: Path, content: bytes) -> None:
    """Write a new file, for its owner only, durably."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
