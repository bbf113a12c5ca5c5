"""``evidence-node reindex``: makes everything that follows from the blocks anew."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.homes import add_home, read_home, read_meta, worth_processes
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.progress import shown_progress
from node.config import NodeConfig
from node.core.errors import LedgerFault
from node.ledger.opening import FrameOpener
from node.ledger.replay import Replayed, replay_ledger
from node.ledger.rows import ENDED
from node.storage.directory import sync_directory
from node.storage.leveldb import open_leveldb
from node.storage.segments import FileSegments

__all__ = ["add_parser", "reindex_home", "run"]

_DESCRIPTION = """
Makes log, state map, look-up indexes and statistics anew from the blocks, whose signatures and
hashes are all checked on the way, and puts them in the place of what was there. The node must not
run. The blocks themselves, the genesis and the node's own records are not touched. Needed after an
upgrade that adds an index, or when an audit finds only derived rows at fault.
"""
_EXAMPLES = """
evidence-node reindex --home /var/lib/evidence
"""
_NEW, _BEFORE = "ledger.new", "ledger.before"


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "reindex", _DESCRIPTION, _EXAMPLES)
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Reindex the home."""
    finish_interrupted(Path(args.home))
    config = read_home(args.home)
    with shown_progress() as progress:
        replayed = reindex_home(config, lambda done, of: progress("blocks", done, of))
    if args.json:
        write_json(asdict(replayed))
    else:
        say(
            "Made anew up to height {}: {} entries, {} signatures checked.",
            replayed.height,
            replayed.size,
            replayed.signatures,
        )
    return ExitCode.OK


def finish_interrupted(home: Path) -> None:
    """Bring an exchange to its end that was cut off between its two renamings."""
    if not (home / "ledger").exists() and (home / _BEFORE).is_dir():
        (home / _BEFORE).rename(home / "ledger")
        sync_directory(home)


def reindex_home(config: NodeConfig, progress: Callable[[int, int], None]) -> Replayed:
    """Make the ledger's store anew and put it in place.

    Raises:
        LedgerFault: the blocks do not give what the ledger says; nothing was changed.
        StorageError: a store is in use, or cannot be written.
    """
    new = config.path(_NEW)
    for folder in (new, config.path(_BEFORE)):
        if folder.exists():
            shutil.rmtree(folder)
    try:
        replayed = _replay(config, new, progress)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    config.path("ledger").rename(config.path(_BEFORE))
    new.rename(config.path("ledger"))
    sync_directory(config.home)
    shutil.rmtree(config.path(_BEFORE))
    return replayed


def _replay(config: NodeConfig, new: Path, progress: Callable[[int, int], None]) -> Replayed:
    """Make the ledger again in the folder ``new``."""
    with ExitStack() as stack:
        ledger = open_leveldb(config.path("ledger"), kind="ledger", create=False)
        stack.callback(ledger.close)
        before = read_meta(ledger)
        bodies = FileSegments(config.path("blocks"), create=False)
        stack.callback(bodies.close)
        made = open_leveldb(new, kind="ledger")
        stack.callback(made.close)
        workers = config.workers if worth_processes(config) else 0
        opener = stack.enter_context(FrameOpener({}, workers))
        replayed = replay_ledger(
            *(ledger, bodies, made, opener, progress),
            proofs_follow=config.engine.kind != "solo",
        )
        if read_meta(made).app_hash != before.app_hash:
            raise LedgerFault(
                "the blocks lead to another app_hash than the ledger says; nothing was changed: "
                "run `evidence-node audit`, then restore a backup"
            )
        if (ended := ledger.get(ENDED)) is not None:
            batch = made.batch()
            batch.put(ENDED, ended)
            made.write(batch, sync=False)
    # Nothing of it was synced. Opening it again writes its log into tables, which are.
    with open_leveldb(new, kind="ledger", create=False) as made:
        made.check()
    return replayed
