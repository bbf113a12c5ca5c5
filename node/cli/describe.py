"""``evidence-node describe``: makes a member's keys at home and what the others must know of it."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import check_absent, write_output
from node.cli.key_files import read_password
from node.cli.new_home import empty_home
from node.cli.output import fingerprint_lines, say, write_json
from node.cli.parsers import add_command
from node.client.keys import SigningKey
from node.core.genesis import ROLES, ed25519_jwk
from node.core.member_description import MemberDescription, encode_description, verify_description
from node.core.signatures import load_backend
from node.storage.directory import sync_directory
from node.vault.keys import create_wrapping_key
from node.wiring import EdKey

__all__ = ["DESCRIPTION_FILE", "add_parser", "run"]

DESCRIPTION_FILE = "description.json"
_RECOVERY_FILE = "recovery.pem"
_NODE_KEYS = ("validator", "checkpoint", "node")
_DEFAULT_POWER = 10
_DESCRIPTION = """
The first step of founding a consortium: makes a home with the member's keys, and description.json
in it, which holds the public ones, the member's name and roles, and where its node is reached, and
which every key in it has signed. Send that file to whoever puts the genesis together; the private
keys stay here.

The recovery key replaces a lost or stolen signing key. Move its file to a medium of its own, kept
offline, and make a copy: it must not stay on this machine.

Without --peer the member runs no node: it submits and reads through others' nodes.
"""
_EXAMPLES = """
evidence-node describe --home /var/lib/evidence --member jinan-notary --name 济南公证处 \\
    --role notary --peer notary.example.cn:26656 --recovery /media/usb/recovery.pem
evidence-node describe --home police --member jinan-police --name 济南市公安局 --role police \\
    --division 3701 --peer 192.0.2.7:26656 --validator-power 20
evidence-node describe --home maker --member zhongfu-seals --name 中孚印章 --role seal_maker
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "describe", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--home", required=True, metavar="DIR", help="the member's new home")
    parser.add_argument("--member", required=True, metavar="ID", help="its id, for ever")
    parser.add_argument("--name", required=True, help="its name, as certificates shall show it")
    parser.add_argument(
        "--role",
        required=True,
        action="append",
        choices=ROLES,
        metavar="ROLE",
        help=f"one of {', '.join(ROLES)}; may be given again",
    )
    parser.add_argument(
        "--division",
        action="append",
        default=[],
        metavar="DIGITS",
        help="first 0, 2, 4 or 6 digits of an administrative division; may be given again",
    )
    parser.add_argument(
        "--peer", metavar="HOST:PORT", help="where the other nodes reach this member's node"
    )
    parser.add_argument(
        "--validator-power",
        type=int,
        metavar="N",
        help=f"the power of its votes on blocks, 0 for none; default {_DEFAULT_POWER} with --peer",
    )
    parser.add_argument(
        "--recovery", metavar="FILE", help="the recovery key's new file; default: in the home"
    )
    parser.add_argument(
        "--recovery-password-file",
        metavar="FILE",
        help="its first line encrypts the recovery key's file",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the home and the description."""
    power = args.validator_power
    if power is not None and power and args.peer is None:
        raise CommandFailure(
            ExitCode.USAGE, "--peer: missing", "a validator needs a node that others can reach"
        )
    home = Path(args.home)
    recovery = Path(args.recovery) if args.recovery else home / _RECOVERY_FILE
    password = read_password(args.recovery_password_file)
    with empty_home(home, (DESCRIPTION_FILE,)), ExitStack() as undo:
        check_absent(recovery)
        offline = SigningKey.generate()
        offline.save(recovery, password)
        undo.callback(recovery.unlink)
        described = _make(args, home, offline)
        verify_description(described, load_backend())
        write_output(home / DESCRIPTION_FILE, described.document)
        sync_directory(recovery.parent)
        undo.pop_all()
    _tell(args, described, recovery)
    return ExitCode.OK


def _make(args: argparse.Namespace, home: Path, offline: SigningKey) -> MemberDescription:
    """Make the other keys, write them, and describe the member. Raises InvalidInput, OSError."""
    signing = SigningKey.generate()
    signing.save(home / "keys/operator.pem")
    signers = {"recovery": offline.sign, "signing": signing.sign}
    member: dict[str, Any] = {
        "divisions": sorted(set(args.division)),
        "id": args.member,
        "keys": [{"from": 1, "jwk": signing.jwk.to_json()}],
        "name": args.name,
        "recovery_key": offline.jwk.to_json(),
        "roles": sorted(set(args.role)),
    }
    body: dict[str, Any] = {"member": member}
    if args.peer is not None:
        keys = {name: EdKey.generate(home / f"keys/{name}.pem") for name in _NODE_KEYS}
        create_wrapping_key(home / "keys/wrapping.key")
        power = _DEFAULT_POWER if args.validator_power is None else args.validator_power
        public = {name: ed25519_jwk(key.public_key) for name, key in keys.items()}
        member["checkpoint_key"] = public["checkpoint"]
        body["node"] = {"address": args.peer, "public_key": public["node"]}
        if power:
            body["validator"] = {"power": power, "public_key": public["validator"]}
        else:  # made all the same, for the day on which the members vote it in
            del keys["validator"]
        signers.update({name: key.sign for name, key in keys.items()})
    return encode_description(body, signers)


def _tell(args: argparse.Namespace, described: MemberDescription, recovery: Path) -> None:
    path = Path(args.home) / DESCRIPTION_FILE
    node, validator = described.node, described.validator
    if args.json:
        write_json(
            {
                "description": str(path),
                "hash": described.hash.hex(),
                "home": args.home,
                "member": described.member.id,
                "peer": "" if node is None else node.peer,
                "power": 0 if validator is None else validator.validator.power,
                "recovery": str(recovery),
                "signing_kid": described.member.keys[0].jwk.thumbprint(),
            }
        )
        return
    first, second = fingerprint_lines(described.hash.hex())
    say("Description:  {}; send it to whoever puts the genesis together", path)
    say("Member:       {}, {}", described.member.id, described.member.name)
    say("Signing key:  {}", described.member.keys[0].jwk.thumbprint())
    if node is not None:
        say("Peer:         {}", node.peer)
        say("Power:        {}", 0 if validator is None else validator.validator.power)
    say(f"Its hash:     {first}\n              {second}")
    say("Recovery key: {}; take it off this machine, with a copy elsewhere", recovery)
    say("Next: evidence-node genesis check GENESIS --home {}", args.home)
