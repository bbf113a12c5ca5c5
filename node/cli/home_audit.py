"""Auditing a whole home: the ledger, and what the node keeps beside it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.homes import folder_bytes, read_meta, worth_processes
from node.cli.progress import Progress
from node.config import NodeConfig
from node.core.errors import EvidenceError, LedgerFault
from node.ledger.audit import Finding, audit_ledger
from node.ledger.rows import GENESIS, Meta
from node.storage.errors import StoreCorrupt
from node.storage.leveldb import LevelStore, open_leveldb
from node.storage.segments import FileSegments
from node.vault.access_log import AccessLog
from node.vault.opening import open_vault

__all__ = ["HomeAudit", "audit_home"]

_GARBAGE = (msgspec.DecodeError, LookupError, OverflowError, TypeError, ValueError)
"""What decoding a row raises that was altered together with its checksum."""


@dataclass(frozen=True)
class HomeAudit:
    """What an audit found. ``meta`` is None where the ledger does not even say how far it is.

    ``signatures`` counts the records' that were checked, ``unchecked`` says what was left out.
    """

    meta: Meta | None
    signatures: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def audit_home(config: NodeConfig, scratch: Path | None, progress: Progress) -> HomeAudit:
    """Audit the home of a node that does not run, or a backup.

    Args:
        config: of the home.
        scratch: where the ledger is made again; it needs as much space as the ledger. None: in
            the home.
        progress: told how far it is.

    Raises:
        CommandFailure: there is not enough space.
        StorageError: a store is missing or in use.
    """
    unchecked: list[str] = []
    try:
        meta, signatures, findings = _audit_ledger(
            config, scratch or config.home, unchecked, progress
        )
    except StoreCorrupt as error:  # so damaged that it cannot even be opened
        meta, signatures, findings = None, 0, [Finding(error.where, str(error))]
    progress("the node's own records", 0, 0)
    for check in (_check_local, _check_journal):
        try:
            findings += check(config, unchecked)
        except StoreCorrupt as error:
            findings.append(Finding(error.where, str(error)))
    return HomeAudit(meta, signatures, tuple(findings), tuple(unchecked))


def _audit_ledger(
    config: NodeConfig, scratch: Path, unchecked: list[str], progress: Progress
) -> tuple[Meta | None, int, list[Finding]]:
    with ExitStack() as stack:
        ledger = _open_ledger(config, stack)
        bodies = FileSegments(config.path("blocks"), create=False)
        stack.callback(bodies.close)
        made = stack.enter_context(_scratch_store(scratch, folder_bytes(config.path("ledger"))))
        workers = config.workers if worth_processes(config) else 0
        try:
            meta = read_meta(ledger)
            report = audit_ledger(
                *(ledger, bodies, made, workers, progress),
                proofs_follow=config.engine.kind != "solo",
            )
        except (LedgerFault, *_GARBAGE) as error:
            return None, 0, [Finding(str(config.path("ledger")), f"cannot be read: {error}")]
        findings = list(report.findings)
        document = config.path("genesis.json")
        if document.is_file() and document.read_bytes() != ledger.get(GENESIS):
            findings.append(Finding(str(document), "is not the genesis of this ledger"))
        if report.replayed is None:
            return meta, 0, findings
        if report.replayed.unproven:
            unchecked.append(
                f"the other nodes' signatures under the newest {report.replayed.unproven} blocks: "
                "the node stopped before it had fetched them, and will when it runs"
            )
        return meta, report.replayed.signatures, findings


def _open_ledger(config: NodeConfig, stack: ExitStack) -> LevelStore:
    store = open_leveldb(config.path("ledger"), kind="ledger", create=False)
    stack.callback(store.close)
    return store


@contextmanager
def _scratch_store(folder: Path, needed: int) -> Iterator[LevelStore]:
    """An empty store that is removed afterwards."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CommandFailure(
            ExitCode.INPUT_OUTPUT,
            f"{folder}: has {free >> 20} MiB free, the audit needs {(needed >> 20) + 1} MiB there",
            "--scratch names another directory",
        )
    with tempfile.TemporaryDirectory(prefix=".audit-", dir=folder) as directory:
        store = open_leveldb(Path(directory) / "ledger", kind="ledger")
        try:
            yield store
        finally:
            store.close()


def _check_local(config: NodeConfig, unchecked: list[str]) -> list[Finding]:
    """The vault and the access log. Both may be lost without hurting the ledger."""
    path, key_path = config.path("local"), config.path("keys/wrapping.key")
    if not path.is_dir():
        unchecked.append("private data and access log: the home has no folder local")
        return []
    findings: list[Finding] = []
    store = open_leveldb(path, kind="local", create=False)
    try:
        store.check()
        try:
            AccessLog(store).verify()
        except EvidenceError as error:
            findings.append(Finding(str(path), str(error)))
        if not key_path.exists():
            unchecked.append("private data: keys/wrapping.key is not here")
            return findings
        try:
            vault = open_vault(store, key_path.parent)
            findings += [Finding(str(path), str(problem)) for problem in vault.problems()]
        except StoreCorrupt:
            raise
        except EvidenceError as error:
            findings.append(Finding(str(path), str(error)))
    finally:
        store.close()
    return findings


def _check_journal(config: NodeConfig, unchecked: list[str]) -> list[Finding]:
    """The submissions that were acknowledged and are not yet on the chain."""
    if not config.path("journal").is_dir():
        unchecked.append("submissions under way: the home has no folder journal")
        return []
    journal = FileSegments(config.path("journal"), create=False)
    try:
        for _ in journal.records(None):
            pass
    finally:
        journal.close()
    return []
