"""``evidence-node init``: makes the home of a node that starts a chain of its own."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.members import Founder, Founding, read_founding
from node.cli.members_example import EXAMPLE_OPERATOR, write_example
from node.cli.new_home import NewHome, make_home
from node.cli.output import fingerprint_lines, say, write_json
from node.cli.parsers import add_command
from node.core.trust import Trust

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Makes the home of a node that starts a chain of its own: keys/validator.pem signs blocks,
keys/checkpoint.pem signs checkpoints, keys/wrapping.key protects the private data, genesis.json
says who is in the consortium, node.toml is the configuration. If the members file gives no key for
the member that runs the node, its key is made here as keys/operator.pem.

The home must not exist, or be empty. Nothing is ever overwritten.
"""
_EXAMPLES = """
evidence-node init --example trial                          # a members file and keys to try with
evidence-node init --home trial/node --chain-id trial-1 --members trial/members.toml
evidence-node run --home trial/node
evidence-node init --home /var/lib/evidence --chain-id jinan-seals --members members.toml \\
    --operator bureau-3701
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "init", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--home", metavar="DIR", help="the node's new home")
    parser.add_argument(
        "--chain-id", metavar="ID", help="1 to 50 letters, digits, '.', '_' or '-'; for ever"
    )
    parser.add_argument("--members", metavar="FILE", help="who is in the consortium (members.toml)")
    parser.add_argument(
        "--operator",
        metavar="MEMBER",
        help="the member that runs this node; default: the one whose role is operator",
    )
    parser.add_argument(
        "--example", metavar="DIR", help="write a members file with fresh keys, and no home"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make a home, or an example members file."""
    asked = {"--home": args.home, "--chain-id": args.chain_id, "--members": args.members}
    if args.example is not None:
        if any(value is not None for value in (*asked.values(), args.operator)):
            raise CommandFailure(ExitCode.USAGE, "--example stands alone")
        return _write_example(args)
    missing = [name for name, value in asked.items() if value is None]
    if missing:
        raise CommandFailure(
            ExitCode.USAGE, f"{', '.join(missing)}: missing", "`evidence-node init --help` explains"
        )
    founding = read_founding(args.members)
    operator = _choose_operator(founding, args.operator, args.members)
    home = Path(args.home)
    made = make_home(home, args.chain_id, founding, operator, time.time_ns() // 1_000_000)
    _tell(args, made, founding)
    return ExitCode.OK


def _write_example(args: argparse.Namespace) -> int:
    folder = Path(args.example)
    written = write_example(folder)
    if args.json:
        write_json({"files": [str(path) for path in written], "operator": EXAMPLE_OPERATOR})
        return ExitCode.OK
    say("Wrote {} and {} key files in {}.", written[0], len(written) - 1, folder / "keys")
    say(
        "Next: evidence-node init --home {} --chain-id trial-1 --members {}",
        folder / "node",
        written[0],
    )
    return ExitCode.OK


def _choose_operator(founding: Founding, wanted: str | None, path: str) -> Founder:
    """The member that runs the node.

    Raises:
        CommandFailure: it is not named, or no member; or another member has no key.
    """
    if wanted is None:
        fitting = [member for member in founding.members if "operator" in member.roles]
        if len(fitting) != 1:
            raise CommandFailure(
                ExitCode.USAGE,
                f"{path}: {len(fitting)} members have the role operator",
                "--operator names the one that runs this node",
            )
    else:
        fitting = [member for member in founding.members if member.id == wanted]
        if not fitting:
            raise CommandFailure(ExitCode.BAD_INPUT, f"{path}: has no member {wanted}")
    for member in founding.members:
        if member.key is None and member is not fitting[0]:
            raise CommandFailure(
                ExitCode.BAD_INPUT,
                f"{path}: member {member.id}: key is missing",
                "only the member that runs this node may have its key made here",
            )
    return fitting[0]


def _tell(args: argparse.Namespace, made: NewHome, founding: Founding) -> None:
    genesis = made.genesis
    fingerprint = Trust(genesis.chain_id, genesis.hash).fingerprint.hex()
    powerless = [member.id for member in founding.members if member.powerless]
    if args.json:
        write_json(
            {
                "chain_id": genesis.chain_id,
                "genesis_hash": genesis.hash.hex(),
                "home": args.home,
                "operator": made.operator,
                "operator_kid": made.operator_kid or "",
                "trust_fingerprint": fingerprint,
                "without_division": powerless,
            }
        )
        return
    say("Home:         {}", os.path.abspath(args.home))
    say("Chain:        {}, {} members", genesis.chain_id, len(genesis.members))
    say("Genesis:      {}", genesis.hash.hex())
    first, second = fingerprint_lines(fingerprint)
    say(f"Trust file:   {first}\n              {second} (its fingerprint)")
    if made.operator_kid is None:
        say("Operator:     {}; its key is elsewhere, so the node makes no", made.operator)
        say("              records itself until node.toml names operator and key")
    else:
        say("Operator:     {}, key {}", made.operator, made.operator_kid)
    for member in powerless:
        say("Warning:      {} has no division, so it can act on no seal", member)
    say("Make a backup of {} and keep it apart.", os.path.join(args.home, "keys"))
    say("Next: evidence-node run --home {}", args.home)
