"""``evidence-node status``: how a node is doing, asked of it, or read from its home."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from node.cli.admin import find_running
from node.cli.exit_codes import ExitCode
from node.cli.homes import add_home, read_home
from node.cli.output import say, write_json
from node.cli.parsers import add_command

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Says how far a node has come and how it is doing. A running node is asked over the socket admin.sock
in its home, as its own user; of one that does not run the stores are read.
"""
_EXAMPLES = """
evidence-node status --home /var/lib/evidence
evidence-node status --home /var/lib/evidence --json
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "status", _DESCRIPTION, _EXAMPLES)
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Tell the status."""
    config = read_home(args.home, needs_ledger=False)
    admin = find_running(Path(args.home))
    if admin is not None:
        with admin:
            told = {"running": True, **admin.status()}
    else:
        from node.cli.home_status import stopped_status

        told = stopped_status(read_home(config.home))
    if args.json:
        write_json(told)
        return ExitCode.OK
    for name, value in _lines(told):
        say("{:<28} {}", name, value)
    return ExitCode.OK


def _lines(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value of nested objects, with a name that says where it stands."""
    for key, item in value.items():
        name = prefix + (key if "." in key else key.replace("_", " "))
        if isinstance(item, Mapping):
            yield from _lines(item, f"{name}, ")
        elif isinstance(item, list):
            yield name, ", ".join(map(str, item)) or "none"
        elif isinstance(item, bool):
            yield name, "yes" if item else "no"
        else:
            yield name, str(item)
