"""``evidence-node keys``: makes and shows the keys with which members sign."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import check_absent, sync_names, write_output
from node.cli.key_files import add_password, read_password, read_public_key
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.client.keys import SigningKey
from node.core.encoding import canonical_json
from node.core.signatures import PublicJwk

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Keys on P-256, in PEM (PKCS #8). A member signs records and requests with its signing key; its
recovery key, which replaces a lost or stolen signing key, is kept offline, on a medium of its own.
Private keys never leave the file that they are made in, and no file is ever overwritten. What the
others need is the public key, a JWK; its thumbprint (RFC 7638) is the key's name, the kid.

wrapping is about another key: the one in a node's home under which all private data is encrypted.
It makes a new one beside it. When the node starts the next time it puts the private data under the
new key and then the new file in the old one's place. Old backups are opened by the old key alone:
copy keys/wrapping.key to where you keep it for them, before you start the node.
"""
_EXAMPLES = """
evidence-node keys new --out signing.pem --public signing.jwk
evidence-node keys new --out recovery.pem --public recovery.jwk --password-file password.txt
evidence-node keys show signing.pem
evidence-node keys public signing.pem > signing.jwk
evidence-node keys thumbprint signing.jwk
evidence-node keys wrapping --home /var/lib/evidence
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "keys", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make a key")
    new.add_argument("--out", required=True, metavar="FILE", help="the private key's new file")
    new.add_argument("--public", metavar="FILE", help="a new file for the public key, as a JWK")
    new.set_defaults(run=_new)
    show = actions.add_parser("show", help="show a key's kid and public key")
    public = actions.add_parser("public", help="write the public key, as a JWK")
    thumbprint = actions.add_parser("thumbprint", help="write the kid alone")
    for action, what in ((show, _show), (public, _public), (thumbprint, _thumbprint)):
        action.add_argument("key", metavar="FILE", help="a private key (PEM) or a public one (JWK)")
        action.set_defaults(run=what)
    for action in (new, show, public, thumbprint):
        add_password(action)
        action.add_argument("--json", action="store_true", help="answer in JSON")
    wrapping = actions.add_parser("wrapping", help="make a node's next wrapping key")
    wrapping.add_argument("--home", required=True, metavar="DIR", help="the node's home")
    wrapping.add_argument("--json", action="store_true", help="answer in JSON")
    wrapping.set_defaults(run=_wrapping)


def run(args: argparse.Namespace) -> int:
    """Do what the action says; each has a function of its own."""
    code: int = args.run(args)
    return code


def _new(args: argparse.Namespace) -> int:
    password = read_password(args.password_file)
    for path in (args.out, args.public):
        if path is not None:
            check_absent(path)
    key = SigningKey.generate()
    key.save(args.out, password)
    sync_names(Path(args.out).parent)
    if args.public is not None:
        write_output(args.public, canonical_json(key.jwk.to_json()) + b"\n")
    if args.json:
        write_json({"jwk": key.jwk.to_json(), "kid": key.kid, "private": args.out})
        return ExitCode.OK
    say("Private key:  {} (keep it secret; make a backup)", args.out)
    _tell(key.jwk)
    return ExitCode.OK


def _wrapping(args: argparse.Namespace) -> int:
    """Make the key that a node's private data is put under when it starts the next time."""
    from node.vault.keys import create_wrapping_key, read_wrapping_key
    from node.vault.opening import SUCCESSOR_FILE, WRAPPING_KEY_FILE

    folder = Path(args.home) / "keys"
    former = read_wrapping_key(folder / WRAPPING_KEY_FILE)
    path = folder / SUCCESSOR_FILE
    if path.exists():
        raise CommandFailure(
            ExitCode.REFUSED,
            f"{path}: is there already: a change of the key is under way",
            "start the node, which ends it",
        )
    key = create_wrapping_key(path)
    if args.json:
        write_json({"file": str(path), "former": former.id, "key": key.id})
        return ExitCode.OK
    say("Next key:     {}, in {}", key.id, path)
    say("Key in use:   {}, in {}", former.id, folder / WRAPPING_KEY_FILE)
    say("The node puts the private data under the next key when it starts again.")
    return ExitCode.OK


def _show(args: argparse.Namespace) -> int:
    jwk = read_public_key(args.key, args.password_file)
    if args.json:
        write_json({"jwk": jwk.to_json(), "kid": jwk.thumbprint()})
    else:
        _tell(jwk)
    return ExitCode.OK


def _tell(jwk: PublicJwk) -> None:
    say("kid:          {}", jwk.thumbprint())
    say("Public key:   {}", json.dumps(jwk.to_json(), sort_keys=True))


def _public(args: argparse.Namespace) -> int:
    write_json(read_public_key(args.key, args.password_file).to_json())
    return ExitCode.OK


def _thumbprint(args: argparse.Namespace) -> int:
    kid = read_public_key(args.key, args.password_file).thumbprint()
    if args.json:
        write_json({"kid": kid})
    else:
        say(kid)
    return ExitCode.OK
