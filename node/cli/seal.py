"""``evidence-node seal``: the published status of a seal, fetched and checked in one go."""

from __future__ import annotations

import argparse
import time
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.files import read_input, write_output
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.remote import add_node, asking, understanding
from node.core.encoding import rfc3339
from node.core.seal_status import (
    MAX_SEAL_STATUS_BYTES,
    SealStatusStatement,
    StaleStatus,
    verify_seal_status,
)
from node.core.signatures import load_backend
from node.core.trust import MAX_TRUST_BYTES, decode_trust

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
A node signs the status that a seal has, and shows by the state map, under headers that the
validators signed, that it is so. status fetches one and checks it; check looks at one that was
saved. Both need a trust file, refuse what does not hold, and what is too old to say anything of
now: a status lives as long as it says itself, and the state that it is of may be --max-age seconds
old. The exit code is 0 for a status that holds, whatever it is: read it, or use --active, which
makes every other than active a refusal.
"""
_EXAMPLES = """
evidence-node seal status 37050045049282 --url http://127.0.0.1:8440 --trust trust.json
evidence-node seal status 37050045049282 --url http://127.0.0.1:8440 --trust trust.json \\
    --active --out status.json
evidence-node seal check 37050045049282 status.json --trust trust.json
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "seal", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    status = actions.add_parser("status", help="ask a node, and check what it answers")
    check = actions.add_parser("check", help="check a status that was saved")
    for action, what in ((status, _status), (check, _check)):
        action.add_argument("es_id", metavar="ES_ID", help="the seal's id")
        action.add_argument("--trust", required=True, metavar="FILE", help="trust file")
        action.add_argument(
            "--max-age",
            type=int,
            default=600,
            metavar="SECONDS",
            help="how old the state may be that is shown (default 600)",
        )
        action.add_argument("--active", action="store_true", help="refuse any status but active")
        action.add_argument("--json", action="store_true", help="answer in JSON")
        action.set_defaults(run=what)
    check.add_argument("file", metavar="FILE", help="what a node gave out")
    add_node(status)
    status.add_argument("--out", metavar="FILE", help="save it")


def run(args: argparse.Namespace) -> int:
    """Do what the action says; each has a function of its own."""
    code: int = args.run(args)
    return code


def _status(args: argparse.Namespace) -> int:
    with asking(args, signs=False) as node, understanding(args.url):
        content = node.signed_seal_status(args.es_id)
    if args.out is not None:
        write_output(args.out, content)
    return _judge(args, content)


def _check(args: argparse.Namespace) -> int:
    return _judge(args, read_input(args.file, MAX_SEAL_STATUS_BYTES))


def _judge(args: argparse.Namespace, content: bytes) -> int:
    trust = decode_trust(read_input(args.trust, MAX_TRUST_BYTES))
    try:
        found = verify_seal_status(
            content,
            trust,
            es_id=args.es_id,
            now=time.time_ns() // 1_000_000,
            max_age_ms=args.max_age * 1000,
            backend=load_backend(),
        )
    except StaleStatus as error:
        say("STALE:   {}", error)
        return ExitCode.REFUSED
    _tell(args, found)
    refused = args.active and found.status != "active"
    return ExitCode.REFUSED if refused else ExitCode.OK


def _tell(args: argparse.Namespace, found: SealStatusStatement) -> None:
    if args.json:
        place = found.place
        told = {**found.__dict__, "place": None if place is None else place.__dict__}
        write_json(told)
        return
    say("Seal:        {}", found.es_id)
    say("Status:      {} (version {})", found.status, found.status_version)
    say("Valid:       {} to {}", rfc3339(found.valid_from), rfc3339(found.valid_to))
    say("As of:       height {}, {}", found.as_of_height, rfc3339(found.as_of_time))
    say("Signed by:   {}, {}", found.member, rfc3339(found.issued_at))
    say("Next update: {}; stale from {} on", rfc3339(found.next_update), rfc3339(found.expires))
