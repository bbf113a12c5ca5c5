"""The Chinese of rules: whole, and that of the verifier in JavaScript."""

from __future__ import annotations

import re

import pytest
from builders.rule_texts import HOLE, bare, raised_in_javascript, raised_in_python, said_in_python

from node.core.chinese.rules import rule_zh

PYTHON = raised_in_python()
JAVASCRIPT = raised_in_javascript()
VALUES = {
    f"must be {HOLE}": (
        *("ES256", "xref", "trailer", "endobj"),
        *("a chain id", "a member id", "1 to 128 of A-Za-z0-9._:/-"),
    ),
    f"are not of {HOLE}, which the trust file names": (
        "consenters (SmartBFT)",
        "orderers (Raft)",
    ),
}
"""What stands in rules that are too short to be told by their words alone."""


def test_each_rule_that_the_verifier_can_break_has_chinese() -> None:
    assert len(PYTHON) > 450
    missing = [
        one
        for one in PYTHON
        for value in VALUES.get(one.rule, ("7",))
        if not one.chinese and not rule_zh(one.rule.replace(HOLE, value))
    ]
    assert missing == []


def test_each_rule_is_said_as_the_verifier_in_javascript_says_it() -> None:
    """Where one English rule has several Chinese ones, by what breaks it, the place says which."""
    known = {bare(one.rule) for one in JAVASCRIPT} & {one.rule for one in PYTHON}
    assert len(known) > 250
    given = said_in_python()
    for one in JAVASCRIPT:
        if bare(one.rule) not in known - set(VALUES) or bare(one.chinese) in given:
            continue
        names = dict.fromkeys(re.findall(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", one.rule))
        rule, chinese = one.rule, one.chinese
        for value, name in enumerate(names, 7):
            rule, chinese = rule.replace(name, str(value)), chinese.replace(name, str(value))
        assert rule_zh(rule) == chinese, one.where


@pytest.mark.parametrize(
    ("rule", "chinese"),
    [
        ("is missing", "缺失"),
        ("must be an integer from 1 to 9", "须为 1 至 9 的整数"),
        ("must be at most 9", "整数须不大于 9"),
        ("must be from iat to exp", "须在 iat 至 exp 之间"),
        ("must be at most 9 bytes", "不得超过 9 字节"),
        ("must be at most 9 bytes in all its nodes", "全部节点合计不得超过 9 字节"),
        ("{digest} is not known here", "此处没有名为 digest 的段"),
        ("names {x} twice", "附件 {x} 出现两次"),
        ("names a\nb twice", "附件 a\nb 出现两次"),
        ("is unheard of", ""),
        ("", ""),
    ],
)
def test_values_are_carried_over(rule: str, chinese: str) -> None:
    assert rule_zh(rule) == chinese


def test_long_values_take_no_long_time() -> None:
    """What an attacker chooses stands in rules: a form with several places is still soon over."""
    assert rule_zh("x (" * 20_000 + " has not signed it") == ""
