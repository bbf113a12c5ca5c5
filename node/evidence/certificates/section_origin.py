"""Sections twelve and thirteen: where the data came from, and the systems (十二 十三)."""

from __future__ import annotations

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


def origin_section(setting: Setting) -> dict[str, object]:
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
                [_row(setting, record) for record in setting.proven.records],
            ),
            facts(
                (say("私密字段的保管", "Custody of private fields"), _custody(setting)),
                (say("迟报标准", "Counted as late"), _late_after(setting)),
            ),
            bullets(
                [
                    say(
                        "来源系统、生成方式由提交成员自述，并由其签名负责；"
                        "账本不能核验上链之前的数据是否真实。",
                        "System and method are the submitter's word, under its signature: a "
                        "ledger cannot "
                        "check whether data was true before it was recorded.",
                    ),
                    say(
                        "间隔越长，数据在上链之前被改动的可能越需要由其他证据排除。",
                        "The longer the lag, the more other evidence has to rule out a change "
                        "before.",
                    ),
                    say(
                        "关联印证：同一卷宗的其他记录、印章卷宗、第三方回执，见第五、六、"
                        "十一部分。",
                        "Related evidence: other records of the dossier, the seals' dossiers, "
                        "receipts from "
                        "outside; see sections 5, 6, 11.",
                    ),
                ]
            ),
        ],
    )


def _row(setting: Setting, record: ProvenRecord) -> list[Value]:
    say, words, transaction = setting.words.say, setting.words, record.transaction
    occurred, submitted = transaction.occurred_at, transaction.iat * 1000
    collected = transaction.collected_at
    late = record.entry.facts.get("late")
    lags = [
        say("采集：", "collected: ")
        + (
            words.absent
            if collected is None
            else say(
                f"发生后 {words.lag(collected - occurred)}",
                f"{words.lag(collected - occurred)} later",
            )
        ),
        say(
            f"提交：发生后 {words.lag(submitted - occurred)}",
            f"submitted: {words.lag(submitted - occurred)} later",
        ),
    ]
    if isinstance(late, int):
        lags.append(say(f"迟报：{words.lag(late)}", f"late: {words.lag(late)}"))
    if record.entry.facts.get("imported") == 1:
        lags.append(
            say("补录：此前环节未经本账本记录", "imported: what came before was not recorded here")
        )
    return [
        [setting.event_name(record), mono(record.entry.code)],
        [transaction.source["system"], mono(transaction.source["method"])],
        setting.proven.member_name(transaction.iss),
        lags,
    ]


def _custody(setting: Setting) -> Value:
    say, words = setting.words.say, setting.words
    state = setting.proven.state.get("parameter/custodians")
    value = None if state is None else state.get("value")
    if not isinstance(value, list):
        return words.unknown
    if not value:
        return say(
            "联盟参数未指定保管成员：由受理提交的节点加密保存",
            "no custodians are named in the parameters: the accepting node keeps them, encrypted",
        )
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


def environment_section(setting: Setting) -> dict[str, object]:
    """十三: software, configuration, and the environment by the consortium's own words."""
    say, issuer, proven = setting.words.say, setting.issuer, setting.proven
    header = proven.headers[proven.bundle.as_of + 1]
    known = setting.or_unknown
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
                        f"CometBFT 0.38 区块格式（协议 {header.version[0]}），规则版本 "
                        f"{header.version[1]}",
                        f"CometBFT 0.38 blocks (protocol {header.version[0]}), rules "
                        f"{header.version[1]}",
                    ),
                ),
                (
                    say("密码算法", "Algorithms"),
                    say(
                        "记录签名 ECDSA P-256/SHA-256；区块签名 Ed25519；哈希 SHA-256；默克尔树 "
                        "RFC 9162",
                        "records ECDSA P-256/SHA-256; blocks Ed25519; hash SHA-256; Merkle tree "
                        "RFC 9162",
                    ),
                ),
                (
                    say("运行环境（联盟自述）", "Environment (the consortium's own words)"),
                    known(setting.described("environment", "description")),
                ),
                (
                    say("时间来源（联盟自述）", "Source of time (own words)"),
                    known(setting.described("environment", "time_source")),
                ),
                (
                    say("安全措施（联盟自述）", "Security (own words)"),
                    known(setting.described("environment", "security")),
                ),
            ),
            paragraph(
                say(
                    "软件名称、版本与配置哈希为出具机构所述，由其在本证书上的签名负责；"
                    "核验结论不依赖这些信息，"
                    "任何人可以用独立的核验程序得到同样的结论。",
                    "Name, version and configuration are the issuer's word, under its signature "
                    "on this "
                    "certificate. No result rests on them: anybody gets the same with a verifier "
                    "of their "
                    "own.",
                )
            ),
        ],
    )
