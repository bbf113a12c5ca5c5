"""``evidence-node trust``: makes trust files and shows what is in them."""

from __future__ import annotations

import argparse
import base64
import binascii
import re
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import STANDARD, read_input, write_output
from node.cli.output import fingerprint_lines, say, write_json
from node.cli.parsers import add_command
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidInput
from node.core.genesis import MAX_GENESIS_BYTES, decode_genesis
from node.core.trust import MAX_TRUST_BYTES, Trust, TrustedCheckpoint, decode_trust

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
A trust file is the little that somebody must believe before a bundle can convince them: the chain's
id, the hash of its genesis, the roots of time-stamp authorities, the anchors' contracts and, if
wanted, a checkpoint of the log. Whoever gets one compares its fingerprint with what the members of
the consortium publish.
"""
_EXAMPLES = """
evidence-node trust make --genesis genesis.json --out trust.json
evidence-node trust make --genesis genesis.json --out known.json \\
    --checkpoint 1052:6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090
evidence-node trust show trust.json
"""
_CHECKPOINT = re.compile(r"([1-9]\d{0,15}):([0-9a-f]{64})", re.ASCII)
_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", re.ASCII
)
_MAX_CERTIFICATE_BYTES = 48 * 1024
_MAX_ANCHOR_BYTES = 64 * 1024


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "trust", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    make = actions.add_parser("make", help="make a trust file from a chain's genesis")
    make.add_argument("--genesis", required=True, metavar="FILE", help="the chain's genesis.json")
    make.add_argument(
        "--checkpoint", metavar="SIZE:ROOT", help="a size of the log and its root (hex) then"
    )
    make.add_argument(
        "--tsa-root",
        action="append",
        default=[],
        metavar="FILE",
        help="certificate of a time-stamp authority's root, PEM or DER; may be given again",
    )
    make.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="FILE",
        help="JSON object that describes an anchor's contract; may be given again",
    )
    make.add_argument("--out", default=STANDARD, metavar="FILE", help="default: standard output")
    make.set_defaults(run=_make)
    show = actions.add_parser("show", help="show a trust file and its fingerprint")
    show.add_argument("trust", metavar="FILE", help="the trust file, - for standard input")
    show.set_defaults(run=_show)
    for action in (make, show):
        action.add_argument("--json", action="store_true", help="answer in JSON")


def run(args: argparse.Namespace) -> int:
    """Do what the action says; each has a function of its own."""
    code: int = args.run(args)
    return code


def _make(args: argparse.Namespace) -> int:
    genesis = decode_genesis(read_input(args.genesis, MAX_GENESIS_BYTES))
    trust = Trust(
        chain_id=genesis.chain_id,
        genesis_hash=genesis.hash,
        checkpoint=_read_checkpoint(args.checkpoint),
        tsa_roots=tuple(_read_certificate(path) for path in args.tsa_root),
        anchors=tuple(_read_anchor(path) for path in args.anchor),
    )
    content = canonical_json(trust.to_json()) + b"\n"
    decode_trust(content)
    if args.out == STANDARD:
        say("{}", content.decode("utf-8").rstrip("\n"))
        return ExitCode.OK
    write_output(args.out, content)
    _tell(trust, args.out, as_json=args.json)
    return ExitCode.OK


def _read_checkpoint(text: str | None) -> TrustedCheckpoint | None:
    if text is None:
        return None
    match = _CHECKPOINT.fullmatch(text)
    if match is None:
        raise CommandFailure(
            ExitCode.USAGE, "--checkpoint: must be a size, a colon and a root of 64 hex digits"
        )
    return TrustedCheckpoint(int(match[1]), bytes.fromhex(match[2]))


def _read_certificate(path: str) -> bytes:
    """The DER bytes of a certificate's file, which holds one certificate in PEM, or DER itself."""
    content = read_input(path, 2 * _MAX_CERTIFICATE_BYTES)
    if b"-----BEGIN" in content:
        found = _PEM.findall(content)
        if len(found) != 1:
            raise InvalidInput(path, f"must hold one certificate in PEM, not {len(found)}")
        try:
            content = base64.b64decode(b"".join(found[0].split()), validate=True)
        except binascii.Error as error:
            raise InvalidInput(path, "its PEM is no base64") from error
    if content[:1] != b"\x30" or not 64 <= len(content) <= _MAX_CERTIFICATE_BYTES:
        raise InvalidInput(path, "must be a certificate in PEM or DER")
    return content


def _read_anchor(path: str) -> dict[str, Any]:
    content = read_input(path, _MAX_ANCHOR_BYTES)
    return decode_json_object(content, place=path, max_bytes=_MAX_ANCHOR_BYTES)


def _show(args: argparse.Namespace) -> int:
    trust = decode_trust(read_input(args.trust, MAX_TRUST_BYTES))
    _tell(trust, args.trust, as_json=args.json)
    return ExitCode.OK


def _tell(trust: Trust, path: str, *, as_json: bool) -> None:
    fingerprint = trust.fingerprint.hex()
    if as_json:
        write_json({"file": path, "fingerprint": fingerprint, "trust": trust.to_json()})
        return
    say("Trust file:   {}", path)
    say("Chain:        {}", trust.chain_id)
    say("Genesis:      {}", trust.genesis_hash.hex())
    known = trust.checkpoint
    if known is not None:
        say("Checkpoint:   {} entries, root {}", known.size, known.root.hex())
    say("TSA roots:    {}", len(trust.tsa_roots))
    say("Anchors:      {}", len(trust.anchors))
    first, second = fingerprint_lines(fingerprint)
    say(f"Fingerprint:  {first}\n              {second}")
