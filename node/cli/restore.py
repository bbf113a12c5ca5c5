"""``evidence-node restore``: puts a backup in place and audits it before it says done."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from node.cli.audit import audit_json, tell_audit
from node.cli.exit_codes import ExitCode
from node.cli.home_restore import UNVERIFIED, restore_home
from node.cli.homes import add_home
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.progress import shown_progress
from node.config import load_config
from node.evidence.certificates.keeping import COPIES

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Copies a backup into a new home and audits the copy whole: everything is recomputed from the
genesis. Only when nothing is wrong does it become the home. The backup is left as it is; a home
that is not empty is refused. The audit needs as much space again as the ledger.

A backup from before an erasure brings the erased data back: erase again what the chain names in
disclosure.erased. Copies of certificates that are not those that backup.json tells of keep it from
becoming a home; --no-certificates restores it without them. Never let two nodes run with the same
validator key. A backup of a consortium's node does not hold its engine's directory, so that a
validator key never signs twice: the restored ledger can be read and audited, and docs/consortium.md
says how such a node joins again.
"""
_CONSORTIUM = """The engine's directory is in no backup, so that no validator key signs twice.
Put it back as it was when the node last ran, if it is still whole; else have the node join anew,
with the private data restored here: docs/consortium.md, "Bringing a node back"."""
_EXAMPLES = """
evidence-node restore --from /mnt/backup/2026-03-01 --home /var/lib/evidence-restored
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "restore", _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "--from", required=True, metavar="BACKUP", dest="backup", help="the backup's directory"
    )
    add_home(parser, "the new home: a directory that does not exist, or is empty")
    parser.add_argument(
        "--no-certificates", action="store_true", help="leave out the copies of certificates"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Restore the backup."""
    home = Path(args.home)
    with shown_progress() as progress:
        audit = restore_home(
            Path(args.backup), home, progress, certificates=not args.no_certificates
        )
    keys = (home / "keys").is_dir()
    if args.json:
        told = {
            "certificates": "there" if (home / COPIES).is_dir() else "none",
            "home": args.home,
            "keys": "there" if keys else "missing",
        }
        write_json({**audit_json(audit), **told})
    else:
        tell_audit(audit)
        if audit.findings:
            say("Not restored. The copy is left in {}.", home / UNVERIFIED)
        elif load_config(home).engine.kind == "cometbft":
            say("Restored. {}", _CONSORTIUM)
        elif keys:
            say("Restored. Next: evidence-node run --home {}", home)
        else:
            say("Restored. Put the folder keys back into {} before you run the node.", home)
    return ExitCode.FAULT if audit.findings else ExitCode.OK
