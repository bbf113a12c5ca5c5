"""Cover, and sections one to three: on what ground, by whom, for whom (一 二 三)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from node.core.verify import PASSED
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
    subheading,
    table,
)
from node.evidence.certificates.setting import Setting

__all__ = ["KINDS", "ROLES", "applicant_section", "cover", "issuer_section", "statement_section"]

KINDS = {
    "anchor": ("第三方存证", "anchors"),
    "case": ("签约", "signing case"),
    "consortium": ("联盟事项", "consortium matter"),
    "record": ("存证记录", "records"),
    "seal": ("电子印章", "electronic seal"),
}
"""Kinds of dossiers."""
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
_DUTIES = (
    (
        "《人民法院在线诉讼规则》第十六条：上链后未经篡改",
        "Rules of Online Litigation, art. 16: not altered since it was recorded",
        "六、十、十一、十四",
        "6, 10, 11, 14",
    ),
    (
        "第十七条第一款第一项、第二项：存证平台资质、与当事人的利害关系、信息系统的安全性与可靠性",
        "art. 17: the platform's qualification and neutrality, its systems' safety",
        "二、十三",
        "2, 13",
    ),
    (
        "第十七条：存证技术和过程是否符合标准",
        "art. 17: whether technology and process follow the standards",
        "九、十、十三、十四",
        "9, 10, 13, 14",
    ),
    (
        "第十八条：上链存储前数据的真实性（来源、生成机制、存储过程、第三方见证、关联印证数据）",
        "art. 18: truth before recording (source, making, storage, witnesses, related data)",
        "四、六、十一、十二",
        "4, 6, 11, 12",
    ),
    (
        "第十九条：专门知识的人、鉴定或者核验",
        "art. 19: experts, appraisal, examination",
        "十四、十六",
        "14, 16",
    ),
    (
        "《最高人民法院关于互联网法院审理案件若干问题的规定》第十一条：由谁提取、何时提取、"
        "用何工具、能否复现",
        "Provisions on Internet Courts, art. 11: who extracted it, when, with what, reproducible",
        "二、三、六、七、十三、十四",
        "2, 3, 6, 7, 13, 14",
    ),
    (
        "《中华人民共和国电子签名法》第五条至第八条、第十三条：原件形式、可靠的电子签名",
        "Electronic Signature Law, art. 5-8, 13: original form, reliable signature",
        "四、五、七、八",
        "4, 5, 7, 8",
    ),
    (
        "《电子印章管理办法》（国办发〔2025〕33号）：印章制作、备案与状态",
        "Measures on Electronic Seals, Guo Ban Fa [2025] 33: making, filing, status",
        "五",
        "5",
    ),
)


def cover(setting: Setting) -> dict[str, Any]:
    """What stands on the first page."""
    say, words, proven = setting.words.say, setting.words, setting.proven
    kind = words.pick(KINDS[proven.kind])
    return {
        "rows": [
            [say("证书编号", "Certificate number"), mono(setting.certificate_no)],
            [say("存证编码", "Evidence code"), mono(proven.code)],
            [
                say("存证对象", "Subject"),
                say(f"{kind}，{_extent(setting)}", f"{kind}, {_extent(setting)}"),
            ],
            [say("出具机构", "Issued by"), setting.issuer_name],
            [say("出具时间", "Issued at"), words.time(setting.issued_at)],
            [
                say("数据截至", "State as of"),
                say(
                    f"区块高度 {proven.bundle.as_of}，{words.time(proven.as_of_time)}",
                    f"height {proven.bundle.as_of}, {words.time(proven.as_of_time)}",
                ),
            ],
            [say("核验结果", "Verification"), _results(setting)],
        ],
        "sentence": _sentence(setting),
        "limit": say(
            "本证书只证明记录自上链之时起未被改动及其时间，不证明记录所述内容真实。",
            "This certificate proves that the records have not been changed since they were "
            "recorded, and when that was. It does not prove that what they say is true.",
        ),
        "fingerprint_label": say(
            "信任文件指纹（SHA-256）", "Fingerprint of the trust file (SHA-256)"
        ),
        "fingerprint": digest(proven.report.trust_fingerprint),
        "fingerprint_hint": say(
            "请与联盟成员单位公布的指纹逐组核对。",
            "Compare it, group by group, with the one that the members publish.",
        ),
        "qr_label": say(
            "二维码内容：证书编号、存证编码、信任文件指纹",
            "QR code: certificate number, evidence code, fingerprint",
        ),
    }


def _results(setting: Setting) -> str:
    steps = [step for step in setting.proven.report.steps if not step.part]
    passed = sum(step.status == PASSED for step in steps)
    open_ = [step.label for step in steps if step.status != PASSED]
    say = setting.words.say
    if not open_:
        return say(f"全部 {len(steps)} 步通过", f"all {len(steps)} steps passed")
    return say(
        f"{len(steps)} 步中通过 {passed} 步，未核验 {len(open_)} 步"
        f"（第 {'、'.join(open_)} 步），见第十四部分",
        f"{passed} of {len(steps)} steps passed, {len(open_)} not checked "
        f"({', '.join(open_)}): see section 14",
    )


def _extent(setting: Setting) -> str:
    count, say = len(setting.proven.records), setting.words.say
    if setting.proven.whole:
        return say(f"全部 {count} 条记录", f"all of its {count} record(s)")
    return say("其中一条记录", "one record of it")


def _sentence(setting: Setting) -> str:
    proven, words = setting.proven, setting.words
    first, last = proven.records[0], proven.records[-1]
    count = len(proven.records)
    span_zh = f"于 {words.time(first.time)} 至 {words.time(last.after)} 之间"
    span = f"between {words.time(first.time)} and {words.time(last.after)}"
    return words.say(
        f"经核验：存证编码 {proven.code} 项下的 {count} 条记录{span_zh}先后上链，"
        f"截至区块高度 {proven.bundle.as_of} 未被改动。",
        f"Verified: the {count} record(s) under the evidence code {proven.code} came onto the "
        f"chain {span}, and have not been changed up to height {proven.bundle.as_of}.",
    )


def statement_section(setting: Setting) -> dict[str, Any]:
    """一: what this is, and which provisions ask for it."""
    say, name = setting.words.say, setting.issuer_name
    where = [say("规定与要求", "Provision"), say("见本证书", "Answered in")]
    rows = [[say(zh, en), say(at_zh, at_en)] for zh, en, at_zh, at_en in _DUTIES]
    return section(
        "一",
        say("声明与出具依据", "Statement, and on what ground it is issued"),
        [
            paragraph(
                say(
                    f"本证书由{name}出具。第四部分至第十二部分的内容，取自本证书所附证据包"
                    "（bundle.json）；出具前已用信任文件（trust.json）对该证据包逐步核验，"
                    "核验未通过的，不出具证书。",
                    f"This certificate is issued by {name}. Sections 4 to 12 say what the attached "
                    "evidence bundle (bundle.json) holds. It was verified step by step against the "
                    "trust file (trust.json) before; of a bundle that does not pass, no "
                    "certificate is made.",
                )
            ),
            paragraph(
                say(
                    "第二、三、十三部分中，标明“联盟自述”的内容取自联盟成员共同签署的说明，"
                    "标明“出具机构所述”的内容由出具机构负责。没有记录、没有披露或者没有核验的事项，"
                    "均如实写明“未存证”“未披露”“未核验”或者“未知”。",
                    "In sections 2, 3 and 13, what the consortium says of itself and what the "
                    "issuer says is marked so. What is not on record, not disclosed, not checked "
                    "or not known is called so.",
                )
            ),
            table((3, 1), where, rows),
        ],
    )


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
    state = setting.proven.state.get(f"member/{issuer.member}") or {}
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
        yield note(
            say(
                "出具节点没有联盟成员共同签署的说明：平台名称、运营主体、备案编号、"
                "与当事人的利害关系均未知，应当由出具机构另行说明。",
                "The issuing node has no description signed by the members: the platform's name, "
                "operator, filings and interests are not known, and the issuer has to state them "
                "separately.",
            )
        )
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
    say, words = setting.words.say, setting.words
    told = {
        item["id"]: item
        for item in setting.description.get("members") or ()
        if isinstance(item, Mapping) and isinstance(item.get("id"), str)
    }
    validators = {item.member for item in setting.proven.genesis.validators}
    rows: list[list[Value]] = []
    for member in setting.proven.genesis.members:
        own = told.get(member.id, {})
        name = own.get("legal_name") or setting.proven.member_name(member.id)
        uscc = own.get("uscc")
        roles = say("、", ", ").join(words.pick(ROLES[role]) for role in member.roles)
        runs = member.id in validators or own.get("runs_node") is True
        rows.append(
            [
                [name, mono(member.id)] + ([mono(uscc)] if uscc else []),
                roles,
                say("是", "yes") if runs else say("否", "no"),
                own.get("neutrality") or words.unknown,
            ]
        )
    yield table(
        (2.2, 1.6, 0.9, 2.3),
        [
            say("名称、标识", "Name, id"),
            say("角色（创世时）", "Roles (at genesis)"),
            say("运行节点", "Runs a node"),
            say("中立性说明", "Neutrality"),
        ],
        rows,
    )
    yield paragraph(
        say(
            "成员、角色以创世文件（其哈希写在信任文件中）所载为准；名称、中立性说明有联盟自述的，"
            "采用联盟自述。此后经表决的成员变更不在本证书证明范围内。",
            "Members and roles are those of the genesis, whose hash the trust file names; names and "
            "neutrality are the consortium's own words where there are any. Later changes of "
            "members by vote are outside this certificate.",
        )
    )


def applicant_section(setting: Setting) -> dict[str, Any]:
    """三: who asked, for what, and what was handed out."""
    say, words, order, proven = setting.words.say, setting.words, setting.order, setting.proven
    not_told = say("未载明", "not stated")
    shown = sum(len(record.private) for record in proven.records)
    hidden = sum(record.hidden for record in proven.records)
    return section(
        "三",
        say("申请人与出证事项", "Applicant, and what is certified"),
        [
            facts(
                (say("申请人", "Applicant"), order.applicant or not_told),
                (say("用途", "Purpose"), order.purpose or not_told),
                (say("案号", "Court case number"), order.case_no or not_told),
                (
                    say("出证事项", "Matter"),
                    say(
                        f"{words.pick(KINDS[proven.kind])}，存证编码 {proven.code}，{_extent(setting)}",
                        f"{words.pick(KINDS[proven.kind])}, evidence code {proven.code}, "
                        f"{_extent(setting)}",
                    ),
                ),
                (say("卷宗标识", "Dossier"), mono(proven.subject)),
                (
                    say("本次披露的私密字段", "Private fields shown here"),
                    say(
                        f"{shown} 项；另有至多 {hidden} 项只以摘要存于链上，未披露",
                        f"{shown}; of at most {hidden} more only digests are on the chain: "
                        "not disclosed",
                    ),
                ),
                (
                    say("提取", "Extraction"),
                    say(
                        f"由{setting.issuer_name}于 {words.time(setting.issued_at)} 用 "
                        f"{setting.issuer.software} {setting.issuer.version} 从其节点账本提取",
                        f"by {setting.issuer_name} at {words.time(setting.issued_at)}, from its "
                        f"node's ledger, with {setting.issuer.software} {setting.issuer.version}",
                    ),
                ),
            ),
            *_scope(setting),
        ],
    )


def _scope(setting: Setting) -> list[Block]:
    say = setting.words.say
    if setting.proven.whole:
        return []
    return [
        bullets(
            [
                say(
                    "本证书只涉及一条记录：该卷宗是否还有其他记录、该记录前后关系如何，本证书不予说明。",
                    "This certificate is of one record: whether the dossier has others, and what came "
                    "before and after, it does not say.",
                )
            ]
        )
    ]
