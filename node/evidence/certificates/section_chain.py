"""Sections nine to eleven: times that can be relied on, the chain, and who else vouches (九 十 十一)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.core.block import FLAG_COMMIT, Commit
from node.evidence.certificates.blocks import (
    Block,
    Value,
    bullets,
    digest,
    facts,
    mono,
    note,
    paragraph,
    section,
    small_hash,
    subheading,
    table,
)
from node.evidence.certificates.proven import Proven, ProvenRecord
from node.evidence.certificates.setting import Setting

__all__ = ["anchor_section", "chain_section", "time_section"]

_MOST_PATHS = 50
"""Records whose Merkle paths are printed; they are all in the bundle."""


def time_section(setting: Setting) -> dict[str, Any]:
    """九: what each clock is worth."""
    say, words, proven = setting.words.say, setting.words, setting.proven
    authority = setting.issuer.time_stamp_authority
    step = proven.steps["times"]
    stamped = [part for part in proven.report.steps if part.part and part.id.startswith("anchors.")]
    outside = [part for part in stamped if part.status == "passed"]
    return section(
        "九",
        say("可信时间", "Times that can be relied on"),
        [
            table(
                (1.5, 3, 3),
                [say("时间", "Time"), say("由谁确认", "By whom"), say("结果", "Result")],
                [
                    [
                        say("上链时间", "On the chain"),
                        say(
                            "区块验证节点，三分之二以上权重共同签名",
                            "the validators, more than 2/3 of their power",
                        ),
                        f"{words.check(step.status)}{say('：', ': ')}{say(step.text_zh, step.text)}",
                    ],
                    [
                        say("第三方时间", "Outside time"),
                        say(
                            "第三方链、时间戳机构（见第十一部分）",
                            "outside chains, time-stamp authorities (section 11)",
                        ),
                        say(f"{len(outside)} 份回执通过核验", f"{len(outside)} receipt(s) hold")
                        if stamped
                        else say(
                            "未存证：证据包不含第三方回执", "none: the bundle holds no receipt"
                        ),
                    ],
                    [
                        say("本证书出具时间", "Issue of this certificate"),
                        authority or setting.issuer_name,
                        say(
                            "由时间戳机构以时间戳确认，见签章",
                            "by the authority's time-stamp in the signature",
                        )
                        if authority
                        else say(
                            "未配置时间戳机构：仅为出具机构自述",
                            "no time-stamp authority: the issuer's own claim",
                        ),
                    ],
                ],
            ),
            paragraph(
                say(
                    "验证节点的时钟由各运营方自行维护，区块时间取各节点投票时间的中位数；发生、采集、提交时间由提交方自述，"
                    "不属于可信时间。",
                    "Validators keep their own clocks, and a block bears the median of their votes' times. "
                    "What a submitter says of when something occurred or was collected is not among the "
                    "times that can be relied on.",
                )
            ),
        ],
    )


# -- ten ------------------------------------------------------------------------------------------


def chain_section(setting: Setting) -> dict[str, Any]:
    """十: chain, log, proofs, and the validators' signatures."""
    say, words, proven = setting.words.say, setting.words, setting.proven
    header = proven.headers[proven.bundle.as_of + 1]
    newest = proven.newest
    return section(
        "十",
        say("区块链存证信息", "The chain"),
        [
            facts(
                (say("链标识", "Chain id"), mono(proven.genesis.chain_id)),
                (say("创世文件哈希", "Genesis hash"), digest(proven.genesis.hash)),
                *_past(setting),
                (say("数据截至高度", "As of height"), mono(newest.height)),
                (
                    say("确认该状态的区块", "Block that commits to it"),
                    [
                        mono(header.height),
                        words.time(header.time.milliseconds),
                        digest(header.hash()),
                    ],
                ),
                (say("日志条目数", "Entries in the log"), mono(newest.size)),
                (say("日志根哈希", "Root of the log"), digest(newest.root)),
                (say("状态根哈希", "Root of the state map"), digest(newest.state_root)),
            ),
            subheading(say("各记录的存证位置", "Where each record stands")),
            table(
                (1.9, 1.1, 5),
                [
                    say("存证编码", "Evidence code"),
                    say("高度、序号", "Height, index"),
                    say("条目哈希、所在区块头哈希", "Hashes of the leaf and of its block's header"),
                ],
                [_place(setting, record) for record in proven.records],
            ),
            subheading(say("默克尔证明", "Merkle proofs")),
            *_paths(setting),
            subheading(say("验证节点签名", "The validators' signatures")),
            *_signatures(setting),
        ],
    )


def _past(setting: Setting) -> list[tuple[str, Value]]:
    if len(setting.proven.geneses) == 1:
        return []
    return [
        (
            setting.words.say("所延续的链", "Continues"),
            [mono(genesis.chain_id) for genesis in setting.proven.geneses[:-1]],
        )
    ]


