"""Section two: the issuer, the platform, and the members of the consortium (二)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from node.core.genesis import GenesisMember
from node.evidence.certificates import sentences
from node.evidence.certificates.blocks import (
    Block,
    Value,
    digest,
    facts,
    mono,
    note,
    paragraph,
    section,
    subheading,
    table,
)
from node.evidence.certificates.setting import Setting
from node.rules.judgement import in_force

__all__ = ["ROLES", "issuer_section"]

ROLES = {
    "auditor": ("审计方", "auditor"),
    "certificate_authority": ("电子认证机构", "certificate authority"),
    "court": ("法院", "court"),
    "identity_provider": ("身份认证机构", "identity provider"),
    "notary": ("公证机构", "notary"),
    "operator": ("节点运营方", "node operator"),
    "platform": ("签约平台", "signing platform"),
    "police": ("公安备案机关", "police"),
    "seal_maker": ("制章单位", "seal maker"),
    "status_authority": ("印章状态管理机构", "status authority"),
}
"""Roles of members."""


def issuer_section(setting: Setting) -> dict[str, Any]:
    """二: the issuer, the platform, and the members."""
    say = setting.words.say
    return section(
        "二",
        say("出具机构与平台资质", "Issuer, and the platform's qualification"),
        [
            subheading(say("出具机构", "The issuer")),
            facts(*_issuer_rows(setting)),
            subheading(say("存证平台（联盟自述）", "The platform (the consortium's own words)")),
            *_platform(setting),
            subheading(say("联盟成员", "Members of the consortium")),
            *_members(setting),
        ],
    )


def _issuer_rows(setting: Setting) -> list[tuple[str, Value]]:
    say, words, issuer = setting.words.say, setting.words, setting.issuer
    proven = setting.proven
    state = in_force(proven.state.get(f"member/{issuer.member}") or {}, proven.bundle.as_of)
    key = setting.proven.state.get(f"key/{setting.kid}") or {}
    roles = [words.pick(ROLES[role]) for role in state.get("roles", ()) if role in ROLES]
    rows: list[tuple[str, Value]] = [
        (say("名称", "Name"), setting.issuer_name),
        (say("成员标识", "Member id"), mono(issuer.member)),
        (say("角色（链上）", "Roles (on the chain)"), say("、", ", ").join(roles) or words.unknown),
        (
            say("账本签名密钥", "Ledger key"),
            [
                mono(setting.kid),
                say(
                    f"自区块高度 {key.get('from', words.unknown)} 起有效",
                    f"valid from height {key.get('from', words.unknown)} on",
                ),
            ],
        ),
    ]
    sealing = issuer.sealing
    if sealing is None:
        rows.append(
            (
                say("签章证书", "Sealing certificate"),
                say("未配置：本证书未加盖机构电子印章", "none: this certificate bears no seal"),
            )
        )
        return rows
    return [
        *rows,
        (say("签章证书持有者", "Sealing certificate of"), sealing.subject),
        (say("签发者", "Issued by"), sealing.issuer),
        (say("序列号", "Serial number"), mono(sealing.serial_number)),
        (say("有效期", "Validity"), [words.time(sealing.valid_from), words.time(sealing.valid_to)]),
        (say("证书 SHA-256", "Its SHA-256"), digest(sealing.sha256)),
    ]


def _platform(setting: Setting) -> Iterator[Block]:
    say = setting.words.say
    if setting.issuer.description is None:
        yield note(say(*sentences.NO_DESCRIPTION))
        return
    signers = say("、", ", ").join(setting.issuer.description_signers)
    yield facts(
        (say("平台名称", "Platform"), setting.or_unknown(setting.described("platform", "name"))),
        (
            say("运营主体", "Operator"),
            setting.or_unknown(setting.described("platform", "operator")),
        ),
        (say("备案与许可", "Filings"), _filings(setting)),
        (
            say("资质说明", "Qualification"),
            setting.or_unknown(setting.described("platform", "qualification")),
        ),
        (
            say("利害关系声明", "Statement of interest"),
            setting.or_unknown(setting.described("platform", "interest_statement")),
        ),
        (
            say("签署本说明的成员", "Members who signed this"),
            signers or say("无成员签名通过核验", "no member's signature was checked"),
        ),
    )


def _filings(setting: Setting) -> Value:
    platform = setting.description.get("platform")
    found = platform.get("filings") if isinstance(platform, Mapping) else None
    say = setting.words.say
    lines = [
        say("：", ": ").join(
            text for text in (item.get("kind"), item.get("number"), item.get("authority")) if text
        )
        for item in found or ()
        if isinstance(item, Mapping)
    ]
    return lines or setting.words.unknown


def _members(setting: Setting) -> Iterator[Block]:
    say = setting.words.say
    told = {
        item["id"]: item
        for item in setting.description.get("members") or ()
        if isinstance(item, Mapping) and isinstance(item.get("id"), str)
    }
    yield table(
        (2.2, 1.6, 0.9, 2.3),
        [
            say("名称、标识", "Name, id"),
            say("角色（创世时）", "Roles (at genesis)"),
            say("运行节点", "Runs a node"),
            say("中立性说明", "Neutrality"),
        ],
        [
            _member(setting, member, told.get(member.id, {}))
            for member in setting.proven.genesis.members
        ],
    )
    yield paragraph(say(*sentences.WHOSE_MEMBERS))


def _member(setting: Setting, member: GenesisMember, own: Mapping[str, Any]) -> list[Value]:
    say, words, proven = setting.words.say, setting.words, setting.proven
    validates = any(item.member == member.id for item in proven.genesis.validators)
    uscc = own.get("uscc")
    named: list[Value] = [own.get("legal_name") or proven.member_name(member.id), mono(member.id)]
    return [
        [*named, mono(uscc)] if uscc else named,
        say("、", ", ").join(words.pick(ROLES[role]) for role in member.roles),
        say("是", "yes") if validates or own.get("runs_node") is True else say("否", "no"),
        own.get("neutrality") or words.unknown,
    ]
