"""Section ten: chain, log, proofs, and the validators' signatures (十)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.core.block import FLAG_COMMIT, Commit
from node.evidence.certificates import proof_sentences
from node.evidence.certificates.blocks import (
    Block,
    Value,
    digest,
    facts,
    mono,
    note,
    paragraph,
    section,
    small_hashes,
    subheading,
    table,
)
from node.evidence.certificates.proven import Proven, ProvenRecord
from node.evidence.certificates.setting import Setting

__all__ = ["chain_section"]


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
                (1.9, 1.5, 4.6),
                [
                    say("存证编码", "Evidence code"),
                    say("高度、序号", "Height, index"),
                    say("条目哈希", "Hash of the leaf"),
                ],
                [_place(setting, record) for record in proven.records],
            ),
            table(
                (1.4, 2, 4.6),
                [
                    say("区块高度", "Block"),
                    say("所含记录", "Records in it"),
                    say("区块头哈希", "Hash of its header"),
                ],
                _blocks(setting),
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
    height, index = record.entry.height, record.bundled.index
    return [
        [mono(record.entry.code), setting.event_name(record)],
        [say(f"高度 {height}", f"height {height}"), say(f"序号 {index}", f"index {index}")],
        digest(record.entry.leaf_hash()),
    ]


def _blocks(setting: Setting) -> Iterator[list[Value]]:
    """Each block that holds records, once."""
    held: dict[int, list[int]] = {}
    for record in setting.proven.records:
        held.setdefault(record.entry.height, []).append(record.ordinal)
    for height, ordinals in held.items():
        header = setting.proven.headers[height]
        yield [mono(height), setting.words.records(ordinals), digest(header.hash())]


def _paths(setting: Setting) -> Iterator[Block]:
    """The last record's path. It stands for all: each names the one before by its leaf hash."""
    say, last = setting.words.say, setting.proven.records[-1]
    yield paragraph(say(*proof_sentences.HOW_TO_COMPUTE))
    yield table(
        (1.6, 6.4),
        [say("存证编码", "Evidence code"), say("路径（自下而上）", "Path, upwards")],
        [
            [
                mono(last.entry.code),
                small_hashes(last.bundled.path_as_of)
                if last.bundled.path_as_of
                else say("（日志仅一条）", "(the log has one entry)"),
            ]
        ],
    )
    if len(setting.proven.records) > 1:
        yield note(say(*proof_sentences.OTHER_PATHS))


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
                small_hashes([validator.address]),
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
