"""Making a home go on as the chain that its new genesis names.

Each step leaves the home so that running the command again brings it to its end. The one that
counts, appending the genesis, is one synced write of the ledger's store.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.home_audit import audit_home
from node.cli.homes import read_meta
from node.cli.progress import Progress
from node.config import NodeConfig
from node.core.errors import InvalidInput
from node.core.genesis import Genesis
from node.ledger.application import Application
from node.ledger.audit import Finding
from node.ledger.rows import GENESIS, META, Meta
from node.storage.directory import ensure_directory, sync_directory
from node.storage.leveldb import open_leveldb
from node.storage.segments import FileSegments

__all__ = ["continue_home"]

_COPY, _DONE = ".migrating", ".migrated"
"""Folders in a home: the copy of a backup, and the same once it holds the new genesis."""
_STORES = ("blocks", "ledger")
"""In the order in which they get their names: a home without ``ledger`` has no chain yet."""


def continue_home(
    config: NodeConfig, genesis: Genesis, backup: Path | None, progress: Progress
) -> tuple[Meta | None, Sequence[Finding]]:
    """Have the home hold the chain of ``genesis``, behind the one that it names.

    Args:
        config: of the home, which holds the old chain's ledger, or none.
        genesis: of the new chain.
        backup: of a home that holds the old chain, for a home that has no ledger.
        progress: told how far it is.

    Returns:
        How far the ledger has come. Or None, and what an audit found wrong with it: then nothing
        was changed.

    Raises:
        CommandFailure: there is no old ledger, or there are two.
        InvalidInput: the genesis does not continue the old chain.
        StorageError, OSError: a store is in use, or cannot be written.
    """
    if genesis.predecessor is None:
        raise InvalidInput("genesis.predecessor", "is missing: this genesis continues no chain")
    home = config.home
    _drop_empty(home)
    if not (home / "ledger").is_dir() and not (home / _DONE).is_dir():
        findings = _bring(home, genesis, backup, progress)
        if findings:
            return None, findings
    _name_copy(home, genesis)
    if not _holds(home, genesis):
        if backup is not None:
            raise CommandFailure(
                ExitCode.BAD_INPUT,
                f"{home}: has a ledger of its own, which a backup would replace",
                "leave --backup out, or name a home without a ledger",
            )
        findings = _continue_stores(config, genesis, progress)
        if findings:
            return None, findings
    _write_genesis(home / "genesis.json", genesis.document)
    with open_leveldb(home / "ledger", kind="ledger", create=False) as ledger:
        return read_meta(ledger), ()


def _drop_empty(home: Path) -> None:
    """Remove the empty stores that a node leaves which was started before its ledger was here."""
    if not (home / "ledger").is_dir():
        return
    with open_leveldb(home / "ledger", kind="ledger", create=False) as ledger:
        if ledger.get(META) is not None:
            return
    for name in _STORES:
        shutil.rmtree(home / name, ignore_errors=True)


def _holds(home: Path, genesis: Genesis) -> bool:
    """Whether the ledger there is of the new chain already."""
    with open_leveldb(home / "ledger", kind="ledger", create=False) as ledger:
        return ledger.get(GENESIS) == genesis.document


def _continue_stores(config: NodeConfig, genesis: Genesis, progress: Progress) -> Sequence[Finding]:
    """Audit the ledger whole, then append the genesis. With findings, nothing was changed."""
    audit = audit_home(config, None, progress)
    if audit.findings:
        return audit.findings
    with open_leveldb(config.path("ledger"), kind="ledger", create=False) as ledger:
        blocks = FileSegments(config.path("blocks"), create=False)
        try:
            application = Application(ledger, blocks)
            application.init_chain(genesis)
            application.close()
        finally:
            blocks.close()
    return ()


def _bring(
    home: Path, genesis: Genesis, backup: Path | None, progress: Progress
) -> Sequence[Finding]:
    """Copy ledger and blocks from a backup into the home's folder `_DONE`, and continue them."""
    if backup is None:
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{home}: has no ledger",
            "--backup names the directory that `evidence-node backup` made of the old home",
        )
    if not all((backup / name).is_dir() for name in _STORES):
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{backup}: is no backup: it has no ledger and blocks",
            "name the directory that `evidence-node backup` made",
        )
    copy = home / _COPY
    if copy.exists():
        shutil.rmtree(copy)
    ensure_directory(copy, create=True)
    for position, name in enumerate(_STORES):
        progress("copying", position, len(_STORES))
        _copy_folder(backup / name, copy / name)
    findings = _continue_stores(NodeConfig(home=copy), genesis, progress)
    if not findings:
        copy.rename(home / _DONE)
        sync_directory(home)
    return findings


def _name_copy(home: Path, genesis: Genesis) -> None:
    """Put the continued copy in place, if there is one."""
    done = home / _DONE
    if not done.is_dir():
        return
    if (done / "ledger").is_dir():
        if not _holds(done, genesis):
            raise CommandFailure(
                ExitCode.BAD_INPUT,
                f"{done}: is of another migration, which was cut off",
                "finish that one, or remove the folder",
            )
        for name in _STORES:
            if (done / name).is_dir():
                (done / name).rename(home / name)
                sync_directory(home)
    shutil.rmtree(done)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder's files, durably."""
    ensure_directory(target, create=True)
    for path in sorted(item for item in source.iterdir() if item.is_file()):
        with path.open("rb") as given, (target / path.name).open("xb") as taken:
            shutil.copyfileobj(given, taken, 1 << 20)
            taken.flush()
            os.fsync(taken.fileno())
    sync_directory(target)


def _write_genesis(path: Path, document: bytes) -> None:
    """Put the genesis in place of the one before, whole or not at all."""
    if path.is_file() and path.read_bytes() == document:
        return
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(document)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_directory(path.parent)
