"""Setting anchors up: a REST service's file rehearsed, the contract put on an EVM chain."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path
from typing import Any

from chaincode_adapters.errors import AnchorError, Misconfigured, Unreachable
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input
from node.cli.output import say, write_json
from node.core.genesis import MAX_GENESIS_BYTES, decode_genesis

__all__ = ["deploy", "read_addresses", "rehearse"]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def rehearse(args: argparse.Namespace) -> int:
    """Check a service's file against a recorded exchange; 1 where it does not fit."""
    module = _need("chaincode_adapters.rest.rehearsing", "node")
    try:
        key = None if args.key is None else Path(args.key)
        found = module.rehearse(
            Path(args.service), Path(args.exchange), key=key, operator=args.operator
        )
    except Misconfigured as error:
        raise CommandFailure(ExitCode.BAD_INPUT, str(error)) from error
    if args.json:
        write_json({"good": found.good, "lines": list(found.lines)})
    else:
        for line in found.lines:
            say("{}", line)
    return ExitCode.OK if found.good else ExitCode.REFUSED


def read_addresses(given: list[str]) -> list[bytes]:
    """Accounts as they are given, separated by commas or one by one. Raises CommandFailure."""
    addresses = [text.strip() for item in given for text in item.split(",")]
    for text in addresses:
        if _ADDRESS.fullmatch(text) is None:
            raise CommandFailure(
                ExitCode.USAGE, f"--member: {text!r} is no address: 0x and 40 hex digits"
            )
    return [bytes.fromhex(text[2:]) for text in addresses]


def deploy(args: argparse.Namespace) -> int:
    """Put the anchor contract on a chain and tell where it is."""
    members = read_addresses(args.member)
    genesis = decode_genesis(read_input(args.genesis, MAX_GENESIS_BYTES))
    module = _need("chaincode_adapters.evm.deploying", "evm")
    try:
        made = module.deploy(
            url=args.url,
            chain_id=args.chain_id,
            key=Path(args.key),
            ledger=genesis.hash,
            members=members,
            threshold=args.threshold,
        )
    except AnchorError as error:
        code = ExitCode.UNREACHABLE if isinstance(error, Unreachable) else ExitCode.REFUSED
        raise CommandFailure(code, str(error)) from error
    told = {"block": made.block, "contract": f"0x{made.contract.hex()}", "transaction": made.txid}
    if args.json:
        write_json(told)
    else:
        say("Contract:     {}", told["contract"])
        say("Transaction:  {}", told["transaction"])
        say("Block:        {}", told["block"])
        say('For node.toml: contract = "{}", from_block = {}', told["contract"], made.block)
    return ExitCode.OK


def _need(name: str, extra: str) -> Any:
    """A module of an adapter. Raises CommandFailure where its packages are not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("chaincode_adapters", "node")):
            raise
        raise CommandFailure(
            ExitCode.USAGE,
            f"this needs the package {error.name}",
            f"pip install 'evidence-ledger-node[node,{extra}]'",
        ) from error
