"""``evidence-node genesis``: puts a consortium's genesis together, signs it, says who has."""

from __future__ import annotations

import argparse
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from node.cli.describe import DESCRIPTION_FILE
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import check_absent, read_input, replace_file, write_output
from node.cli.founding_files import (
    OWN_SIGNATURE_FILE,
    Signers,
    read_described,
    read_genesis,
    read_own_signature,
    read_signatures,
)
from node.cli.founding_review import review_json, tell_review
from node.cli.key_files import add_password, load_key
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.core.ended_chain import MAX_ENDED_BYTES, decode_ended_chain
from node.core.errors import InvalidInput
from node.core.fields import exact_members
from node.core.founding import assemble_genesis, verify_described
from node.core.genesis import DEFAULT_PARAMETERS, MAX_GENESIS_BYTES, Genesis
from node.core.genesis_signature import (
    GenesisSignature,
    encode_genesis_signature,
    verify_genesis_signature,
)
from node.core.member_description import MemberDescription
from node.core.signatures import load_backend

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Founding a consortium, after every member has described itself (`evidence-node describe`):
one person assembles the genesis from the descriptions and sends it to all; everybody looks at it,
compares its hash with the others' by telephone, checks that it holds what its own member described,
and signs; when all have the signatures of all, everybody joins (`evidence-node join`).

The same descriptions, chain id, parameters and time give the same genesis, whoever assembles it.
"""
_EXAMPLES = """
evidence-node genesis assemble --chain-id jinan-seals --parameters parameters.toml \\
    --time 2026-12-01T08:00:00+08:00 --out genesis.json notary.json court.json data.json police.json
evidence-node genesis show genesis.json
evidence-node genesis check genesis.json --home /var/lib/evidence     # is what I described in it?
evidence-node genesis sign genesis.json --home /var/lib/evidence --out notary.sig.json
evidence-node genesis check genesis.json *.sig.json --home /var/lib/evidence      # who has signed?
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "genesis", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    assemble = actions.add_parser("assemble", help="put a genesis together")
    assemble.add_argument("description", nargs="+", metavar="DESCRIPTION", help="of one member")
    assemble.add_argument(
        "--chain-id",
        required=True,
        metavar="ID",
        help="1 to 50 letters, digits, '.', '_' or '-'; for ever",
    )
    assemble.add_argument(
        "--parameters", metavar="FILE", help="TOML of the parameters that differ from the defaults"
    )
    assemble.add_argument(
        "--time", metavar="TIME", help="the genesis's time, RFC 3339 or ms since 1970; default: now"
    )
    assemble.add_argument(
        "--predecessor",
        metavar="FILE",
        help="the chain that this one continues: what `migrate prepare` wrote",
    )
    assemble.add_argument("--out", required=True, metavar="FILE", help="the genesis's new file")
    assemble.set_defaults(run=_assemble)
    show = actions.add_parser("show", help="show a genesis and its hash")
    sign = actions.add_parser("sign", help="sign a genesis, if it holds what was described")
    sign.add_argument("--out", required=True, metavar="FILE", help="the signature's new file")
    sign.add_argument(
        "--replace", action="store_true", help="another genesis than this home has signed before"
    )
    add_password(sign)
    check = actions.add_parser("check", help="say whether it is mine, and who has signed it")
    for action, what in ((show, _show), (sign, _sign), (check, _check)):
        action.add_argument("genesis", metavar="GENESIS", help="the genesis's file")
        action.set_defaults(run=what)
    check.add_argument("signature", nargs="*", metavar="SIGNATURE", help="a member's signature")
    sign.add_argument("--home", required=True, metavar="DIR", help="the home of its description")
    check.add_argument("--home", metavar="DIR", help="the home of the own description")
    for action in (assemble, show, sign, check):
        action.add_argument("--json", action="store_true", help="answer in JSON")


def run(args: argparse.Namespace) -> int:
    """Do what the action says; each has a function of its own."""
    code: int = args.run(args)
    return code


def _assemble(args: argparse.Namespace) -> int:
    check_absent(args.out)
    described = [read_described(path) for path in args.description]
    parameters = {**DEFAULT_PARAMETERS, **_read_parameters(args.parameters)}
    ended = None
    if args.predecessor is not None:
        ended = decode_ended_chain(read_input(args.predecessor, MAX_ENDED_BYTES))
    moment = _read_time(args.time)
    genesis = assemble_genesis(args.chain_id, moment, parameters, described, ended)
    write_output(args.out, genesis.document)
    peers = {item.member.id: item.node.peer for item in described if item.node is not None}
    if args.json:
        hashes = {item.member.id: item.hash.hex() for item in described}
        write_json(
            {**review_json(genesis), "descriptions": hashes, "file": args.out, "peers": peers}
        )
        return ExitCode.OK
    tell_review(genesis)
    for member, peer in sorted(peers.items()):
        say("Peer:         {} of {}", peer, member)
    say("Wrote {}. Send it to all members; each compares the hash and signs.", args.out)
    return ExitCode.OK


