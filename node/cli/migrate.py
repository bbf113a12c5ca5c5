"""``evidence-node migrate``: a chain of one node becomes the past of a consortium's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from node.cli.chain_end import end_chain, reopen_chain
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input, write_output
from node.cli.home_migration import continue_home
from node.cli.homes import add_home, read_home
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.progress import shown_progress
from node.config import load_config
from node.core.genesis import MAX_GENESIS_BYTES, Genesis, decode_genesis
from node.core.trust import Trust
from node.ledger.audit import Finding
from node.ledger.lineage import ChainEnd
from node.ledger.rows import Meta

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
From one machine to many, in two acts. `prepare` ends the chain of a solo node that does not run,
and writes what the genesis of the consortium has to say of it: its last header, and its log and
state as they are then. From then on the home makes no more blocks, until `--undo`.

`apply` makes a home go on under the new genesis, once its founders have agreed on it: the old
node's home as it lies, or a founder's new home with a backup of the old one. The whole ledger is
made again from its blocks before anything is changed. Codes, receipts and bundles made before stay
good. Cut off anywhere, either act is simply run again.
"""
_EXAMPLES = """
evidence-node migrate prepare --home /var/lib/evidence --out predecessor.json
evidence-node backup --home /var/lib/evidence --to /mnt/evidence-ended     # for the other founders
evidence-node migrate apply --home /var/lib/evidence --genesis genesis.json
evidence-node migrate apply --home /var/lib/evidence-court --genesis genesis.json \\
    --backup /mnt/evidence-ended
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "migrate", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    prepare = actions.add_parser("prepare", help="end a solo node's chain, and say where it ends")
    add_home(prepare, "the home; its node must not run")
    prepare.add_argument(
        "--out", metavar="FILE", help="write what the new genesis has to say of the chain, as JSON"
    )
    prepare.add_argument("--undo", action="store_true", help="take the end back")
    prepare.set_defaults(run=_prepare)
    apply = actions.add_parser("apply", help="make a home go on under the new genesis")
    add_home(apply, "the old home, or a new one without a ledger; its node must not run")
    apply.add_argument("--genesis", required=True, metavar="FILE", help="the new chain's genesis")
    apply.add_argument(
        "--backup", metavar="DIR", help="a backup of the old home, for a home without a ledger"
    )
    apply.set_defaults(run=_apply)
    for action in (prepare, apply):
        action.add_argument("--json", action="store_true", help="answer in JSON")


def run(args: argparse.Namespace) -> int:
    """Run the action; each has a function of its own."""
    code: int = args.run(args)
    return code


def _prepare(args: argparse.Namespace) -> int:
    config = read_home(args.home)
    if args.undo:
        return _undo(args, reopened=reopen_chain(config))
    end = end_chain(config)
    if args.out is not None:
        _write(Path(args.out), end)
    if args.json:
        write_json(end.to_json())
        return ExitCode.OK
    named = end.predecessor
    say("Ended:         {}, at height {}", named.chain_id, end.last.height)
    say("Log:           {} entries, root {}", named.size, named.root.hex())
    say("Last header:   {}", named.header_hash.hex())
    say("Continues at:  initial_height {}", end.initial_height)
    say("Give {} to the founders, with a backup of this home.", args.out or "the same with --out")
    return ExitCode.OK


def _write(path: Path, end: ChainEnd) -> None:
    """Write the file; what an earlier run wrote of the same end is left."""
    content = json.dumps(end.to_json(), indent=2, sort_keys=True).encode("ascii") + b"\n"
    if not (path.is_file() and path.read_bytes() == content):
        write_output(path, content)


def _undo(args: argparse.Namespace, *, reopened: bool) -> int:
    if args.json:
        write_json({"reopened": reopened})
    elif reopened:
        say("The chain goes on. A genesis that names its end as it was must not be used any more.")
    else:
        say("This home's chain has not been ended.")
    return ExitCode.OK


def _apply(args: argparse.Namespace) -> int:
    genesis = decode_genesis(read_input(args.genesis, MAX_GENESIS_BYTES))
    if not Path(args.home).is_dir():
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{args.home}: is no directory",
            "name the old home, or one with the keys and the node.toml of a founder's node",
        )
    config = load_config(args.home)
    own = config.path("genesis.json")
    if args.backup is not None and own.is_file() and own.read_bytes() != genesis.document:
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{own}: is another genesis than {args.genesis}",
            "a home that is to be filled from a backup has the new genesis, or none",
        )
    with shown_progress() as progress:
        backup = None if args.backup is None else Path(args.backup)
        meta, findings = continue_home(config, genesis, backup, progress)
    _tell(args, genesis, meta, findings)
    return ExitCode.FAULT if findings else ExitCode.OK


def _tell(args: argparse.Namespace, genesis: Genesis, meta: Meta | None, findings: Any) -> None:
    found: list[Finding] = list(findings)
    assert genesis.predecessor is not None
    if args.json:
        told: dict[str, Any] = {
            "chain_id": genesis.chain_id,
            "findings": [{"what": item.what, "where": item.where} for item in found],
            "genesis_hash": genesis.hash.hex(),
            "predecessor": genesis.predecessor.to_json(),
        }
        if meta is not None:
            told |= {"height": meta.height, "size": meta.size}
        write_json(told)
        return
    for item in found:
        say("WRONG:         {}: {}", item.where, item.what)
    if meta is None:
        say("Nothing was changed. Take another backup of the old home, or restore one there.")
        return
    fingerprint = Trust(genesis.chain_id, genesis.hash).fingerprint.hex()
    say("Chain:         {}, continues {}", genesis.chain_id, genesis.predecessor.chain_id)
    say("Genesis:       {}, entry {} of the log", genesis.hash.hex(), genesis.index)
    say("Ledger:        height {}, {} entries", meta.height, meta.size)
    say("Trust file:    {}", fingerprint)
    if len(genesis.validators) > 1:
        say('Next:          kind = "cometbft" under [engine] of {}/node.toml', args.home)
    say("Start it with  evidence-node run --home {}", args.home)
