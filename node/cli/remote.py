"""A node over HTTP, as commands are told of it: where it is, who asks, on which chain."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input
from node.cli.key_files import add_password, load_key
from node.cli.progress import waiting_for
from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.core.trust import MAX_TRUST_BYTES, decode_trust

__all__ = ["add_node", "add_signer", "asking", "chain_of", "signer_of", "understanding"]


def add_node(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The arguments that say where the node is."""
    parser.add_argument(
        "--url", required=required, metavar="URL", help="the node, such as http://127.0.0.1:8440"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long to try again while the node does not answer or is full (default 30)",
    )


def add_signer(parser: argparse.ArgumentParser, *, to_one_node: bool, key: bool = True) -> None:
    """The arguments that say who signs, on which chain, and ``to_one_node`` for which.

    Records are for the whole chain, whichever node they are handed to; requests are for one node.
    Without ``key``, the command has an argument of its own for it.
    """
    if key:
        parser.add_argument("--key", metavar="PEM", help="the member's signing key")
    add_password(parser)
    parser.add_argument("--member", metavar="ID", help="the member that the key belongs to")
    if to_one_node:
        parser.add_argument(
            "--operator",
            metavar="ID",
            help="the member that runs the node: requests are signed for its node alone. Take it "
            "from elsewhere than the node, which could name another member and ask there as you",
        )
    chain = parser.add_mutually_exclusive_group()
    chain.add_argument("--chain-id", metavar="ID", help="the chain that the signature is for")
    chain.add_argument(
        "--trust", metavar="FILE", help="a trust file, which names the chain as well"
    )


def chain_of(args: argparse.Namespace) -> str:
    """The chain's id, as given, or as the trust file has it; never as a node says.

    Raises:
        CommandFailure: neither is given.
    """
    if args.chain_id is not None:
        return str(args.chain_id)
    if args.trust is not None:
        return decode_trust(read_input(args.trust, MAX_TRUST_BYTES)).chain_id
    raise CommandFailure(
        ExitCode.USAGE,
        "--chain-id or --trust: missing",
        "a signature is for one chain; a node that is asked for its name could name another",
    )


def signer_of(args: argparse.Namespace) -> tuple[SigningKey, str]:
    """The key and the member.

    Raises:
        CommandFailure: one of them is not given.
        InvalidInput, OSError: the key's file is none, or cannot be read.
    """
    missing = [f"--{name}" for name in ("key", "member") if getattr(args, name) is None]
    if missing:
        raise CommandFailure(
            ExitCode.USAGE, f"{', '.join(missing)}: missing", "only a member can ask this"
        )
    return load_key(args.key, args.password_file), args.member


def asking(args: argparse.Namespace, *, signs: bool) -> NodeClient:
    """A client of the node, that signs its requests or does not; close it after use.

    Raises:
        CommandFailure: the URL is none, or what is needed to sign is not given.
    """
    parts = urlsplit(args.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandFailure(ExitCode.USAGE, f"--url: {args.url} is no http:// or https:// URL")
    if not signs:
        return NodeClient(args.url, patience=args.patience)
    if args.operator is None:
        raise CommandFailure(
            ExitCode.USAGE,
            "--operator: missing",
            "a request is signed for the node of one member, so that no other node can be asked "
            "with it; a node that is asked who runs it could name another member",
        )
    key, member = signer_of(args)
    return NodeClient(
        args.url,
        key=key,
        member=member,
        chain_id=chain_of(args),
        operator=args.operator,
        patience=args.patience,
    )


@contextmanager
def understanding(url: str) -> Iterator[None]:
    """Has an answer of another form than a node's told as what it is, and a wait told as one.

    Raises:
        CommandFailure: it lacks a member, or one is of another type.
    """
    try:
        with waiting_for(f"waiting for {url}"):
            yield
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{url}: its answer is not of the form that this program knows ({error!r})",
            "is there a node of this ledger, and of a version that goes with this program?",
        ) from error
