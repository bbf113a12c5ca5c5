"""Sections seven and eight: hashes that can be read aloud, and who signed what (七 八)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from node.evidence.certificates import sentences
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
    """七: every hash that the records name, once, with what it is of and where it is named: so the
    versions of a document follow one another."""
    say = setting.words.say
    rows = [
        [[digest(sha256), *found.besides], [*found.documents, *_named(setting, found)]]
        for sha256, found in _hashes(setting).items()
    ]
    blocks: list[Block] = [paragraph(say(*sentences.HOW_HASHES_ARE_WRITTEN))]
    if rows:
        head = [say("校验值", "Hash"), say("对象、所在记录", "What it is of, and in which records")]
        blocks.append(table((4.1, 3.6), head, rows))
    else:
        blocks.append(note(say("这些记录没有载明任何文件校验值。", "These records name no hash.")))
    return section("七", say("证据文件清单与校验值", "Documents and their hashes"), blocks)


@dataclass
class _Named:
    """One hash: the documents that have it, their SM3 hashes, and the fields it stands in, each
    with the ordinals of its records."""

    documents: list[str] = field(default_factory=list)
    besides: list[Value] = field(default_factory=list)
    fields: dict[str, list[int]] = field(default_factory=dict)


def _hashes(setting: Setting) -> dict[str, _Named]:
    """The hashes in the order in which they are first named."""
    found: defaultdict[str, _Named] = defaultdict(_Named)
    for record in setting.proven.records:
        for sha256, text, sm3 in _documents(setting, record):
            found[sha256].documents.append(text)
            if sm3 is not None and digest(sm3) not in found[sha256].besides:
                found[sha256].besides += [_sm3(setting, record, found[sha256]), digest(sm3)]
        for label, sha256 in _fields(setting, record):
            ordinals = found[sha256].fields.setdefault(label, [])
            if record.ordinal not in ordinals:
                ordinals.append(record.ordinal)
    return found


def _sm3(setting: Setting, record: ProvenRecord, named: _Named) -> str:
    """What is written over an SM3 hash: of one that contradicts another, who says so, too."""
    if not named.besides:
        return "SM3"
    at = setting.words.records([record.ordinal])
    return setting.words.say(f"SM3（{at}另载）", f"SM3 (another one, by {at})")


def _documents(setting: Setting, record: ProvenRecord) -> Iterator[tuple[str, str, str | None]]:
    """Each document of a record: its hash, what is said of it, and its SM3 hash if it has one."""
    say = setting.words.say
    names = record.disclosed("document_names")
    shown = names if isinstance(names, list) else []
    for place, item in enumerate(record.data.get("documents") or ()):
        name = [str(shown[place])] if place < len(shown) else []
        size = say(f"{item['size']} 字节", f"{item['size']} bytes")
        about = say("，", ", ").join([*name, item["media_type"], size])
        at = setting.words.records([record.ordinal])
        yield (
            item["sha256"],
            say(
                f"文件：{about}（{at}，{setting.event_name(record)}）",
                f"document: {about} ({at}, {setting.event_name(record)})",
            ),
            item.get("sm3"),
        )


def _fields(setting: Setting, record: ProvenRecord) -> Iterator[tuple[str, str]]:
    """Every other hash of a record: the name of its field, and the hash."""
    filing = record.data.get("imprint_filing", {})
    named = {**record.data, **{f"imprint_filing.{name}": value for name, value in filing.items()}}
    for name, value in named.items():
        last = name.rpartition(".")[2]
        if last not in HASH_FIELDS and last != "imprint_hash":
            continue
        label = setting.words.pick(FIELD_NAMES.get(last, ("印模哈希", "Hash of the imprint")))
        for item in value if isinstance(value, list) else [value]:
            yield label, item


def _named(setting: Setting, found: _Named) -> list[str]:
    say, words = setting.words.say, setting.words
    return [
        say(f"{label}：{words.records(ordinals)}", f"{label}: {words.records(ordinals)}")
        for label, ordinals in found.fields.items()
    ]


def _at(setting: Setting, record: ProvenRecord) -> Value:
    return [setting.event_name(record), mono(record.entry.code)]


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
    yield note(say(*sentences.FILES_NOT_AT_HAND))


def _intent(setting: Setting, record: ProvenRecord) -> str:
    confirmed = record.entry.facts.get("intent") == "confirmed"
    return setting.words.say("已确认", "confirmed") if confirmed else setting.words.absent
