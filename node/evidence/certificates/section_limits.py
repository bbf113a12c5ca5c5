"""Sections fifteen and sixteen, and the last page: what is not proven, terms, attachments, seal
(十五 十六 签章页)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from node.core.verify import NOT_CHECKED
from node.evidence.certificates import proof_sentences
from node.evidence.certificates.blocks import (
    Block,
    Value,
    bullets,
    digest,
    mono,
    paragraph,
    section,
    subheading,
    table,
)
from node.evidence.certificates.port import Attachment
from node.evidence.certificates.setting import Setting

__all__ = ["attachment_section", "limits_section", "seal_page"]

_NOT_TO_CONCLUDE = (
    (
        "不得认为记录所述内容真实。所证明的是：由谁签名、此后未被改动、何时已在日志之中。",
        "That the content is true. What is shown is who signed it, that it has not changed, and "
        "when it was in the log.",
    ),
    (
        "不得认为所示为今日状态。一切以上述截至高度为准；该区块之中和其后的记录不在排除之列。",
        "That the state is today's. All is as of the height named; a record in that block or a "
        "later one is not excluded.",
    ),
    (
        "不得认为没有遗漏披露、回执或者其他证明。证据包只含出具者选入的内容。",
        "That no disclosure, receipt or other proof was left out: the bundle holds what its maker "
        "chose.",
    ),
    (
        "状态表（密钥归属、印章状态、卷宗末条）以验证节点签名为凭：超过三分之二权重的节点串通，"
        "可以出示虚假状态，"
        "但其签名即为其作伪的证据。",
        "The state map (whose key, a seal's status, a dossier's last record) rests on the "
        "validators: more than 2/3 of their power could show a false one, and their signatures "
        "would be proof against them.",
    ),
    (
        "未使用检查点核验的，不能排除日志曾被整体重写；核验者宜自行留存检查点。",
        "Without a checkpoint it is not excluded that the whole log was rewritten: whoever "
        "verifies "
        "should keep one.",
    ),
    (
        "单条记录的证书，不得据以认为卷宗完整。",
        "That a dossier is complete, from the certificate of one record.",
    ),
    (
        "不得以印章的目前状态代替签署时状态；签署时状态以当时条目所载为准。",
        "That a seal was valid when it signed because it is now: the entry of that time says it.",
    ),
    (
        "已离开的验证节点的旧密钥，只有此前的第三方存证或者检查点才能防范。",
        "That validators who have left are still honest: only an anchor or a checkpoint from "
        "before "
        "guards against their old keys.",
    ),
    (
        "链的迁移之前的日志，以新创世文件所载为准；迁移之前是否被改动，"
        "仅能由当时的第三方存证说明。",
        "That nothing was changed before a migration: only anchors of that time show it.",
    ),
    (
        "披露的字段与摘要相符，不说明签名者本人知悉该字段的内容。",
        "That the signer knew a disclosed value, where an earlier record has its digest too.",
    ),
)
_TERMS = (
    (
        "存证编码",
        "Evidence code",
        "CZ 加 13 位数字（末位为校验位），加“-序号”指其中一条记录。",
        "CZ and 13 digits, the last a check digit; with -n one record.",
    ),
    (
        "哈希（校验值）",
        "Hash",
        "由文件内容算出的定长数值；内容改动一字，数值即不同，且无法由数值倒推内容。",
        "A number of fixed length computed from a file: any change gives another.",
    ),
    (
        "默克尔证明",
        "Merkle proof",
        "用少量哈希证明一条记录在整本日志之中。",
        "A few hashes that show that a record is in the whole log.",
    ),
    (
        "信任文件",
        "Trust file",
        "核验者唯一需要相信的文件：链标识、创世文件哈希等；其指纹由联盟成员公布。",
        "The one thing that a verifier has to believe; members publish its fingerprint.",
    ),
    (
        "验证节点",
        "Validator",
        "由联盟成员运行、对区块签名的计算机。",
        "A member's machine that signs blocks.",
    ),
    (
        "私密字段、披露",
        "Private field, disclosure",
        "个人信息等不上链，只存加盐摘要；经授权出示并与摘要核对，称为披露。",
        "Personal data stays off the chain; shown with authority and checked against its digest, "
        "it "
        "is disclosed.",
    ),
    (
        "第三方存证",
        "Anchor",
        "把日志根哈希交由联盟之外的链或者时间戳机构固定。",
        "The log's root fixed with a chain or time-stamp authority outside.",
    ),
    (
        "补录",
        "Import",
        "把其他系统的旧记录存入本账本，只证明补录时的内容，不证明其此前经过。",
        "An old system's record taken over: shows what it was then, not how it came about.",
    ),
)


def limits_section(setting: Setting) -> dict[str, Any]:
    """十五: integrity and time, not truth."""
    say = setting.words.say
    unchecked = [
        say(
            f"第 {step.number} 步“{step.title_zh}”：{step.text_zh}。",
            f"Step {step.number}, {step.title}: {step.text}.",
        )
        for step in setting.proven.report.steps
        if step.status == NOT_CHECKED and not step.part
    ]
    return section(
        "十五",
        say("证明范围与局限", "What is proven, and what is not"),
        [
            paragraph(say(*proof_sentences.WHAT_IS_PROVEN)),
            subheading(say("不得据本证书得出的结论", "What must not be concluded")),
            bullets(say(zh, en) for zh, en in _NOT_TO_CONCLUDE),
            subheading(say("没有核验的", "What was not checked")),
            bullets([*unchecked, say(*proof_sentences.SIGNATURES_IN_DOCUMENTS)]),
            subheading(say("没有披露的", "What was not disclosed")),
            _undisclosed(setting),
        ],
    )


def _undisclosed(setting: Setting) -> Block:
    """How many fields at the most, each number once with all the records it is of."""
    say, words = setting.words.say, setting.words
    held: dict[int, list[int]] = {}
    for record in setting.proven.records:
        if record.hidden:
            held.setdefault(record.hidden, []).append(record.ordinal)
    if not held:
        return paragraph(say(*proof_sentences.ALL_SHOWN))
    each = {True: ("各", " each"), False: ("", "")}
    return bullets(
        say(
            f"{words.records(ordinals)}：{each[len(ordinals) > 1][0]}至多 {hidden} 项私密字段。",
            f"{words.records(ordinals)}: at most {hidden} private field(s)"
            f"{each[len(ordinals) > 1][1]}.",
        )
        for hidden, ordinals in sorted(held.items())
    )


def attachment_section(setting: Setting, attachments: Sequence[Attachment]) -> dict[str, Any]:
    """十六: terms, and the files in this PDF."""
    say = setting.words.say
    rows: list[list[Value]] = [
        [
            mono(item.name),
            [item.description, say(f"{len(item.content)} 字节", f"{len(item.content)} bytes")],
            digest(hashlib.sha256(item.content).hexdigest()),
        ]
        for item in attachments
    ]
    rows.append(
        [
            mono("statement.jwt"),
            say(*proof_sentences.STATEMENT),
            say("（签章前附入）", "(added before sealing)"),
        ]
    )
    return section(
        "十六",
        say("术语与附件", "Terms, and files attached"),
        [
            subheading(say("术语", "Terms")),
            table(
                (1.4, 4.6),
                [say("术语", "Term"), say("含义", "Meaning")],
                [[say(zh, en), say(means_zh, means)] for zh, en, means_zh, means in _TERMS],
            ),
            subheading(say("附件（嵌入本 PDF）", "Files attached (in this PDF)")),
            table(
                (1.5, 2.1, 4),
                [say("文件名", "Name"), say("内容", "What it is"), "SHA-256"],
                rows,
            ),
        ],
    )


def seal_page(setting: Setting) -> dict[str, Any]:
    """签章页."""
    say, words, issuer = setting.words.say, setting.words, setting.issuer
    if issuer.sealing is None:
        sealed = say(*proof_sentences.UNSEALED)
    elif issuer.time_stamp_authority:
        sealed = say(
            f"电子签章为 PAdES 数字签名，并由 {issuer.time_stamp_authority} 加盖时间戳；"
            "签章后对本文件的任何改动都能被发现。",
            f"The seal is a PAdES signature with a time-stamp of {issuer.time_stamp_authority}: "
            "any "
            "later change of this file shows.",
        )
    else:
        sealed = say(*proof_sentences.SEALED_WITHOUT_TIME)
    return {
        "title": say("签章页", "Seal"),
        "statement": say(*proof_sentences.WE_ISSUE),
        "rows": [
            [say("出具机构", "Issued by"), setting.issuer_name],
            [say("证书编号", "Certificate number"), mono(setting.certificate_no)],
            [say("存证编码", "Evidence code"), mono(setting.proven.code)],
            [say("出具时间", "Issued at"), words.time(setting.issued_at)],
        ],
        "signature": [
            say("出具机构（盖章）：", "Issued by (seal):"),
            setting.issuer_name,
            say(
                f"日期：{words.time(setting.issued_at)[:10]}",
                f"Date: {words.time(setting.issued_at)[:10]}",
            ),
        ],
        "seal_label": say("（电子签章）", "(electronic seal)"),
        "sealed": sealed,
    }