def _read_parameters(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        value = tomllib.loads(read_input(path, MAX_GENESIS_BYTES).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(path, f"is no TOML: {error}") from error
    return exact_members(value, path, (), DEFAULT_PARAMETERS)


def _read_time(text: str | None) -> int:
    """Milliseconds since 1970."""
    if text is None:
        return time.time_ns() // 1_000_000
    if text.isdecimal() and len(text) < 16:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("--time", "must be a time of RFC 3339, or ms since 1970") from error
    if moment.tzinfo is None:
        raise InvalidInput("--time", "must name its zone, such as +08:00 or Z")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _show(args: argparse.Namespace) -> int:
    genesis = read_genesis(args.genesis)
    if args.json:
        write_json(review_json(genesis))
    else:
        tell_review(genesis)
    return ExitCode.OK


def _sign(args: argparse.Namespace) -> int:
    check_absent(args.out)
    genesis = read_genesis(args.genesis)
    described = read_described(Path(args.home) / DESCRIPTION_FILE)
    verify_described(described, genesis)
    key = load_key(str(Path(args.home) / "keys/operator.pem"), args.password_file)
    unsigned = GenesisSignature(
        chain_id=genesis.chain_id,
        genesis_hash=genesis.hash,
        member=described.member.id,
        kid=key.kid,
        peer="" if described.node is None else described.node.peer,
    )
    before = read_own_signature(Path(args.home))
    if before is not None and before.genesis_hash != genesis.hash and not args.replace:
        raise CommandFailure(
            ExitCode.REFUSED,
            f"this home has signed another genesis, {before.chain_id} {before.genesis_hash.hex()}",
            "if all members have given that one up, sign with --replace; two chains of one id "
            "could play one's records into the other",
        )
    signed, document = encode_genesis_signature(unsigned, key.sign)
    verify_genesis_signature(signed, genesis, load_backend())
    write_output(args.out, document)
    replace_file(Path(args.home) / OWN_SIGNATURE_FILE, document)
    if args.json:
        write_json({"file": args.out, "kid": key.kid, **_signed_json(signed)})
        return ExitCode.OK
    tell_review(genesis)
    say("Signed by:    {}, key {}", signed.member, key.kid)
    say("Wrote {}. Send it to all members.", args.out)
    return ExitCode.OK


def _signed_json(signed: GenesisSignature) -> dict[str, str]:
    return {
        "genesis_hash": signed.genesis_hash.hex(),
        "member": signed.member,
        "peer": signed.peer,
    }


def _check(args: argparse.Namespace) -> int:
    """0: it is as described, and all who validate have signed; 75: some have not yet."""
    genesis = read_genesis(args.genesis)
    described = None
    if args.home is not None:
        described = read_described(Path(args.home) / DESCRIPTION_FILE)
        verify_described(described, genesis)
    signers = read_signatures(args.signature, genesis)
    if described is not None:
        _check_own_peer(described, signers)
    if args.json:
        write_json(
            {
                **review_json(genesis),
                "missing": list(signers.missing),
                "others_missing": list(signers.others_missing),
                "own": None if described is None else described.member.id,
                "peers": signers.peers,
                "signed": sorted(signers.signed),
            }
        )
    else:
        _tell_check(genesis, described, signers)
    return ExitCode.TRY_AGAIN if signers.missing else ExitCode.OK


def _check_own_peer(described: MemberDescription, signers: Signers) -> None:
    own = signers.signed.get(described.member.id)
    wanted = "" if described.node is None else described.node.peer
    if own is not None and own.peer != wanted:
        raise CommandFailure(
            ExitCode.REFUSED,
            f"the signature of {own.member} names the peer {own.peer or 'none'}, "
            f"its description {wanted or 'none'}",
            "sign again with this home's key; if you did not sign that, your key is in other hands",
        )


def _tell_check(genesis: Genesis, described: MemberDescription | None, signers: Signers) -> None:
    tell_review(genesis)
    if described is None:
        say("Own member:   not checked; --home names the home of its description")
    else:
        say("Own member:   {}, as it was described", described.member.id)
    for member, signed in sorted(signers.signed.items()):
        say("Signed by:    {}{}", member, f", peer {signed.peer}" if signed.peer else "")
    for member in signers.missing:
        say("Missing:      {}, which validates", member)
    for member in signers.others_missing:
        say("Not signed:   {}, which has no power", member)
