"""Sections seven and eight: hashes that can be read aloud, and who signed what (七 八)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.evidence.certificates.blocks import (
    Block,
    Value,
    digest,
    mono,
    note,
    paragraph,
    section,
    subheading,
    table,
)
from node.evidence.certificates.field_names import FIELD_NAMES, HASH_FIELDS, show_field
from node.evidence.certificates.proven import ProvenRecord
from node.evidence.certificates.setting import Setting

__all__ = ["document_section", "signature_section"]


def document_section(setting: Setting) -> dict[str, Any]:
    """七: every document and hash that the records name."""
    say = setting.words.say
    documents, hashes = list(_documents(setting)), list(_hashes(setting))
    blocks: list[Block] = [
        paragraph(
            say(
                "下列校验值为 SHA-256（另有注明的除外），以十六进制书写，每四位一组、每行八组，"
                "便于逐组宣读核对。"
                "文件原文不在链上：将当事人提交的文件自行计算校验值，与下表一致的，"
                "即为存证时的文件。",
                "Hashes are SHA-256 unless another is named, in hexadecimal, groups of four, eight "
                "groups a line, to be read aloud. The files themselves are not on the chain: a "
                "file "
                "whose hash is the one below is the file of that time.",
            )
        )
    ]
    if documents:
        blocks.append(subheading(say("文件", "Documents")))
        blocks.append(
            table(
                (1.9, 4.1, 1.7),
                [say("记录", "Record"), say("校验值", "Hash"), say("类型、大小", "Type, size")],
                documents,
            )
        )
    if hashes:
        blocks.append(subheading(say("其他校验值", "Other hashes")))
        blocks.append(
            table(
                (1.9, 1.7, 4.1),
                [say("记录", "Record"), say("对象", "Of"), say("校验值", "Hash")],
                hashes,
            )
        )
    if not documents and not hashes:
        blocks.append(note(say("这些记录没有载明任何文件校验值。", "These records name no hash.")))
    return section("七", say("证据文件清单与校验值", "Documents and their hashes"), blocks)


def _at(setting: Setting, record: ProvenRecord) -> Value:
    return [setting.event_name(record), mono(record.entry.code)]


def _documents(setting: Setting) -> Iterator[list[Value]]:
    say = setting.words.say
    for record in setting.proven.records:
        names = record.disclosed("document_names")
        shown = names if isinstance(names, list) else []
        for place, item in enumerate(record.data.get("documents") or ()):
            value: list[Value] = [digest(item["sha256"])]
            if "sm3" in item:
                value += ["SM3", digest(item["sm3"])]
            about: list[Value] = [
                mono(item["media_type"]),
                say(f"{item['size']} 字节", f"{item['size']} bytes"),
            ]
            if place < len(shown):
                about.insert(0, str(shown[place]))
            yield [_at(setting, record), value, about]


def _hashes(setting: Setting) -> Iterator[list[Value]]:
    words = setting.words
    for record in setting.proven.records:
        found = {
            **record.data,
            **{
                f"imprint_filing.{name}": value
                for name, value in record.data.get("imprint_filing", {}).items()
            },
        }
        for name, value in found.items():
            field = name.rpartition(".")[2]
            if field not in HASH_FIELDS and field != "imprint_hash":
                continue
            label = words.pick(FIELD_NAMES.get(field, ("印模哈希", "Hash of the imprint")))
            for item in value if isinstance(value, list) else [value]:
                yield [_at(setting, record), label, digest(item)]


# -- eight ----------------------------------------------------------------------------------------


def signature_section(setting: Setting) -> dict[str, Any]:
    """八: signatures of records, which were checked, and of documents, which were not."""
    say = setting.words.say
    return section(
        "八",
        say("电子签名与数字证书验证结果", "Electronic signatures and certificates"),
        [
            subheading(say("记录的电子签名（已核验）", "Signatures of the records (checked)")),
            *_record_signatures(setting),
            subheading(
                say("文件的电子签名（未核验）", "Signatures of the documents (not checked)")
            ),
            *_document_signatures(setting),
        ],
    )


def _record_signatures(setting: Setting) -> Iterator[Block]:
    say, words, proven = setting.words.say, setting.words, setting.proven
    rows: list[list[Value]] = []
    for kid in dict.fromkeys(record.transaction.kid for record in proven.records):
        signed = [record for record in proven.records if record.transaction.kid == kid]
        value = proven.state.get(f"key/{kid}") or {}
        start, end = value.get("from"), value.get("to")
        suspect = value.get("suspect_from")
        rows.append(
            [
                [proven.member_name(signed[0].transaction.iss), mono(kid)],
                say("、", ", ").join(str(record.ordinal) for record in signed),
                [
                    say(f"高度 {start} 起", f"from height {start}"),
                    *([say(f"至高度 {end}", f"to height {end}")] if isinstance(end, int) else []),
                    *(
                        [
                            say(
                                f"自 {words.time(suspect)} 起被报告泄露",
                                f"reported compromised from {words.time(suspect)} on",
                            )
                        ]
                        if isinstance(suspect, int)
                        else []
                    ),
                ],
            ]
        )
    yield table(
        (4.2, 1.4, 2),
        [
            say("签名成员、密钥指纹（RFC 7638）", "Member, key thumbprint (RFC 7638)"),
            say("签署记录序号", "Signed records"),
            say("密钥有效范围", "Key valid"),
        ],
        rows,
    )
    for identifier in ("transactions.keys", "transactions.signatures"):
        step = proven.steps[identifier]
        yield paragraph(
            say(
                f"第 {step.number} 步“{step.title_zh}”：{words.check(step.status)}。"
                f"{step.text_zh}。",
                f"Step {step.number}, {step.title}: {words.check(step.status)}. {step.text}.",
            )
        )


def _document_signatures(setting: Setting) -> Iterator[Block]:
    say, words = setting.words.say, setting.words
    rows: list[list[Value]] = []
    for record in setting.proven.of_type("signing.sealed"):
        data = record.data
        kind = show_field(words, "signature_kind", data["signature_kind"])
        rows.append(
            [
                _at(setting, record),
                [kind, *([mono(data["es_id"])] if "es_id" in data else [])],
                [mono(data["signer_cert_sn"])],
                words.say("有", "yes") if "timestamp_token_hash" in data else words.absent,
                show_field(words, "intent", _intent(setting, record)),
            ]
        )
    if rows:
        yield table(
            (1.9, 1.9, 2.1, 1, 1.3),
            [
                say("记录", "Record"),
                say("签署类型、印章", "Kind, seal"),
                say("证书序列号", "Certificate's serial number"),
                say("时间戳", "Time-stamp"),
                say("意愿认证", "Intent"),
            ],
            rows,
        )
    yield note(
        say(
            "出具本证书时没有取得被签署文件的原文，文件内的电子签名、签署证书及其信任链、"
            "吊销状态均未核验；"
            "上表所列为签约平台提交的记录。持有文件原文的，可以另行核验文件签名，"
            "并以第七部分的校验值确认"
            "文件与存证一致。",
            "The signed files were not at hand: the signatures in them, the certificates, their "
            "chains and revocation were not checked; the table shows what the platform recorded. "
            "Whoever has the file can check its signatures, and by the hashes of section 7 that it "
            "is the one on record.",
        )
    )


def _intent(setting: Setting, record: ProvenRecord) -> str:
    confirmed = record.entry.facts.get("intent") == "confirmed"
    return setting.words.say("已确认", "confirmed") if confirmed else setting.words.absent
