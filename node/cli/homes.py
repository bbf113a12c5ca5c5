"""Homes of nodes, as commands are given them: their configuration, their stores."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.config import NodeConfig, load_config
from node.core.errors import LedgerFault

if TYPE_CHECKING:
    from node.ledger.rows import Meta
    from node.storage.ports import Reader
    from node.wiring import Stores

__all__ = [
    "add_home",
    "folder_bytes",
    "opened_stores",
    "read_home",
    "read_meta",
    "worth_processes",
]

_FEW_BYTES = 4 << 20


def add_home(parser: argparse.ArgumentParser, meaning: str = "the node's home") -> None:
    """The argument that names a home."""
    parser.add_argument("--home", required=True, metavar="DIR", help=meaning)


def read_home(path: str | Path, *, needs_ledger: bool = True) -> NodeConfig:
    """The configuration of a home, or of a backup, which has the same form.

    Raises:
        CommandFailure: the directory is no home, or has no ledger yet.
        ConfigError: its node.toml cannot be used.
    """
    home = Path(path)
    if not (home / "genesis.json").is_file() and not (home / "ledger").is_dir():
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{home}: is no node's home: it has neither genesis.json nor ledger",
            "name the directory that `evidence-node init` made, or a backup",
        )
    if needs_ledger and not (home / "ledger").is_dir():
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{home}: has no ledger: its node has never run",
            f"`evidence-node run --home {home}` starts it",
        )
    return load_config(home)


@contextmanager
def opened_stores(config: NodeConfig) -> Iterator[Stores]:
    """The stores of a node that does not run.

    Raises:
        StorageError: one is missing, damaged, or in use.
    """
    from node.wiring import open_stores

    stores = open_stores(config, create=False)
    try:
        yield stores
    finally:
        stores.close()


def read_meta(ledger: Reader) -> Meta:
    """How far a ledger has come.

    Raises:
        LedgerFault: its store does not say, or holds no chain.
    """
    from node.ledger.rows import META, decode_meta

    raw = ledger.get(META)
    if raw is None:
        raise LedgerFault("the store holds no chain: its node never came to start")
    try:
        return decode_meta(raw)
    except msgspec.DecodeError as error:
        raise LedgerFault(
            f"the row that says how far the ledger has come is damaged: {error}; restore a backup"
        ) from error


def folder_bytes(folder: Path) -> int:
    """How many bytes the files in ``folder`` hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def worth_processes(config: NodeConfig) -> bool:
    """Whether a home has so many blocks that processes to check them pay for their start."""
    return folder_bytes(config.path("blocks")) > _FEW_BYTES
