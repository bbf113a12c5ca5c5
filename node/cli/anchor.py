"""``evidence-node anchor``: what becomes of the log's anchor points on outside chains."""

from __future__ import annotations

import argparse
from typing import Any

from node.cli.homes import add_home
from node.cli.parsers import add_command

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Anchor points of the log go to the outside chains that node.toml names; docs/anchors has each kind.

status   how each adapter stands: what is final, how far it lags, what is parked and why, conflicts
retry    has an adapter take up what is parked, or go on after a conflict that has been cleared up
prove    which outside chains cover a record or a size of the log: their receipts as files, whether
         the live chains still have them, entries for a trust file
trust    the adapters' entries of a trust file; with --trust a file to which they are added
rehearse checks a REST service's file against a recorded exchange, without any network
deploy   puts the anchor contract on an EVM chain, once for a consortium

status, retry, prove and trust ask the running node over its admin socket; status also reads the
stores of one that does not run. Exit code 1: a conflict stands, a receipt does not, nothing covers
what was asked for.
"""
_EXAMPLES = """
evidence-node anchor status --home /var/lib/evidence
evidence-node anchor retry court-chain --home /var/lib/evidence --size 12000
evidence-node anchor prove --home /var/lib/evidence --code CZ0034133234711-2 --out proof/
evidence-node anchor trust --home /var/lib/evidence --trust trust.json --out trust-anchored.json
evidence-node anchor rehearse service.toml exchange.json
evidence-node anchor deploy --url http://127.0.0.1:8545 --chain-id 20200 --key account.pem \\
    --genesis genesis.json --member 0x…,0x…,0x… --threshold 2
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "anchor", _DESCRIPTION, _EXAMPLES, machine=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_status(actions)
    _add_retry(actions)
    _add_prove(actions)
    _add_trust(actions)
    _add_rehearse(actions)
    _add_deploy(actions)


def run(args: argparse.Namespace) -> int:
    """Do what the action says; each has a function of its own."""
    code: int = args.run(args)
    return code


def _json(action: argparse.ArgumentParser) -> None:
    action.add_argument("--json", action="store_true", help="answer in JSON")


def _add_status(actions: Any) -> None:
    action = actions.add_parser("status", help="how each adapter stands")
    add_home(action)
    _json(action)
    action.set_defaults(run=_status)


def _add_retry(actions: Any) -> None:
    action = actions.add_parser("retry", help="take up what is parked or stopped")
    action.add_argument("adapter", metavar="ADAPTER", help="as it is called in node.toml")
    which = action.add_mutually_exclusive_group()
    which.add_argument("--size", type=int, metavar="N", help="of one point; default: all")
    which.add_argument(
        "--leave", action="store_true", help="go on with later points, and leave what is parked"
    )
    add_home(action)
    _json(action)
    action.set_defaults(run=_retry)


def _add_prove(actions: Any) -> None:
    action = actions.add_parser("prove", help="which outside chains cover a record or a size")
    what = action.add_mutually_exclusive_group(required=True)
    what.add_argument("--code", metavar="CODE", help="a record's code, or what it is found by")
    what.add_argument("--size", type=int, metavar="N", help="a size of the log")
    action.add_argument("--out", metavar="DIR", help="where point and receipts are written")
    add_home(action)
    _json(action)
    action.set_defaults(run=_prove)


def _add_trust(actions: Any) -> None:
    action = actions.add_parser("trust", help="the adapters' entries of a trust file")
    add_home(action)
    action.add_argument("--trust", metavar="FILE", help="the trust file that they are added to")
    action.add_argument("--out", metavar="FILE", help="where the new trust file is written")
    _json(action)
    action.set_defaults(run=_trust)


def _add_rehearse(actions: Any) -> None:
    action = actions.add_parser("rehearse", help="check a REST service's file")
    action.add_argument("service", metavar="SERVICE", help="the service's TOML file")
    action.add_argument("exchange", metavar="EXCHANGE", help="the recorded exchange, JSON")
    action.add_argument("--key", metavar="FILE", help="the account's key: checks signatures too")
    action.add_argument(
        "--operator", default="operator", metavar="NAME", help="as node.toml names it"
    )
    _json(action)
    action.set_defaults(run=_rehearse)


def _add_deploy(actions: Any) -> None:
    action = actions.add_parser("deploy", help="put the contract on an EVM chain")
    action.add_argument("--url", required=True, metavar="URL", help="a JSON-RPC node of the chain")
    action.add_argument(
        "--chain-id", required=True, type=int, metavar="N", help="which chain it must be of"
    )
    action.add_argument("--key", required=True, metavar="FILE", help="key of the account that pays")
    action.add_argument(
        "--genesis", required=True, metavar="FILE", help="the ledger's genesis, which it is for"
    )
    action.add_argument(
        "--member",
        action="append",
        required=True,
        metavar="ADDRESS",
        help="account that may attest; several, or separated by commas",
    )
    action.add_argument(
        "--threshold", required=True, type=int, metavar="N", help="how many confirm an anchor"
    )
    _json(action)
    action.set_defaults(run=_deploy)


def _status(args: argparse.Namespace) -> int:
    from node.cli.anchor_status import show_status

    return show_status(args.home, as_json=args.json)


def _retry(args: argparse.Namespace) -> int:
    from node.cli.anchor_status import retry

    return retry(args.home, args.adapter, args.size, leave=args.leave, as_json=args.json)


def _prove(args: argparse.Namespace) -> int:
    from node.cli.anchor_proof import prove

    asked = {"code": args.code} if args.size is None else {"size": args.size}
    return prove(args.home, asked, args.out, as_json=args.json)


def _trust(args: argparse.Namespace) -> int:
    from node.cli.anchor_trust import show_trust

    return show_trust(args.home, args.trust, args.out, as_json=args.json)


def _rehearse(args: argparse.Namespace) -> int:
    from node.cli.anchor_setup import rehearse

    return rehearse(args)


def _deploy(args: argparse.Namespace) -> int:
    from node.cli.anchor_setup import deploy

    return deploy(args)
