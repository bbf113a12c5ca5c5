"""``evidence-node audit``: recomputes a ledger from its genesis and says what is not as it was."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.home_audit import HomeAudit, audit_home
from node.cli.homes import add_home, read_home
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.progress import shown_progress

__all__ = ["add_parser", "audit_json", "run", "tell_audit"]

_DESCRIPTION = """
Reads every file of a home, or of a backup, whose node does not run. Makes the whole ledger again
from its genesis and its blocks, checks the signature of every record and the commit of every block
on the way, and compares row by row: log, state, indexes, statistics. So it finds a flipped bit in
any file, and also what was altered together with its checksums. Says where what is wrong, and
changes nothing. The access log is checked too, and private data where keys/wrapping.key is there.
"""
_EXAMPLES = """
evidence-node audit --home /var/lib/evidence
evidence-node audit --home /mnt/backup/2026-03-01 --scratch /var/tmp --json
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "audit", _DESCRIPTION, _EXAMPLES)
    add_home(parser, "a home or a backup; its node must not run")
    parser.add_argument(
        "--scratch",
        metavar="DIR",
        help="where the ledger is made again; needs as much space as it; default: in the home",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Audit the home and tell what is wrong."""
    config = read_home(args.home)
    with shown_progress() as progress:
        audit = audit_home(config, Path(args.scratch) if args.scratch else None, progress)
    if args.json:
        write_json(audit_json(audit))
    else:
        tell_audit(audit)
    return ExitCode.FAULT if audit.findings else ExitCode.OK


def audit_json(audit: HomeAudit) -> dict[str, Any]:
    """The audit as one JSON object."""
    told: dict[str, Any] = {
        "clean": not audit.findings,
        "findings": [{"what": item.what, "where": item.where} for item in audit.findings],
        "signatures": audit.signatures,
        "unchecked": list(audit.unchecked),
    }
    if audit.meta is not None:
        told["ledger"] = {
            "app_hash": audit.meta.app_hash.hex(),
            "chain_id": audit.meta.chain_id,
            "height": audit.meta.height,
            "root": audit.meta.root.hex(),
            "size": audit.meta.size,
            "state_root": audit.meta.state_root.hex(),
        }
    return told


def tell_audit(audit: HomeAudit) -> None:
    """Write the audit's outcome for a reader."""
    if audit.meta is not None:
        say("Chain:       {}, height {}", audit.meta.chain_id, audit.meta.height)
        say("Log:         {} entries, root {}", audit.meta.size, audit.meta.root.hex())
        say("State:       {}", audit.meta.state_root.hex())
    say("Checked:     signatures of {} records, every block, row and file", audit.signatures)
    for item in audit.unchecked:
        say("Not checked: {}", item)
    for finding in audit.findings:
        say("WRONG:       {}: {}", finding.where, finding.what)
    if audit.findings:
        say(
            "{} things are wrong. Keep the directory as it is and restore a backup.",
            len(audit.findings),
        )
    else:
        say("Nothing is wrong.")
