"""``evidence-node submit``: signs a record and sends it, or sends what was signed before."""

from __future__ import annotations

import argparse
import secrets
import time
from typing import Any

from node import __version__
from node.cli.events import Signer, read_object_argument
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input, write_output
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.remote import add_node, add_signer, chain_of, signer_of
from node.cli.sending import send_signed
from node.cli.submit_many import submit_lines
from node.core.disclosure import MAX_DISCLOSURE_BYTES, split_sd_jwt
from node.core.transaction import MAX_DIGESTS, MAX_TRANSACTION_BYTES, decode_transaction

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Signs an event and submits it. Before anything is sent, the signed bytes are saved: sent again they
get the same receipt, for ever, while the same event signed again would be another record. If no
answer comes, send that file again with --file.

Private fields (--private) become disclosures, one salt each: the chain gets their digests only, the
node keeps them encrypted. The saved file holds them in clear; it is for its owner's eyes alone.

With --ndjson, each line is a signed record (a JSON string, or {"submission": …}) or an event to be
signed: {"type": …, "subject": …, "data": {…}, "private": {…}, "occurred_at": …, "source": {…}}.
"""
_EXAMPLES = """
evidence-node submit --url http://127.0.0.1:8440 --key platform-a.pem --member platform-a \\
    --trust trust.json --type record.imported --subject record:platform-a:0001 \\
    --data @record.json --private '{"summary": "归档合同"}' --out record.sdjwt
evidence-node submit --url http://127.0.0.1:8440 --file record.sdjwt
evidence-node submit --url http://127.0.0.1:8440 --key platform-a.pem --member platform-a \\
    --trust trust.json --ndjson events.ndjson --out signed.ndjson
evidence-node submit --url http://127.0.0.1:8440 --ndjson signed.ndjson --json > answers.ndjson
"""
_MAX_BYTES = MAX_TRANSACTION_BYTES + MAX_DIGESTS * (MAX_DISCLOSURE_BYTES + 1) + 2


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "submit", _DESCRIPTION, _EXAMPLES)
    add_node(parser, required=False)
    add_signer(parser, to_one_node=False)
    _add_event(parser.add_argument_group("the event to sign"))
    signed = parser.add_argument_group("signed records")
    signed.add_argument("--file", metavar="FILE", help="a signed record, sent (again)")
    signed.add_argument("--ndjson", metavar="FILE", help="many, one a line; - is standard input")
    parser.add_argument(
        "--wait",
        choices=("commit", "none"),
        default="commit",
        help="wait until it is on the chain (default), or only until it is on the node's disk",
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="longest wait (default 30)"
    )
    parser.set_defaults(run=run)


def _add_event(event: Any) -> None:
    """The arguments that describe an event, and where it is saved."""
    event.add_argument("--type", metavar="TYPE", help="such as signing.initiated")
    event.add_argument("--subject", metavar="SUB", help="the dossier: <kind>:<member>:<own id>")
    event.add_argument("--data", metavar="JSON", help="the public fields: JSON, or @file")
    event.add_argument(
        "--private",
        metavar="JSON",
        help="the private fields: JSON, or @file, which keeps them out of the shell's history",
    )
    event.add_argument(
        "--occurred-at", metavar="TIME", help="ms since 1970, or RFC 3339; default: now"
    )
    event.add_argument("--collected-at", metavar="TIME", help="when the source took it down")
    event.add_argument("--source-system", metavar="TEXT", help="the system the facts come from")
    event.add_argument("--source-method", metavar="WORD", help="how: such as api, import, manual")
    event.add_argument("--event-id", metavar="ID", help="unique for the member; default: random")
    event.add_argument(
        "--lifetime", type=int, metavar="SECONDS", help="until it expires (default 3600)"
    )
    event.add_argument(
        "--out", metavar="FILE", help="where the signed bytes go; default: <event id>.sdjwt"
    )
    event.add_argument("--no-send", action="store_true", help="sign and save only")


def run(args: argparse.Namespace) -> int:
    """Submit one record, or many."""
    building = args.type is not None
    if [building, args.file is not None, args.ndjson is not None].count(True) != 1:
        raise CommandFailure(ExitCode.USAGE, "one of --type, --file and --ndjson is needed")
    if args.url is None and not args.no_send:
        raise CommandFailure(ExitCode.USAGE, "--url: missing", "--no-send only signs and saves")
    if args.ndjson is not None:
        signer = None if args.key is None else _signer(args)
        return submit_lines(args, signer)
    if not building:
        return send_signed(args, read_input(args.file, _MAX_BYTES).strip(), args.file)
    path, signed = _sign(args)
    if args.no_send:
        _tell_saved(args, path, signed)
        return ExitCode.OK
    return send_signed(args, signed, path)


def _signer(args: argparse.Namespace) -> Signer:
    key, member = signer_of(args)
    source = {
        "method": args.source_method or "manual",
        "system": args.source_system or f"evidence-ledger-node {__version__}",
    }
    return Signer(key, member, chain_of(args), source)


def _sign(args: argparse.Namespace) -> tuple[str, bytes]:
    """Sign the event and save it. Returns the file and the bytes."""
    missing = [f"--{name}" for name in ("subject", "data") if getattr(args, name) is None]
    if missing:
        raise CommandFailure(ExitCode.USAGE, f"{', '.join(missing)}: missing")
    event: dict[str, Any] = {
        "data": read_object_argument(args.data, "--data"),
        "event_id": args.event_id or secrets.token_hex(16),
        "subject": args.subject,
        "type": args.type,
    }
    if args.private is not None:
        event["private"] = read_object_argument(args.private, "--private")
    for name in ("occurred_at", "collected_at", "lifetime"):
        if getattr(args, name) is not None:
            event[name] = getattr(args, name)
    signed = _signer(args).sign(event, "event", time.time_ns() // 1_000_000).encode()
    path = args.out or f"{event['event_id']}.sdjwt"
    write_output(path, signed, secret=True)  # no line feed: any client can send the file
    return path, signed


def _tell_saved(args: argparse.Namespace, path: str, signed: bytes) -> None:
    identifier = decode_transaction(split_sd_jwt(signed)[0]).id.hex()
    if args.json:
        write_json({"file": path, "id": identifier, "status": "signed"})
    else:
        say("Signed:      {} (id {}), not sent", path, identifier)
