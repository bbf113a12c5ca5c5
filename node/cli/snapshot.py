"""``evidence-node snapshot``: has a running node of a consortium take a snapshot of its ledger."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from node.cli.admin import find_running
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.homes import add_home
from node.cli.output import say, write_json
from node.cli.parsers import add_command

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Has a running node of a consortium take a snapshot of its ledger, with which other nodes can join
without replaying all blocks. It is taken at the next block, while blocks go on, and put into the
folder snapshots in the node's home; the newest two stay there. A node takes one by itself after
every consortium.snapshot_every blocks.
"""
_EXAMPLES = """
evidence-node snapshot --home /var/lib/evidence
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "snapshot", _DESCRIPTION, _EXAMPLES)
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask for it, and wait."""
    admin = find_running(Path(args.home))
    if admin is None:
        raise CommandFailure(
            ExitCode.UNREACHABLE,
            f"{args.home}: no node runs there",
            f"evidence-node run --home {args.home}",
        )
    with admin:
        told = admin.snapshot()
    if args.json:
        write_json(told)
    else:
        say("Snapshot of height {}: {} entries, {} chunks.", *_figures(told))
    return ExitCode.OK


def _figures(told: dict[str, Any]) -> tuple[int, int, int]:
    return told["height"], told["size"], told["chunks"]
