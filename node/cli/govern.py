"""``evidence-node govern``: what the members decide together, and what each does about its keys."""

from __future__ import annotations

import argparse
import secrets
import time
from typing import Any

from node import __version__
from node.cli.change_arguments import read_change
from node.cli.events import Signer, read_time
from node.cli.exit_codes import ExitCode
from node.cli.files import write_output
from node.cli.govern_shown import tell_consortium, tell_proposals
from node.cli.key_files import load_key
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.remote import add_node, add_signer, asking, chain_of, signer_of, understanding
from node.cli.sending import send_signed
from node.rules.consortium_events import CHANGES
from node.rules.governance import proposal_hash

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Members, their roles and keys, validators, parameters and the version of the rules are on the
ledger. They change by proposal: one member proposes, every active member has one vote, and more
than 2/3 of them approve. An approved change is in force from the height that its answer names: two
blocks later at the earliest, or the one that was proposed (--from).

A member changes its own keys without a vote: rotate-key registers a new signing key, signed by the
recovery key; report-key ends a key that was lost or stolen, and marks what it signed since as
doubtful. Both hold from the next block on.

A vote names what it is for by its hash, taken from what the node shows and this command prints: it
counts for nothing else. Every action but the reading ones signs a record, saves it, and sends it,
as `submit` does.
"""
_EXAMPLES = """
evidence-node govern show --url http://127.0.0.1:8440
evidence-node govern proposals --url http://127.0.0.1:8440          # those that wait for votes
evidence-node govern propose member.suspend member=platform-b --reason '审计发现' \\
    --url http://127.0.0.1:8440 --key court-a.pem --member court-a --trust trust.json
