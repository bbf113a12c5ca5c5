"""Sending a signed record that has been saved, and telling what came of it."""

from __future__ import annotations

import argparse
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.output import say, write_json
from node.cli.progress import waiting_for
from node.cli.remote import asking, understanding
from node.client.errors import NodeBusy, NodeUnreachable
from node.core.encoding import rfc3339

__all__ = ["send_signed"]

_SENT_AGAIN = (
    "the signed record is in {0}: `evidence-node submit --file {0} --url {1}` sends it again"
)


def send_signed(args: argparse.Namespace, signed: bytes, path: str) -> int:
    """Send a signed record and tell the receipt."""
    with asking(args, signs=False) as node:
        try:
            with waiting_for(f"waiting for {args.url}"):
                answer = node.submit(signed, wait=args.wait, timeout=args.timeout)
        except (NodeUnreachable, NodeBusy) as error:
            code = ExitCode.TRY_AGAIN if isinstance(error, NodeBusy) else ExitCode.UNREACHABLE
            advice = _SENT_AGAIN.format(path, args.url)
            raise CommandFailure(code, str(error), advice, file=path) from error
    with understanding(args.url):
        if args.json:
            write_json({**answer, "file": path})
        else:
            _tell_receipt(answer)
    return ExitCode.OK


def _tell_receipt(answer: dict[str, Any]) -> None:
    if answer["status"] != "recorded":
        say("Pending:     on the node's disk, not yet on the chain")
        say("Id:          {}", answer["id"])
        return
    first, last = (rfc3339(answer[name]) for name in ("time", "proven_time"))
    say("Recorded:    {}", answer["code"])
    say("Id:          {}", answer["id"])
    say(
        "Chain:       {}, height {}, entry {}",
        answer["chain_id"],
        answer["height"],
        answer["index"],
    )
    say("In the log:  no earlier than {}, no later than {}", first, last)
    say("Leaf:        {}", answer["leaf_hash"])
    if answer.get("lowered"):
        say("Note:        {}", answer.get("notice", "the signature's s was turned low"))
