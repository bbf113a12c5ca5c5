"""``evidence-node check-document``: has a node check the signatures of a PDF."""

from __future__ import annotations

import argparse
import hashlib
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.remote import add_node, asking, understanding

__all__ = ["add_parser", "run"]

_MOST = 1 << 30
_DESCRIPTION = """
Sends a PDF to a node, which checks each of its digital signatures: who made it, whether it holds,
what was changed afterwards, what of it is on record, and the status of its seal then and now. The
whole file is sent; the node keeps nothing of it. To ask only whether a file is on record,
`evidence-node show $(sha256sum FILE)` sends its hash alone.

This is what the node says. The exit code is 1 where a check failed, or the file could not be
examined; "not checked" is neither.
"""
_EXAMPLES = """
evidence-node check-document contract.pdf --url http://127.0.0.1:8440
evidence-node check-document contract.pdf --url http://127.0.0.1:8440 --lang zh
"""
_WORDS = {
    "en": {
        "passed": "passed",
        "failed": "FAILED",
        "not checked": "not checked",
        "not on record": "not on record",
        "note": "note",
        "file": "SHA-256 {}, {} bytes",
        "recorded": "on record: {} {}",
        "unrecorded": "no record names the whole file",
        "says": "This is what {} says.",
    },
    "zh": {
        "passed": "通过",
        "failed": "未通过",
        "not checked": "未核验",
        "not on record": "无记录",
        "note": "说明",
        "file": "SHA-256 {}，{} 字节",
        "recorded": "账本记录：{} {}",
        "unrecorded": "账本中没有与整个文件一致的记录",
        "says": "以上为节点 {} 的答复。",
    },
}

Json = dict[str, Any]


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "check-document", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("file", metavar="FILE", help="the PDF, or - for standard input")
    add_node(parser)
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of the text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send the file and tell what was found."""
    content = read_input(args.file, _MOST)
    with asking(args, signs=False) as node, understanding(args.url):
        answer = node.check_document(content)
        _check_same(content, answer["findings"]["sha256"], args.url)
        if args.json:
            write_json(answer)
        else:
            _tell(answer, args)
        findings = answer["findings"]
        bad = findings["verdict"] == "failed" or findings["outcome"] != "read"
        statements = [item for one in answer["records"]["signatures"] for item in one["statements"]]
        contradicted = any(item["status"] == "failed" for item in statements)
    return ExitCode.REFUSED if bad or contradicted else ExitCode.OK


def _check_same(content: bytes, told: Any, url: str) -> None:
    """What is told must be of the file that was sent. Raises CommandFailure."""
    if told != hashlib.sha256(content).hexdigest():
        raise CommandFailure(
            ExitCode.BAD_INPUT, f"{url}: its answer is of another file", "tell who runs the node"
        )


def _tell(answer: Json, args: argparse.Namespace) -> None:
    words, text = _WORDS[args.lang], "text_zh" if args.lang == "zh" else "text"
    findings, records = answer["findings"], answer["records"]
    say("{}", findings[text])
    say("  " + words["file"], findings["sha256"], findings["size"])
    named = [] if records["file"] is None else records["file"]["records"]
    for record in named:
        say("  " + words["recorded"], record["code"], record["type"])
    if not named:
        say("  {}", words["unrecorded"])
    for notice in findings["notices"]:
        say("  {}", notice[text])
    statements = {one["ordinal"]: one["statements"] for one in records["signatures"]}
    for signature in findings["signatures"]:
        _tell_signature(signature, statements.get(signature["ordinal"], []), args.lang)
    say(words["says"], args.url)


def _tell_signature(signature: Json, statements: list[Json], language: str) -> None:
    words, chinese = _WORDS[language], language == "zh"
    text, title = ("text_zh", "title_zh") if chinese else ("text", "title")
    certificate = signature["certificate"] or {"name": "?", "organisation": "?"}
    say()
    say("{}. {}  {}", signature["ordinal"], signature["field"], certificate["name"])
    say("   {}", signature[text])
    for check in signature["checks"]:
        say("   [{}] {}: {}", words[check["status"]], check[title], check[text])
    for statement in statements:
        say("   [{}] {}", words[statement["status"]], statement[text])
