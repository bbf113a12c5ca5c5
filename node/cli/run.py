"""``evidence-node run``: runs a node until it is told to stop."""

from __future__ import annotations

import argparse
from typing import Any

from node.cli.parsers import add_command

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Runs the node whose home is given: takes submissions, makes blocks, answers look-ups. It listens
where node.toml says (default http://127.0.0.1:8440) and, for status and backup, on the socket
admin.sock in its home. It stops on SIGTERM and SIGINT, once what it has acknowledged is safe; after
a crash it goes on from what is on disk. Once it is ready it says so in one line, with its URL; with
--json that line is {"event": "ready", "chain_id": …, "url": …}.
"""
_EXAMPLES = """
evidence-node run --home /var/lib/evidence
evidence-node run --home /var/lib/evidence --json
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "run", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--home", required=True, metavar="DIR", help="the node's home")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the node; its exit code is the command's."""
    from node.api.server import run_server
    from node.cli.homes import read_home

    return run_server(read_home(args.home, needs_ledger=False), as_json=args.json)