def _place(setting: Setting, record: ProvenRecord) -> list[Value]:
    say = setting.words.say
    header = setting.proven.headers[record.entry.height]
    return [
        [mono(record.entry.code), setting.event_name(record)],
        [
            say(f"高度 {record.entry.height}", f"height {record.entry.height}"),
            say(f"序号 {record.bundled.index}", f"index {record.bundled.index}"),
        ],
        [
            say("条目", "leaf"),
            digest(record.entry.leaf_hash()),
            say("区块头", "header"),
            digest(header.hash()),
        ],
    ]


def _paths(setting: Setting) -> Iterator[Block]:
    say, proven = setting.words.say, setting.proven
    yield paragraph(
        say(
            "由条目哈希起，自下而上与下列各哈希逐级计算（RFC 9162），应当得到上列日志根哈希；"
            "改动任何一条记录，都会使结果不同。",
            "From the leaf hash upwards, combined with these one after the other (RFC 9162), comes "
            "the root of the log above; any change of a record would lead to another.",
        )
    )
    if len(proven.records) > _MOST_PATHS:
        yield note(
            say("记录较多，路径见附件 bundle.json。", "For so many records see bundle.json.")
        )
        return
    yield table(
        (1.6, 6.4),
        [say("存证编码", "Evidence code"), say("路径（自下而上）", "Path, upwards")],
        [
            [
                mono(record.entry.code),
                [small_hash(step) for step in record.bundled.path_as_of]
                or say("（日志仅一条）", "(the log has one entry)"),
            ]
            for record in proven.records
        ],
    )


def _signatures(setting: Setting) -> Iterator[Block]:
    say, words, proven = setting.words.say, setting.words, setting.proven
    height = proven.bundle.as_of + 1
    commit = next(item for item in proven.bundle.chain.commits if item.height == height)
    yield paragraph(
        say(
            f"下列验证节点对区块高度 {height} 签名（Ed25519）。有效签名须超过全部权重的三分之二。",
            f"These validators signed height {height} (Ed25519); more than 2/3 of the power must.",
        )
    )
    yield table(
        (2.2, 3.6, 0.8, 1.6),
        [
            say("运行者", "Run by"),
            say("节点地址", "Address"),
            say("权重", "Power"),
            say("签名", "Signature"),
        ],
        _votes(setting, commit),
    )
    step = proven.steps["operators"]
    yield paragraph(
        say(
            f"第 17 步“独立运营方”：{words.check(step.status)}。{step.text_zh}。",
            f"Step 17, independent operators: {words.check(step.status)}. {step.text}.",
        )
    )


def _votes(setting: Setting, commit: Commit) -> list[list[Value]]:
    say, proven = setting.words.say, setting.proven
    header = proven.headers[commit.height]
    sets = {members.hash(): members for members in proven.bundle.chain.validator_sets}
    rows: list[list[Value]] = []
    for validator, vote in zip(sets[header.validators_hash].validators, commit.signatures):
        signed = vote.flag == FLAG_COMMIT
        rows.append(
            [
                _runner(proven, validator.public_key, validator.address),
                small_hash(validator.address),
                str(validator.power),
                say("有", "yes") if signed else say("未签", "none"),
            ]
        )
    return rows


def _runner(proven: Proven, public_key: bytes, address: bytes) -> str:
    for item in proven.genesis.validators:
        if item.validator.public_key == public_key:
            return proven.member_name(item.member)
    value = proven.state.get(f"validator/{address.hex()}") or {}
    return proven.member_name(str(value.get("member", "")))


# -- eleven ---------------------------------------------------------------------------------------


def anchor_section(setting: Setting) -> dict[str, Any]:
    """十一: step 16 with its parts."""
    say, words, proven = setting.words.say, setting.words, setting.proven
    whole = proven.steps["anchors"]
    parts = [step for step in proven.report.steps if step.number == whole.number and step.part]
    blocks: list[Block] = [
        paragraph(
            say(
                f"第 16 步“{whole.title_zh}”：{words.check(whole.status)}。{whole.text_zh}。",
                f"Step 16, {whole.title}: {words.check(whole.status)}. {whole.text}.",
            )
        )
    ]
    if parts:
        blocks.append(
            table(
                (0.8, 2, 1.1, 4.2),
                [
                    say("步骤", "Step"),
                    say("佐证方", "By"),
                    say("结果", "Result"),
                    say("证明内容", "What it shows"),
                ],
                [
                    [
                        mono(part.label),
                        say(part.title_zh, part.title),
                        words.check(part.status),
                        [say(part.text_zh, part.text), *(mono(line) for line in part.details)],
                    ]
                    for part in parts
                ],
            )
        )
    else:
        blocks.append(note(say("第三方存证：未存证。", "Nothing is anchored outside.")))
    blocks.append(
        bullets(
            [
                say(
                    "第三方存证由联盟之外的机构固定日志根哈希：其后即使全部验证节点串通，也无法改动此前的记录而不被发现。",
                    "An anchor fixes the log's root with somebody outside the consortium: after it, not "
                    "even all validators together can change what was recorded before unnoticed.",
                ),
                say(
                    "证据包只含出具机构提供的回执；是否另有回执，本证书不予说明。",
                    "The bundle holds the receipts that the issuer gave; whether there are others, it "
                    "does not say.",
                ),
            ]
        )
    )
    return section("十一", say("第三方存证信息", "Who else vouches for it"), blocks)
