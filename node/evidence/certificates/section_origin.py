"""Sections twelve and thirteen: where the data came from, and the systems (十二 十三)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from node.evidence.certificates import proof_sentences
from node.evidence.certificates.blocks import (
    Value,
    bullets,
    digest,
    facts,
    mono,
    paragraph,
    section,
    table,
)
from node.evidence.certificates.proven import ProvenRecord
from node.evidence.certificates.setting import Setting

__all__ = ["environment_section", "origin_section"]

_OWN_WORDS = (
    ("description", ("运行环境（联盟自述）", "Environment (the consortium's own words)")),
    ("time_source", ("时间来源（联盟自述）", "Source of time (own words)")),
    ("security", ("安全措施（联盟自述）", "Security (own words)")),
)


def origin_section(setting: Setting) -> dict[str, Any]:
    """十二: source, making and storage of the data before it came onto the chain."""
    say = setting.words.say
    return section(
        "十二",
        say("上链前数据来源与生成机制", "The data before it was recorded"),
        [
            table(
                (1.8, 2, 1.9, 2.2),
                [
                    say("记录", "Record"),
                    say("来源系统、方式", "System, method"),
                    say("提交成员", "Submitted by"),
                    say("各环节间隔", "Lags"),
                ],
                _rows(setting),
            ),
            facts(
                (say("私密字段的保管", "Custody of private fields"), _custody(setting)),
                (say("迟报标准", "Counted as late"), _late_after(setting)),
            ),
            bullets(
                [
                    say(*proof_sentences.SUBMITTERS_WORD),
                    say(*proof_sentences.LONG_LAGS),
                    say(*proof_sentences.RELATED),
                ]
            ),
        ],
    )


def _rows(setting: Setting) -> Iterator[list[Value]]:
    """A row for all the records that one member submitted from one system in one way. What lay
    between the times of each stands in the time line."""
    groups: defaultdict[tuple[str, str, str], list[ProvenRecord]] = defaultdict(list)
    for record in setting.proven.records:
        source = record.transaction.source
        groups[source["system"], source["method"], record.transaction.iss].append(record)
    for (system, method, member), records in groups.items():
        yield [
            setting.words.records([record.ordinal for record in records]),
            [system, mono(method)],
            setting.proven.member_name(member),
            list(_lags(setting, records)),
        ]


def _lags(setting: Setting, records: list[ProvenRecord]) -> Iterator[str]:
    say, words = setting.words.say, setting.words
    collected = [
        record.transaction.collected_at - record.transaction.occurred_at
        for record in records
        if record.transaction.collected_at is not None
    ]
    span = _span(setting, collected) if collected else words.absent
    if 0 < len(collected) < len(records):
        span += say("，其余未存证", ", of the others not on record")
    yield say(f"采集：{span}", f"collected: {span}")
    submitted = [one.transaction.iat * 1000 - one.transaction.occurred_at for one in records]
    span = _span(setting, submitted)
    yield say(f"提交：{span}", f"submitted: {span}")
    for record in records:
        late, at = record.entry.facts.get("late"), words.records([record.ordinal])
        if isinstance(late, int):
            yield say(f"迟报：{at}，{words.lag(late)}", f"late: {at}, {words.lag(late)}")
    imported = [one.ordinal for one in records if one.entry.facts.get("imported") == 1]
    if imported:
        yield say(
            f"补录：{words.records(imported)}，此前环节未经本账本记录",
            f"imported: {words.records(imported)}; what came before was not recorded here",
        )


def _span(setting: Setting, lags: list[int]) -> str:
    """How long after what occurred: from the shortest to the longest."""
    words = setting.words
    least, most = words.lag(min(lags)), words.lag(max(lags))
    if least == most:
        return words.say(f"发生后 {most}", f"{most} later")
    return words.say(f"发生后 {least}至 {most}", f"{least} to {most} later")


def _custody(setting: Setting) -> Value:
    say, words = setting.words.say, setting.words
    state = setting.proven.state.get("parameter/custodians")
    value = None if state is None else state.get("value")
    if not isinstance(value, list):
        return words.unknown
    if not value:
        return say(*proof_sentences.NO_CUSTODIANS)
    names = say("、", ", ").join(setting.proven.member_name(member) for member in value)
    return say(
        f"不上链，加密保存；除受理节点外由下列成员保管：{names}",
        f"off the chain, encrypted; besides the accepting node kept by: {names}",
    )


def _late_after(setting: Setting) -> str:
    state = setting.proven.state.get("parameter/late_after_ms")
    value = None if state is None else state.get("value")
    if not isinstance(value, int):
        return setting.words.unknown
    return setting.words.say(
        f"上链晚于发生 {setting.words.lag(value)}以上的，记为迟报，不拒收",
        f"more than {setting.words.lag(value)} behind what occurred; noted, never refused",
    )


def environment_section(setting: Setting) -> dict[str, Any]:
    """十三: software, configuration, and the environment by the consortium's own words."""
    say, issuer, proven = setting.words.say, setting.issuer, setting.proven
    block, rules = proven.headers[proven.bundle.as_of + 1].version
    own: list[tuple[str, Value]] = [
        (say(*label), setting.or_unknown(setting.described("environment", name)))
        for name, label in _OWN_WORDS
    ]
    return section(
        "十三",
        say("系统环境", "Systems"),
        [
            facts(
                (say("出具软件", "Issuing software"), f"{issuer.software} {issuer.version}"),
                (
                    say("节点配置文件 SHA-256", "SHA-256 of the node's configuration"),
                    digest(issuer.config_sha256),
                ),
                (
                    say("区块协议、规则版本", "Block protocol, rules"),
                    say(
                        f"CometBFT 0.38 区块格式（协议 {block}），规则版本 {rules}",
                        f"CometBFT 0.38 blocks (protocol {block}), rules {rules}",
                    ),
                ),
                (say("密码算法", "Algorithms"), say(*proof_sentences.ALGORITHMS)),
                *own,
            ),
            paragraph(say(*proof_sentences.NOTHING_RESTS_ON_IT)),
        ],
    )
