"""``evidence-node verifiers``: writes the verifiers that run anywhere, and their hashes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.verifiers.building import build_all

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Writes the two verifiers that need neither a node nor a network: evidence-verify.html, one page for
any browser, and evidence-verify.pyz, one file for a bare Python 3.8 or later; and prints their
SHA-256. They follow from this program's sources byte for byte: compare the hashes with the
published ones (docs/verify.md), or those of another installation of the same version.
"""
_EXAMPLES = """
evidence-node verifiers --out verifiers
evidence-node verifiers --out verifiers --json
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "verifiers", _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where they are written; files of these names there are replaced",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write both files and tell their hashes, in the form that ``sha256sum --check`` reads."""
    digests = build_all(Path(args.out))
    if args.json:
        write_json({"verifiers": digests})
    else:
        for name, digest in digests.items():
            say("{}  {}", digest, name)
    return ExitCode.OK