evidence-node govern propose validator.set member=jinan-ca public_key=@validator.pem power=10 …
evidence-node govern propose parameter.set name=late_after_ms value=3600000 --from 12000 …
evidence-node govern vote consortium:court-a:3f2a… approve …
evidence-node govern rotate-key --recovery-key recovery.pem --new signing-2.pem …
evidence-node govern report-key <kid> --since 2026-03-01T09:30:00+08:00 --key recovery.pem …
"""
_DAY = 86_400_000


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "govern", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_reading(actions)
    _add_deciding(actions)
    _add_keys(actions)


def _add_reading(actions: Any) -> None:
    show = actions.add_parser("show", help="show members, validators and parameters")
    show.set_defaults(run=_show)
    proposals = actions.add_parser("proposals", help="show the proposals that wait for votes")
    proposals.add_argument("--all", action="store_true", help="every proposal there was")
    proposals.set_defaults(run=_proposals)
    for action in (show, proposals):
        add_node(action)
        action.add_argument("--json", action="store_true", help="answer in JSON")
        action.add_argument("--lang", choices=("en", "zh"), default="en", help="language")


def _add_deciding(actions: Any) -> None:
    propose = actions.add_parser("propose", help="propose a change")
    propose.add_argument("kind", choices=sorted(CHANGES), metavar="KIND", help=", ".join(CHANGES))
    propose.add_argument(
        "fields",
        nargs="*",
        metavar="NAME=VALUE",
        help="what it says; lists with commas, keys as @file (JWK or PEM), other values in JSON",
    )
    propose.add_argument("--days", type=int, default=14, help="days to vote in (default 14, to 90)")
    propose.add_argument("--from", type=int, dest="height", metavar="HEIGHT", help="in force from")
    propose.set_defaults(run=_propose)
    vote = actions.add_parser("vote", help="vote on a proposal")
    vote.add_argument("proposal", metavar="SUB", help="as `govern proposals` shows it")
    vote.add_argument("vote", choices=("approve", "reject"))
    vote.set_defaults(run=_vote)
    withdraw = actions.add_parser("withdraw", help="take back a proposal of one's own")
    withdraw.add_argument("proposal", metavar="SUB")
    withdraw.set_defaults(run=_withdraw)
    for action in (propose, vote, withdraw):
        action.add_argument("--reason", metavar="TEXT", help="told to all, and kept for ever")
        _add_signing(action)


def _add_keys(actions: Any) -> None:
    rotate = actions.add_parser("rotate-key", help="register a new signing key of one's own")
    rotate.add_argument(
        "--new", required=True, metavar="PEM", help="the new private key: it proves itself"
    )
    rotate.add_argument(
        "--new-password-file", metavar="FILE", help="its first line is the new key's password"
    )
    rotate.add_argument("--replaces", metavar="KID", help="the key that it takes the place of")
    rotate.add_argument(
        "--overlap", type=int, metavar="BLOCKS", help="how long the old one stays (default 0)"
    )
    rotate.add_argument(
        "--recovery-key", dest="key", required=True, metavar="PEM", help="it signs this"
    )
    rotate.set_defaults(run=_rotate)
    _add_signing(rotate, key=False)
    report = actions.add_parser("report-key", help="report a key of one's own as compromised")
    report.add_argument("kid", metavar="KID")
    report.add_argument("--since", required=True, metavar="TIME", help="ms since 1970, or RFC 3339")
    report.add_argument("--reason", metavar="TEXT", help="told to all, and kept for ever")
    report.set_defaults(run=_report)
    _add_signing(report)


def _add_signing(action: Any, *, key: bool = True) -> None:
    add_node(action)
    add_signer(action, to_one_node=False, key=key)
    action.add_argument("--out", metavar="FILE", help="where the signed bytes are saved")
    action.add_argument("--json", action="store_true", help="answer in JSON")
    action.set_defaults(wait="commit", timeout=30.0)


def run(args: argparse.Namespace) -> int:
    """Do what the action says; each has a function of its own."""
    code: int = args.run(args)
    return code


def _show(args: argparse.Namespace) -> int:
    with asking(args, signs=False) as node, understanding(args.url):
        found = node.consortium()
        if args.json:
            write_json(found)
        else:
            tell_consortium(found, args.lang)
    return ExitCode.OK


def _proposals(args: argparse.Namespace) -> int:
    with asking(args, signs=False) as node, understanding(args.url):
        found = node.proposals(every=args.all)
        if args.json:
            write_json(found)
        else:
            tell_proposals(found["proposals"], args.lang)
    return ExitCode.OK


def _propose(args: argparse.Namespace) -> int:
    data: dict[str, Any] = {
        "change": read_change(args.kind, args.fields),
        "closes_at": _now() + args.days * _DAY,
    }
    if args.height is not None:
        data["from"] = args.height
    return _record(args, "governance.proposed", data)


def _vote(args: argparse.Namespace) -> int:
    with asking(args, signs=False) as node, understanding(args.url):
        found = node.proposal(args.proposal)
        if not args.json:
            tell_proposals([found], "en")
        data = {"proposal_hash": proposal_hash(found), "vote": args.vote}
    return _record(args, "governance.voted", data, args.proposal)


def _withdraw(args: argparse.Namespace) -> int:
    return _record(args, "governance.withdrawn", {}, args.proposal)


def _rotate(args: argparse.Namespace) -> int:
    new = load_key(args.new, args.new_password_file)
    _, member = signer_of(args)
    data: dict[str, Any] = {
        "jwk": new.jwk.to_json(),
        "proof": new.prove(chain_of(args), member),
    }
    if args.replaces is not None:
        data["replaces"] = args.replaces
        data["overlap_blocks"] = args.overlap or 0
    return _record(args, "key.rotated", data)


def _report(args: argparse.Namespace) -> int:
    data = {"kid": args.kid, "suspect_from": read_time(args.since, "--since")}
    return _record(args, "key.compromised", data)


def _record(
    args: argparse.Namespace, event_type: str, data: dict[str, Any], subject: str | None = None
) -> int:
    """Sign, save and send an event, in a dossier of its own unless ``subject`` names one."""
    key, member = signer_of(args)
    if getattr(args, "reason", None) is not None:
        data["reason"] = args.reason
    source = {"method": "manual", "system": f"evidence-ledger-node {__version__}"}
    event_id = secrets.token_hex(16)
    event = {
        "data": data,
        "event_id": event_id,
        "subject": subject or f"consortium:{member}:{event_id}",
        "type": event_type,
    }
    signed = Signer(key, member, chain_of(args), source).sign(event, "event", _now()).encode()
    path = args.out or f"{event_id}.sdjwt"
    write_output(path, signed, secret=True)
    if subject is None and event_type == "governance.proposed" and not args.json:
        say("Proposal:    {}", event["subject"])
    return send_signed(args, signed, path)


def _now() -> int:
    return time.time_ns() // 1_000_000
