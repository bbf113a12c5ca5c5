"""Asking a node for what somebody has at hand: a code, an alias, a number, a hash, a name."""

from __future__ import annotations

from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.client.http import NodeClient

__all__ = ["find", "find_one", "transaction_of"]

Json = dict[str, Any]


def find(node: NodeClient, what: str, language: str = "en") -> Json:
    """The node's answer to a look-up that found something.

    Raises:
        CommandFailure: nothing is found, and why.
        NodeError: the node does not answer, or refuses.
    """
    answer = node.lookup(what)
    if answer["outcome"] != "found":
        text = answer["text_zh" if language == "zh" else "text"]
        raise CommandFailure(ExitCode.REFUSED, f"{what}: {text}", outcome=answer["outcome"])
    if not answer["dossiers"]:
        raise KeyError("dossiers")  # `understanding` tells it
    return answer


def find_one(node: NodeClient, what: str) -> Json:
    """The one dossier that is found.

    Raises:
        CommandFailure: none is found, or several are.
        NodeError: the node does not answer, or refuses.
    """
    dossiers = find(node, what)["dossiers"]
    if len(dossiers) > 1:
        codes = ", ".join(str(item["code"]) for item in dossiers[:10])
        raise CommandFailure(
            ExitCode.REFUSED, f"{what}: {len(dossiers)} dossiers: {codes}", "name one by its code"
        )
    one: Json = dossiers[0]
    return one


def transaction_of(node: NodeClient, hit: Json) -> str:
    """The id of the transaction behind the record by which a dossier was found.

    Raises:
        CommandFailure: the dossier was not found by a record of it.
        NodeError: the node does not answer, or refuses.
    """
    for entry in node.dossier(hit["sub"])["entries"]:
        if entry["code"] == hit["record"]:
            return str(entry["id"])
    raise CommandFailure(
        ExitCode.USAGE,
        f"{hit['record']}: is no single record",
        "name a record by its code with its number, such as CZ0034133234711-2",
    )
