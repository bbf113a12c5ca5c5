"""The consortium and its proposals, told in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from node.cli.output import say
from node.core.encoding import canonical_json, rfc3339

__all__ = ["tell_consortium", "tell_proposals"]

Json = dict[str, Any]

_WORDS = {
    "en": {
        "chain": "Chain {}, as of height {}, {}",
        "members": "Members, each with one vote while active:",
        "validators": "Validators:",
        "parameters": "Parameters:",
        "next": "      from height {}: {} {}",
        "none": "No proposal waits for votes.",
        "proposer": "proposed by {} ({})",
        "closes": "votes until {}",
        "holds": "in force from height {}",
        "waiting": "waiting for: {}",
    },
    "zh": {
        "chain": "链 {}，截至高度 {}，{}",
        "members": "成员（有效成员各一票）：",
        "validators": "验证节点：",
        "parameters": "参数：",
        "next": "      自高度 {} 起：{} {}",
        "none": "没有待表决的提案。",
        "proposer": "提案方 {}（{}）",
        "closes": "表决截止 {}",
        "holds": "自高度 {} 起生效",
        "waiting": "尚未表决：{}",
    },
}


def tell_consortium(found: Json, language: str) -> None:
    """Who and what is in force, and what is decided for later."""
    words = _WORDS[language]
    moment = found["as_of"]
    say(words["chain"], found["chain_id"], moment["height"], rfc3339(moment["time"]))
    say()
    say(words["members"])
    for member in found["members"]:
        divisions = ",".join(member["divisions"]) or "-"
        roles = ", ".join(member["roles"])
        say("  {:<24} {:<10} {} [{}]", member["id"], member["status"], roles, divisions)
        say("    {}", member["name"])
        _tell_next(member, words)
    say()
    say(words["validators"])
    for item in found["validators"]:
        say("  {}  {:>8}  {}", item["address"], item["power"], item["member"])
        _tell_next(item, words)
    say()
    say(words["parameters"])
    for name, parameter in found["parameters"].items():
        say("  {:<24} {}", name, _compact(parameter["value"]))
        _tell_next(parameter, words)


def _tell_next(item: Json, words: dict[str, str]) -> None:
    for name, coming in sorted(item.get("next", {}).items()):
        say(words["next"], coming["from"], name, _compact(coming["value"]))


def _compact(value: Any) -> str:
    return canonical_json(value).decode("utf-8")


def tell_proposals(proposals: Iterable[Json], language: str) -> None:
    """What each proposes, how the votes stand, and whose are missing."""
    words = _WORDS[language]
    shown = 0
    for item in proposals:
        shown += 1
        status = item["status_zh" if language == "zh" else "status"]
        proposer = item["proposer"]
        say("{}  {}  {}", item["sub"], item["code"], status)
        say("  {}", words["proposer"].format(proposer["name"], proposer["id"]))
        say("  {}", _compact(item["change"]))
        say("  {}", words["closes"].format(rfc3339(item["closes_at"])))
        for member, vote in sorted(item["votes"].items()):
            say("    {:<24} {}", member, vote)
        if item["waiting_for"]:
            say("  {}", words["waiting"].format(", ".join(item["waiting_for"])))
        if "in_force_from" in item:
            say("  {}", words["holds"].format(item["in_force_from"]))
    if not shown:
        say(words["none"])
