"""``evidence-node bundle``: fetches evidence that can be checked without the node it comes from."""

from __future__ import annotations

import argparse
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import check_absent, read_input, write_output
from node.cli.finding import find_one, transaction_of
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.remote import add_node, add_signer, asking, understanding
from node.client.http import NodeClient
from node.core.trust import MAX_TRUST_BYTES, decode_trust
from node.core.verify import FAILED, Report, verify_bundle

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Fetches the evidence bundle of a dossier, up to its last record, or with --record of one record
alone. For members. With a trust file the bundle is checked at once; it is saved whatever comes of
that, and the exit code says so. Where the trust file names a checkpoint, the bundle is asked to
lead on from there, as --from-size does for any size.

The request is signed for one node, that of the member --operator. Know from elsewhere who runs the
node: one that is asked could name another member, and ask that one's node in your name.

With --disclosures all the bundle holds the private fields too. The node decides whether the member
may see them, logs the request with its purpose, and records the release on the chain. The file then
holds personal data in clear.
"""
_EXAMPLES = """
evidence-node bundle CZ0034133234711 --url http://127.0.0.1:8440 \\
    --key court-a.pem --member court-a --operator bureau-3701 \\
    --trust trust.json --out bundle.json
evidence-node bundle CZ0034133234711-2 --record --url http://127.0.0.1:8440 \\
    --key court-a.pem --member court-a --operator bureau-3701 \\
    --trust trust.json --out single.json
evidence-node bundle CZ0034133234711 --url http://127.0.0.1:8440 \\
    --key court-a.pem --member court-a --operator bureau-3701 \\
    --trust trust.json --out disclosed.json \\
    --disclosures all --purpose 案件审理 --case-no '(2026)鲁0191民初1号'
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "bundle", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("what", metavar="WHAT", help="a code, alias, number, hash or name")
    add_node(parser)
    add_signer(parser, to_one_node=True)
    parser.add_argument("--out", required=True, metavar="FILE", help="the bundle's new file")
    parser.add_argument("--record", action="store_true", help="of this one record alone")
    parser.add_argument(
        "--disclosures", choices=("none", "all"), default="none", help="private fields too"
    )
    parser.add_argument("--purpose", default="", metavar="TEXT", help="for what they are needed")
    parser.add_argument("--case-no", default="", metavar="TEXT", help="the court's case number")
    parser.add_argument(
        "--from-size",
        type=int,
        metavar="N",
        help="with a proof that the log continues one of this size (default: the size of the "
        "trust file's checkpoint)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fetch the bundle, save it, and check it where a trust file is given."""
    if args.record and args.disclosures != "none":
        raise CommandFailure(ExitCode.USAGE, "--record: does not go with --disclosures")
    check_absent(args.out)
    trust = None if args.trust is None else read_input(args.trust, MAX_TRUST_BYTES)
    with asking(args, signs=True) as node, understanding(args.url):
        content = _fetch(args, node, _known_size(args, trust))
    write_output(args.out, content, secret=args.disclosures != "none")
    report = None
    if trust is not None:
        report = verify_bundle(content, trust)
    _tell(args, content, report)
    return ExitCode.OK if report is None or report.accepted else ExitCode.REFUSED


def _known_size(args: argparse.Namespace, trust: bytes | None) -> int | None:
    """The size of the log that the bundle must lead on from, if any is known."""
    if args.from_size is not None or trust is None:
        return None if args.from_size is None else int(args.from_size)
    checkpoint = decode_trust(trust).checkpoint
    return None if checkpoint is None else checkpoint.size


def _fetch(args: argparse.Namespace, node: NodeClient, from_size: int | None) -> bytes:
    hit = find_one(node, args.what)
    if args.record:
        return node.record_bundle(transaction_of(node, hit), from_size=from_size)
    return node.bundle(
        hit["sub"],
        disclosures=args.disclosures,
        purpose=args.purpose,
        case_no=args.case_no,
        from_size=from_size,
    )


def _tell(args: argparse.Namespace, content: bytes, report: Report | None) -> None:
    failed = [] if report is None else [step for step in report.steps if step.status == FAILED]
    if args.json:
        told: dict[str, Any] = {"bytes": len(content), "file": args.out}
        if report is not None:
            told["accepted"] = report.accepted
            told["failed"] = [step.id for step in failed]
            told["trust_fingerprint"] = report.trust_fingerprint
        write_json(told)
        return
    say("Bundle:  {}, {} bytes", args.out, len(content))
    for step in failed:
        say("FAILED:  {}: {}", step.title, step.text)
    if report is None:
        say("Check it with: evidence-node verify {} --trust FILE", args.out)
    elif report.accepted:
        say("Checked: no step failed; all of them are shown by")
        say("         evidence-node verify {} --trust {}", args.out, args.trust)
