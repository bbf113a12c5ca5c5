"""``evidence-node introduce``: what the consortium says of itself, drafted, signed, checked."""

from __future__ import annotations

import argparse
import time
import tomllib
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input, write_output
from node.cli.key_files import add_password, load_key
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.core.consortium_description import (
    MAX_CONSORTIUM_DESCRIPTION_BYTES,
    ConsortiumDescription,
    add_signature,
    check_signers,
    decode_consortium_description,
    draft_consortium_description,
)
from node.core.errors import InvalidInput
from node.core.genesis import MAX_GENESIS_BYTES, Genesis, decode_genesis
from node.core.signatures import PublicJwk, load_backend
from node.core.trust import MAX_TRUST_BYTES, decode_trust

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Certificates tell a court who runs the platform, which filings it has, whose interests it serves and
in what environment it runs. No ledger can prove that: the members say it, in one file, and each
signs it with its ledger key. A node names that file in its configuration ([certificates]
description), checks the signatures against the keys of its ledger, and prints who has signed.

draft makes the file from a TOML of [platform] (name, operator, qualification, interest_statement),
[[platform.filings]] (kind, number, authority), [environment] (description, security, time_source)
and [[members]] (id, legal_name, runs_node = "yes" or "no", uscc, contact, neutrality). sign adds
one member's signature; send the file on to the next. check says who has signed, against the keys of
a genesis.
"""
_EXAMPLES = """
evidence-node introduce draft consortium.toml --trust trust.json --out consortium.json
evidence-node introduce sign consortium.json --key court-a.pem --member court-a --out signed.json
evidence-node introduce check signed.json --genesis genesis.json
"""
_MEMBERS = ("environment", "members", "platform")


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "introduce", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    draft = actions.add_parser("draft", help="make the file that the members sign")
    draft.add_argument("text", metavar="TOML", help="what is to be said")
    draft.add_argument("--trust", required=True, metavar="FILE", help="trust file of the chain")
    sign = actions.add_parser("sign", help="add a member's signature")
    sign.add_argument("--key", required=True, metavar="PEM", help="the member's signing key")
    sign.add_argument("--member", required=True, metavar="ID", help="the member")
    add_password(sign)
    check = actions.add_parser("check", help="say who has signed it")
    check.add_argument(
        "--genesis", required=True, metavar="FILE", help="names the members' first keys"
    )
    for action in (sign, check):
        action.add_argument("file", metavar="FILE", help="what draft or sign has written")
    for action in (draft, sign):
        action.add_argument("--out", required=True, metavar="FILE", help="the new file")
    for action, what in ((draft, _draft), (sign, _sign), (check, _check)):
        action.add_argument("--json", action="store_true", help="answer in JSON")
        action.set_defaults(run=what)


def run(args: argparse.Namespace) -> int:
    """Do what the action says; each has a function of its own."""
    code: int = args.run(args)
    return code


def _draft(args: argparse.Namespace) -> int:
    trust = decode_trust(read_input(args.trust, MAX_TRUST_BYTES))
    try:
        said = tomllib.loads(
            read_input(args.text, MAX_CONSORTIUM_DESCRIPTION_BYTES).decode("utf-8")
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandFailure(ExitCode.BAD_INPUT, f"{args.text}: no TOML: {error}") from error
    unknown = sorted(set(said) - set(_MEMBERS))
    if unknown:
        raise InvalidInput(f"{args.text}: {unknown[0]}", f"must be one of {', '.join(_MEMBERS)}")
    described = draft_consortium_description(
        {
            "chain_id": trust.chain_id,
            "environment": said.get("environment", {}),
            "genesis_hash": trust.genesis_hash.hex(),
            "made_at": time.time_ns() // 1_000_000,
            "members": said.get("members", []),
            "platform": said.get("platform", {}),
        }
    )
    return _write(args, described)


def _sign(args: argparse.Namespace) -> int:
    key = load_key(args.key, args.password_file)
    described = add_signature(_read(args.file), args.member, key.jwk.thumbprint(), key.sign)
    return _write(args, described)


def _check(args: argparse.Namespace) -> int:
    described = _read(args.file)
    genesis = decode_genesis(read_input(args.genesis, MAX_GENESIS_BYTES))
    if (described.chain_id, described.genesis_hash) != (genesis.chain_id, genesis.hash):
        raise InvalidInput("consortium.genesis_hash", f"is of another chain than {args.genesis}")
    keys = _keys(genesis)
    signers = check_signers(described, keys.get, load_backend())
    silent = [member.id for member in genesis.members if member.id not in signers]
    if args.json:
        write_json({"not_signed": silent, "signed": list(signers)})
        return ExitCode.OK
    say("Signed by:     {}", ", ".join(signers) or "nobody")
    say("Not signed by: {}", ", ".join(silent) or "nobody")
    return ExitCode.OK


def _keys(genesis: Genesis) -> dict[str, tuple[str, PublicJwk]]:
    return {
        key.jwk.thumbprint(): (member.id, key.jwk)
        for member in genesis.members
        for key in member.keys
    }


def _read(path: str) -> ConsortiumDescription:
    """A description's file; white space at its end is no part of it."""
    data = read_input(path, MAX_CONSORTIUM_DESCRIPTION_BYTES + 1)
    return decode_consortium_description(data.rstrip(b"\n"))


def _write(args: argparse.Namespace, described: ConsortiumDescription) -> int:
    write_output(args.out, described.document)
    signers = [one.member for one in described.signatures]
    if args.json:
        write_json({"body_sha256": described.body_hash.hex(), "file": args.out, "signed": signers})
        return ExitCode.OK
    say("Wrote {}", args.out)
    say("What is signed: {}", described.body_hash.hex())
    say("Signed by:      {}", ", ".join(signers) or "nobody yet")
    return ExitCode.OK
