"""Putting a backup in place: copied first, then audited whole, and only then the node's home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from node.api.backup import BACKUP_FORMAT, MANIFEST
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.home_audit import HomeAudit, audit_home
from node.cli.homes import folder_bytes
from node.cli.progress import Progress
from node.config import load_config
from node.core.encoding import decode_json_object
from node.core.errors import InvalidInput
from node.core.fields import read_hash, read_object
from node.ledger.audit import Finding
from node.storage.directory import ensure_directory, sync_directory

__all__ = ["UNVERIFIED", "restore_home"]

UNVERIFIED = ".unverified"
"""The folder in the new home that holds the copy until its audit is over."""

_FOLDERS = ("ledger", "blocks", "local", "journal")
_FILES = ("genesis.json", "node.toml")
_MAX_MANIFEST_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20


def restore_home(backup: Path, home: Path, progress: Progress) -> HomeAudit:
    """Copy a backup into a new home, audit the copy, and make it the home if nothing is wrong.

    Args:
        backup: a backup; it is only read.
        home: a directory that does not exist, or is empty.
        progress: told how far it is.

    Returns:
        What the audit found. With findings, the copy is left in the folder `UNVERIFIED`.

    Raises:
        CommandFailure: ``backup`` is none, or the home is not empty.
        StorageError, OSError: it cannot be read or written.
    """
    _check_backup(backup)
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{home}: is not empty; a home is never overwritten",
            "name a directory that does not exist yet",
        )
    ensure_directory(home, create=True)
    os.chmod(home, 0o700)
    copy = home / UNVERIFIED
    _copy_all(backup, copy, progress)
    audit = audit_home(load_config(copy), None, progress)
    findings = (*audit.findings, *_compare_with_manifest(backup, audit))
    if findings:
        return HomeAudit(audit.meta, audit.signatures, findings, audit.unchecked)
    for path in sorted(copy.iterdir()):
        path.rename(home / path.name)
    copy.rmdir()
    sync_directory(home)
    return audit


def _check_backup(backup: Path) -> None:
    missing = [
        name for name in ("ledger", "blocks", "genesis.json") if not (backup / name).exists()
    ]
    if missing:
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{backup}: is no backup: {', '.join(missing)} missing",
            "name the directory that `evidence-node backup` made",
        )


def _files(backup: Path) -> Iterator[Path]:
    """The files of a backup that belong into a home, relative to it."""
    for name in (*_FOLDERS, "keys"):
        for path in sorted((backup / name).rglob("*")):
            if path.is_file():
                yield path.relative_to(backup)
    for name in _FILES:
        if (backup / name).is_file():
            yield Path(name)


def _copy_all(backup: Path, copy: Path, progress: Progress) -> None:
    total, done = folder_bytes(backup), 0
    for folder in _FOLDERS:
        if (backup / folder).is_dir():
            ensure_directory(copy / folder, create=True)
    names = list(_files(backup))
    for name in names:
        if not (copy / name).parent.is_dir():
            (copy / name).parent.mkdir(mode=0o700)
        with (backup / name).open("rb") as source, (copy / name).open("xb") as target:
            os.fchmod(target.fileno(), 0o600 if name.parts[0] == "keys" else 0o644)
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)
                done += len(chunk)
                progress("copying", done, total)
            target.flush()
            os.fsync(target.fileno())
    for path in {(copy / name).parent for name in names}:
        sync_directory(path)


def _compare_with_manifest(backup: Path, audit: HomeAudit) -> list[Finding]:
    """The ledger must be the one that was backed up; a backup of another make says nothing."""
    path = backup / MANIFEST
    if not path.is_file():
        return []
    try:
        value = decode_json_object(path.read_bytes(), place=MANIFEST, max_bytes=_MAX_MANIFEST_BYTES)
        if read_object(value, MANIFEST).get("format") != BACKUP_FORMAT:
            raise InvalidInput(f"{MANIFEST}.format", f"must be {BACKUP_FORMAT}")
        expected = read_hash(value.get("app_hash"), f"{MANIFEST}.app_hash")
    except InvalidInput as error:
        return [Finding(str(path), str(error))]
    if audit.meta is not None and audit.meta.app_hash != expected:
        return [Finding(str(path), "names another app_hash than the ledger beside it has")]
    return []
