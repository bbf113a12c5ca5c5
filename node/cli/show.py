"""``evidence-node show``: looks something up at a node and shows its time line."""

from __future__ import annotations

import argparse
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.finding import find
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.remote import add_node, add_signer, asking, understanding
from node.core.encoding import canonical_json, rfc3339

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Looks up a dossier by whatever is at hand: an evidence code, an alias of another system, a 签约编号,
a seal's id or code, a filing or certificate number, the SHA-256 of a document, a transaction's id,
or the dossier's own name; shows its records in order, with the times at which they happened and
were recorded. Without a key only what anybody may see is shown.

This is what the node says. `evidence-node bundle` fetches what can be checked without it.
"""
_EXAMPLES = """
evidence-node show CZ0034133234711-2 --url http://127.0.0.1:8440
evidence-node show QY812163472634127040-1 --url http://127.0.0.1:8440 --lang zh
evidence-node show case:platform-a:0001 --url http://127.0.0.1:8440 \\
    --key court-a.pem --member court-a --trust trust.json --operator bureau-3701
"""
_WORDS = {
    "en": {
        "opener": "Opened by",
        "status": "Status",
        "records": "{} records",
        "as_of": "As of",
        "height": "height {}",
        "occurred": "happened",
        "submitted": "submitted",
        "chain": "in the log",
        "until": "{} to {}",
        "document": "document",
        "private": "private fields",
        "several": "{} dossiers; show one by its code.",
        "says": "This is what {} says; `evidence-node bundle` fetches what can be checked.",
    },
    "zh": {
        "opener": "建档方",
        "status": "状态",
        "records": "{} 条记录",
        "as_of": "截至",
        "height": "高度 {}",
        "occurred": "发生",
        "submitted": "提交",
        "chain": "上链",
        "until": "{} 至 {}",
        "document": "文件",
        "private": "私密字段",
        "several": "共 {} 个卷宗，请按存证编码查看其一。",
        "says": "以上为节点 {} 的答复；可用 evidence-node bundle 取得可离线核验的证据包。",
    },
}

Json = dict[str, Any]


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "show", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("what", metavar="WHAT", help="a code, alias, number, hash or name")
    add_node(parser)
    add_signer(parser, to_one_node=True)
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of the text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look up and show."""
    signs = args.key is not None or args.member is not None
    with asking(args, signs=signs) as node, understanding(args.url):
        found = find(node, args.what, args.lang)
        hits = found["dossiers"]
        dossier = node.dossier(hits[0]["sub"]) if len(hits) == 1 else None
        if args.json:
            told = {"lookup": found} if dossier is None else {"dossier": dossier, "lookup": found}
            write_json(told)
        else:
            _tell(args, hits, dossier)
    return ExitCode.OK


def _tell(args: argparse.Namespace, hits: list[Json], dossier: Json | None) -> None:
    words = _WORDS[args.lang]
    if dossier is None:
        for hit in hits:
            _tell_head(hit, args.lang)
        say(words["several"], len(hits))
    else:
        _tell_dossier(dossier, hits[0]["record"], args.lang)
    say(words["says"], args.url)


def _tell_head(dossier: Json, language: str) -> None:
    words, chinese = _WORDS[language], language == "zh"
    say("{}  {}  {}", dossier["code"], dossier["kind_zh" if chinese else "kind"], dossier["sub"])
    opener = dossier["opener"]
    say("  {}: {} ({})", words["opener"], opener["name"], opener["id"])
    count = words["records"].format(dossier["records"])
    say("  {}: {}, {}", words["status"], dossier["status_zh" if chinese else "status"], count)


def _tell_dossier(dossier: Json, matched: str, language: str) -> None:
    words = _WORDS[language]
    _tell_head(dossier, language)
    moment = dossier["as_of"]
    height = words["height"].format(moment["height"])
    say("  {}: {}, {}", words["as_of"], rfc3339(moment["time"]), height)
    for entry in dossier["entries"]:
        say()
        _tell_entry(entry, entry["code"] == matched, language)
    say()


def _tell_entry(entry: Json, matched: bool, language: str) -> None:
    words = _WORDS[language]
    title = entry["title_zh"] if language == "zh" else entry["type"]
    member = entry["member"]["name"]
    say("{} {}  {}  {}", ">" if matched else " ", entry["code"], title, member)
    say("    {:<14} {}", words["occurred"], rfc3339(entry["occurred_at"]))
    submitted = rfc3339(entry["submitted_at"], whole_seconds=True)  # signed in whole seconds
    say("    {:<14} {}", words["submitted"], submitted)
    span = words["until"].format(rfc3339(entry["time"]), rfc3339(entry["proven_time"]))
    say("    {:<14} {}, {}", words["chain"], span, words["height"].format(entry["height"]))
    for digest in entry["documents"]:
        say("    {:<14} {}", words["document"], digest)
    for name, value in entry["facts"].items():
        say("    {:<14} {}", name, value)
    if "data" in entry:
        say("    {:<14} {}", "data", canonical_json(entry["data"]).decode("utf-8"))
    if entry["private_fields"]:
        say("    {:<14} {}", words["private"], entry["private_fields"])
