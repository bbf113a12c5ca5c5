"""``evidence-node backup``: copies a node's home, while it runs or when it does not."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from node.api.backup import write_backup
from node.cli.admin import Admin, find_running
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import check_absent
from node.cli.homes import add_home, opened_stores, read_home, read_meta
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.progress import Progress, shown_progress

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Copies a node's stores as of one moment, with genesis and configuration, into a new directory. A
running node is asked to do it and goes on meanwhile; of one that does not run the stores are opened
here. The copy is read back before it is given its name, so what bears the name is whole.

The folder keys is copied only with --keys: whoever has keys/wrapping.key and the vault can read all
private data. Keep it apart, but keep it: without it the private data is lost.

The node's copies of the certificates that it issued are part of it, encrypted as they lie in the
home; --no-certificates leaves them out. A node that is restored without them says that they are
gone; whoever has the PDF needs no copy.
"""
_EXAMPLES = """
evidence-node backup --home /var/lib/evidence --to /mnt/backup/2026-03-01
evidence-node audit --home /mnt/backup/2026-03-01
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "backup", _DESCRIPTION, _EXAMPLES)
    add_home(parser)
    parser.add_argument(
        "--to", required=True, metavar="DIR", help="the backup's directory, which must not exist"
    )
    parser.add_argument("--keys", action="store_true", help="copy the folder keys too")
    parser.add_argument(
        "--no-certificates", action="store_true", help="leave out the copies of certificates"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the backup."""
    config = read_home(args.home)
    target = Path(os.path.abspath(args.to))
    parts = {"keys": args.keys, "certificates": not args.no_certificates}
    check_absent(target)
    admin = find_running(config.home)
    with shown_progress() as progress:
        if admin is not None:
            with admin:
                manifest = _ask(admin, target, parts, progress)
        else:
            now = time.time_ns() // 1_000_000
            with opened_stores(config) as stores:
                read_meta(stores.ledger)
                manifest = write_backup(
                    stores, config.home, target, **parts, now=now, progress=progress
                )
    if args.json:
        write_json({**manifest, "target": str(target)})
    else:
        say("Backup:   {}", target)
        say("Chain:    {}, height {}", manifest["chain_id"], manifest["height"])
        say("Log:      {} entries, root {}", manifest["size"], manifest["root"])
        say("Keys:     {}", manifest["keys"])
        say("Copies:   {}", _copies(manifest))
    return ExitCode.OK


def _copies(manifest: dict[str, Any]) -> str:
    """What it holds of certificates; of a node of a release before it says nothing."""
    copied = manifest["parts"].get("certificates")
    if copied is None:
        return "certificates left out"
    missing = manifest.get("certificates_missing", 0)
    told = f"; the files of {missing} more are missing" if missing else ""
    return f"certificates, {copied['count']}{told}"


def _ask(admin: Admin, target: Path, parts: dict[str, bool], progress: Progress) -> dict[str, Any]:
    """Have the running node make the backup; returns what its backup.json says."""
    for told in admin.backup(str(target), **parts):
        if told["event"] == "progress":
            progress(told["part"], told["done"], told["total"])
        elif told["event"] == "failed":
            problem = told["problem"]
            codes = {400: ExitCode.BAD_INPUT, 500: ExitCode.FAULT}
            code = codes.get(problem["status"], ExitCode.INPUT_OUTPUT)
            raise CommandFailure(code, problem["detail"], problem=problem)
        else:
            manifest: dict[str, Any] = told["manifest"]
            return manifest
    raise CommandFailure(
        ExitCode.UNREACHABLE, f"{target}: the node ended before the backup did", "see its log"
    )
