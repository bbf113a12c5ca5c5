"""Putting a backup in place: copied first, then audited whole, and only then the node's home."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from node.api.backup import BACKUP_FORMAT, FIRST_BACKUP_FORMAT, MANIFEST
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.home_audit import HomeAudit, audit_home
from node.cli.homes import folder_bytes
from node.cli.progress import Progress
from node.config import load_config
from node.core.encoding import decode_json_object
from node.core.errors import InvalidInput
from node.core.fields import read_hash, read_integer, read_object
from node.evidence.certificates.keeping import COPIES
from node.ledger.audit import Finding
from node.storage.backup import Copied
from node.storage.directory import ensure_directory, sync_directory
from node.storage.file_copies import measure_files

__all__ = ["UNVERIFIED", "restore_home"]

UNVERIFIED = ".unverified"
"""The folder in the new home that holds the copy until its audit is over."""

_FOLDERS = ("ledger", "blocks", "local", "journal")
_FILES = ("genesis.json", "node.toml")
_MAX_MANIFEST_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20


def restore_home(
    backup: Path, home: Path, progress: Progress, *, certificates: bool = True
) -> HomeAudit:
    """Copy a backup into a new home, audit the copy, and make it the home if nothing is wrong.

    Args:
        backup: a backup; it is only read.
        home: a directory that does not exist, or is empty.
        progress: told how far it is.
        certificates: whether the copies of certificates are put in place and checked.

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
    _copy_all(backup, copy, progress, certificates=certificates)
    audit = _audit(backup, copy, progress, certificates=certificates)
    if audit.findings:
        return audit
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
    for path in _entries(backup):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise CommandFailure(
                ExitCode.BAD_INPUT,
                f"{path}: is neither a file nor a directory; a backup holds nothing else",
                "a link could bring another file of this machine into the home; look at it, "
                "and remove it if it was put there by mistake",
            )


def _entries(backup: Path) -> Iterator[Path]:
    """All that a home may be made of, links included: a backup may come from somebody else."""
    for name in (*_FOLDERS, "keys", COPIES, *_FILES, MANIFEST):
        if os.path.lexists(backup / name):
            yield backup / name
        yield from (backup / name).rglob("*")


def _audit(backup: Path, copy: Path, progress: Progress, *, certificates: bool) -> HomeAudit:
    """Audit the copy, and compare it with what ``backup.json`` says."""
    audit = audit_home(load_config(copy), None, progress)
    findings, unchecked = list(audit.findings), list(audit.unchecked)
    try:
        expected = _read_manifest(backup / MANIFEST)
    except InvalidInput as error:
        findings.append(Finding(str(backup / MANIFEST), str(error)))
        return HomeAudit(audit.meta, audit.signatures, tuple(findings), tuple(unchecked))
    if expected is not None and audit.meta is not None and audit.meta.app_hash != expected.app_hash:
        fault = "names another app_hash than the ledger beside it has"
        findings.append(Finding(str(backup / MANIFEST), fault))
    if certificates and expected is not None and expected.certificates is not None:
        told = partial(_tell, progress, expected.certificates.count)
        found = measure_files(copy / COPIES, progress=told)
        findings += _compare(backup / COPIES, found, expected.certificates)
    elif certificates and (copy / COPIES).is_dir():
        unchecked.append(f"copies of certificates: no {MANIFEST} says what they were")
    return HomeAudit(audit.meta, audit.signatures, tuple(findings), tuple(unchecked))


def _files(backup: Path, *, certificates: bool) -> Iterator[Path]:
    """The files of a backup that belong into a home, relative to it."""
    for name in (*_FOLDERS, "keys", *((COPIES,) if certificates else ())):
        for path in sorted((backup / name).rglob("*")):
            if path.is_file():
                yield path.relative_to(backup)
    for name in _FILES:
        if (backup / name).is_file():
            yield Path(name)


def _copy_all(backup: Path, copy: Path, progress: Progress, *, certificates: bool) -> None:
    total, done = folder_bytes(backup), 0
    for folder in _FOLDERS:
        if (backup / folder).is_dir():
            ensure_directory(copy / folder, create=True)
    names = list(_files(backup, certificates=certificates))
    for name in names:
        if not (copy / name).parent.is_dir():
            (copy / name).parent.mkdir(mode=0o700, parents=True)
        with (
            open(backup / name, "rb", opener=_open_no_link) as source,
            (copy / name).open("xb") as target,
        ):
            os.fchmod(target.fileno(), 0o600 if name.parts[0] in ("keys", COPIES) else 0o644)
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)
                done += len(chunk)
                progress("copying", done, total)
            target.flush()
            os.fsync(target.fileno())
    for parent in {parent for name in names for parent in name.parents}:
        sync_directory(copy / parent)


def _open_no_link(path: str, flags: int) -> int:
    """A link that was put there since it was looked at is not followed either."""
    return os.open(path, flags | os.O_NOFOLLOW)


def _tell(progress: Progress, total: int, done: int) -> None:
    progress("checking the copies of certificates", done, total)


def _compare(where: Path, found: Copied, expected: Copied) -> list[Finding]:
    """Whether the copies of certificates are those that were backed up."""
    if found == expected:
        return []
    remedy = "; they can be left out: restore --no-certificates"
    if (found.count, found.size_bytes) == (expected.count, expected.size_bytes):
        fault = f"the {found.count} copies of certificates are not what was copied: altered"
        return [Finding(str(where), fault + remedy)]
    there = f"holds {found.count} files with {found.size_bytes} bytes"
    fault = f"{there}, {MANIFEST} names {expected.count} with {expected.size_bytes}"
    return [Finding(str(where), fault + remedy)]


@dataclass(frozen=True)
class _Manifest:
    """What ``backup.json`` says that is compared. ``certificates`` is None where they were left
    out, and of a backup of the first format."""

    app_hash: bytes
    certificates: Copied | None


def _read_manifest(path: Path) -> _Manifest | None:
    """Read ``backup.json``; None where there is none: a backup of another make says nothing.

    Raises:
        InvalidInput: it is not of the form of one, or of a newer format.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        content = file.read(_MAX_MANIFEST_BYTES + 1)
    value = decode_json_object(content, place=MANIFEST, max_bytes=_MAX_MANIFEST_BYTES)
    form = value.get("format")
    if form not in (BACKUP_FORMAT, FIRST_BACKUP_FORMAT):
        raise InvalidInput(
            f"{MANIFEST}.format", f"must be {BACKUP_FORMAT} or {FIRST_BACKUP_FORMAT}"
        )
    app_hash = read_hash(value.get("app_hash"), f"{MANIFEST}.app_hash")
    if form == FIRST_BACKUP_FORMAT:
        return _Manifest(app_hash, None)
    certificates = value.get("certificates")
    if certificates not in ("included", "left out"):
        raise InvalidInput(f"{MANIFEST}.certificates", 'must be "included" or "left out"')
    if certificates == "left out":
        return _Manifest(app_hash, None)
    parts = read_object(value.get("parts"), f"{MANIFEST}.parts")
    return _Manifest(app_hash, _read_part(parts.get(COPIES), f"{MANIFEST}.parts.{COPIES}"))


def _read_part(value: Any, place: str) -> Copied:
    part = read_object(value, place)
    return Copied(
        read_integer(part.get("count"), f"{place}.count"),
        read_integer(part.get("bytes"), f"{place}.bytes"),
        read_hash(part.get("sha256"), f"{place}.sha256"),
    )
