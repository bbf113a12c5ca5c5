"""Backups: a home's stores copied whole, as of one moment.

A backup has the form of a home: the folders ``ledger``, ``blocks``, ``local`` and ``journal``,
``genesis.json``, ``node.toml``, the folder ``keys`` where it was asked for, and ``backup.json``,
which says what it holds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import write_output
from node.core.encoding import canonical_json
from node.core.errors import LedgerFault
from node.ledger.rows import GENESIS, META, Meta, decode_meta
from node.storage.backup import Copied, copy_segments, copy_store
from node.storage.directory import ensure_directory, sync_directory
from node.storage.ports import SegmentRef, Segments
from node.storage.segments import FileSegments

if TYPE_CHECKING:
    from node.wiring import Stores

__all__ = ["BACKUP_FORMAT", "FILES", "FOLDERS", "MANIFEST", "Progress", "write_backup"]

BACKUP_FORMAT = "evidence-backup/1"
MANIFEST = "backup.json"
FOLDERS = ("ledger", "blocks", "local", "journal")
FILES = ("genesis.json", "node.toml")

Progress = Callable[[str, int, int], None]


def write_backup(
    stores: Stores, home: Path, target: Path, *, keys: bool, now: int, progress: Progress
) -> dict[str, Any]:
    """Copy a node's home to ``target``, a directory that must not exist.

    The journal is copied before the ledger and the vault after it, so that the ledger's records
    have their private data in the copy, and what was acknowledged before is in one of the two.

    Args:
        stores: the home's open stores.
        home: where the other files lie.
        target: the backup's directory. It gets its name when it is whole and durable.
        keys: whether the folder keys is copied too.
        now: the time, in ms.
        progress: told how far it is.

    Returns:
        What ``backup.json`` says.

    Raises:
        CommandFailure: the target exists.
        LedgerFault: the ledger holds no chain, or is damaged.
        StorageError, OSError: it cannot be read or written.
    """
    with _named_when_whole(target) as folder:
        parts = {"journal": _copy_journal(stores.journal, folder / "journal", progress)}
        with stores.ledger.snapshot() as snapshot:
            raw = snapshot.get(META)
            if raw is None:
                raise LedgerFault("the store holds no chain yet; there is nothing to back up")
            meta = decode_meta(raw)
            last = None if meta.body is None else SegmentRef(*meta.body)
            document = snapshot.get(GENESIS)
            parts["blocks"] = _copy_records(stores.blocks, last, folder / "blocks", progress)
            parts["ledger"] = copy_store(
                snapshot,
                folder / "ledger",
                kind="ledger",
                progress=lambda done: progress("ledger", done, 0),
            )
        with stores.local.snapshot() as snapshot:
            parts["local"] = copy_store(
                snapshot,
                folder / "local",
                kind="local",
                progress=lambda done: progress("local", done, 0),
            )
        _copy_files(home, folder, document, keys=keys)
        manifest = _manifest(meta, parts, now, keys=keys)
        write_output(folder / MANIFEST, canonical_json(manifest) + b"\n")
    return manifest


def _manifest(meta: Meta, parts: dict[str, Copied], now: int, *, keys: bool) -> dict[str, Any]:
    return {
        "app_hash": meta.app_hash.hex(),
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
    if target.exists():
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{target}: is there already and is not overwritten",
            "name a directory that does not exist yet",
        )
    folder = target.with_name(f"{target.name}.unfinished")
    if folder.exists():
        shutil.rmtree(folder)
    ensure_directory(folder, create=True)
    os.chmod(folder, 0o700)
    try:
        yield folder
        sync_directory(folder)
        folder.rename(target)
        sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _copy_journal(journal: Segments, folder: Path, progress: Progress) -> Copied:
    last: SegmentRef | None = None
    for reference, _ in journal.records(None):
        last = reference
    return _copy_records(journal, last, folder, progress)


def _copy_records(
    source: Segments, last: SegmentRef | None, folder: Path, progress: Progress
) -> Copied:
    """Copy the records up to ``last``; without any, make the folder empty."""
    if last is None:
        FileSegments(folder).close()
        return Copied(0, 0, bytes(32))
    name = folder.name
    return copy_segments(source, last, folder, progress=lambda done: progress(name, done, 0))


def _copy_files(home: Path, folder: Path, genesis: bytes | None, *, keys: bool) -> None:
    """Copy what is no store. The genesis is the ledger's own, whatever lies in the home."""
    if genesis is None:
        raise LedgerFault("the store holds no genesis; restore a backup")
    write_output(folder / "genesis.json", genesis)
    if (home / "node.toml").is_file():
        write_output(folder / "node.toml", (home / "node.toml").read_bytes())
    if not keys:
        return
    (folder / "keys").mkdir(mode=0o700)
    for path in sorted((home / "keys").iterdir()):
        if path.is_file():
            write_output(folder / "keys" / path.name, path.read_bytes(), secret=True)
    sync_directory(folder / "keys")
