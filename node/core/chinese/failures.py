"""Failures in plain Chinese: what is wrong and where.

Mirrors node/verifiers/js/failure_texts.js.
"""

from __future__ import annotations

import re

from node.core.errors import InvalidInput

__all__ = ["failure_zh", "part_failure_zh", "resting_on_zh"]

_STEPS = {
    "bundle.form": "证据包不符合规定的格式",
    "chain.identity": "链的身份与信任文件不符，或创世文件有误",
    "chain.commits": "区块没有得到验证节点的有效签名确认",
    "chain.headers": "区块头或其所承诺的根不一致",
    "log.genesis": "日志未包含应有的创世文件，或未延续此前的日志",
    "state.proofs": "链上状态的证明不成立",
    "entries.form": "记录或交易不符合规定的格式",
    "entries.inclusion": "记录不在所示的日志中",
    "dossier.chain": "记录的编号或前后链接不连续",
    "dossier.head": "未能证明卷宗记录完整",
    "transactions.keys": "未能证明签名所用的密钥属于签名者且当时有效",
    "transactions.signatures": "记录的签名不成立，或无从核实",
    "times": "记录所载的上链时间未能由区块证实",
    "disclosures": "披露的私密字段与链上摘要不符",
    "log.checkpoint": "未能证明日志与已知检查点一致",
    "anchors": "第三方存证的回执不成立",
    "operators": "运营方无法核实",
    "trust": "信任文件不符合规定的格式",
    "certificate.form": "文件不是可读的存证证书",
    "certificate.trust": "证书所附信任文件不符合规定的格式",
    "certificate.signature": "机构电子印章的签名不成立",
    "certificate.later": "签章后文件被改动",
    "certificate.time": "时间戳不成立",
    "certificate.signer": "印章数字证书不可信",
    "certificate.statement": "出证机构声明不成立",
}
_KEY = re.compile(r"state ([a-z]+/[^ ]+)")
_ITEMS = (
    (re.compile(r"bundle\.entries\[(\d+)\]"), "第{}条记录", 1),
    (re.compile(r"bundle\.state\[(\d+)\]"), "第{}项状态证明", 1),
    (re.compile(r"bundle\.consistency\[(\d+)\]"), "第{}项一致性证明", 1),
    (re.compile(r"bundle\.anchors\[(\d+)\]"), "第{}份回执", 1),
    (re.compile(r"bundle\.predecessors\[(\d+)\]"), "第{}条前身链", 1),
    (re.compile(r"header (\d+)"), "高度为 {} 的区块头", 0),
    (re.compile(r"commit (\d+)"), "高度为 {} 的提交", 0),
    (re.compile(r"roots (\d+)"), "高度为 {} 的根", 0),
    (re.compile(r"commit\.signatures\[(\d+)\]"), "提交中的第{}个签名", 1),
)


def _place_zh(place: str) -> str:
    """The thing that a place of an error is in; "" where it is the whole."""
    key = _KEY.match(place)
    if key is not None:
        return f"状态键 {key[1]}"
    for pattern, said, first in _ITEMS:
        found = pattern.match(place)
        if found is not None:
            return said.format(int(found[1]) + first)
    return ""


def failure_zh(step: str, error: InvalidInput) -> str:
    """A whole sentence about why a step failed: what that means, what is wrong, and where.

    ``step`` is its id, or ``trust`` of a trust file with which no step was begun.
    """
    parts = (_place_zh(error.place), error.rule_zh)
    said = "：".join(part for part in parts if part)
    return f"{_STEPS[step]}{f'（{said}）' if said else ''}{_at_zh(error)}"


def part_failure_zh(error: InvalidInput, otherwise: str) -> str:
    """The same of a part of a step, such as one receipt; ``otherwise`` where its rule has no
    Chinese."""
    return f"{error.rule_zh or otherwise}{_at_zh(error)}"


def _at_zh(error: InvalidInput) -> str:
    """The place as it is, for who looks it up; with the rule where only English says it."""
    return f"。错误位置：“{error.place}”" if error.rule_zh else f"。错误位置与规则：{error}"


def resting_on_zh(label: str, title: str) -> str:
    """Why a step was not checked that rests on another one, named by its label and title."""
    return f"其依据的第 {label} 步“{title}”未通过，故未核验"
