"""Sections four and six: who took part and how they were verified; the time line (四 六)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.evidence.certificates.blocks import (
    Block,
    Value,
    facts,
    mono,
    note,
    paragraph,
    section,
    subheading,
    table,
)
from node.evidence.certificates.field_names import (
    FIELD_NAMES,
    HASH_FIELDS,
    PRIVATE_NAMES,
    show_field,
)
from node.evidence.certificates.proven import ProvenRecord
from node.evidence.certificates.setting import Setting

__all__ = ["party_section", "private_rows", "timeline_section"]

_SHOWN_ELSEWHERE = frozenset({"aliases", "documents", "parties", "party_ref", "digests", "jwk"})
_SHOWN_BEFORE = ("signing.identity_verified", "signing.intent_confirmed")
_SEAL_FACTS = ("seal_status", "seal_status_version", "seal_record")


def private_rows(setting: Setting, record: ProvenRecord) -> list[tuple[str, Value]]:
    """The disclosed fields of a record, with a line for what was not disclosed."""
    words = setting.words
    rows: list[tuple[str, Value]] = [
        (
            words.pick(PRIVATE_NAMES.get(item.name, (item.name, item.name))),
            show_field(words, item.name, item.value),
        )
        for item in record.private
    ]
    if record.hidden:
        rows.append(
            (
                words.undisclosed,
                words.say(
                    f"至多 {record.hidden} 项私密字段只以摘要存于链上",
                    f"at most {record.hidden} private field(s), digests alone are on the chain",
                ),
            )
        )
    return rows


# -- four -----------------------------------------------------------------------------------------


def party_section(setting: Setting) -> dict[str, Any]:
    """四: the parties, and how their identity and intent were verified."""
    say = setting.words.say
    if setting.proven.kind == "case":
        blocks = list(_case_parties(setting))
    elif setting.proven.kind == "seal":
        blocks = list(_seal_owner(setting))
    else:
        blocks = [
            paragraph(
                say(
                    "本类记录不涉及签署方身份认证；记录由下列成员以其账本密钥签名提交（见第八部分）。",
                    "Records of this kind verify no party's identity; members submitted them, "
                    "signed with their ledger keys (section 8).",
                )
            ),
            facts(
                (
                    say("提交成员", "Submitted by"),
                    [setting.proven.member_name(member) for member in _issuers(setting)],
                )
            ),
        ]
    return section("四", say("存证主体及身份认证", "Parties, and how they were identified"), blocks)


def _issuers(setting: Setting) -> list[str]:
    return list(dict.fromkeys(record.transaction.iss for record in setting.proven.records))


def _case_parties(setting: Setting) -> Iterator[Block]:
    say, words, proven = setting.words.say, setting.words, setting.proven
    opened = proven.of_type("signing.initiated")
    if opened:
        yield facts(*_opening_rows(setting, opened[0]))
    parties = opened[0].data["parties"] if opened else []
    references = [item["party_ref"] for item in parties]
    kinds = {item["party_ref"]: item["kind"] for item in parties}
    for record in proven.records:
        reference = record.data.get("party_ref")
        if reference is not None and reference not in references:
            references.append(reference)
    for position, reference in enumerate(references, 1):
        yield subheading(say(f"签署方 {position}", f"Party {position}"))
        kind = show_field(words, "kind", kinds[reference]) if reference in kinds else words.unknown
        yield facts(
            (say("签署方引用", "Reference"), mono(reference)), (say("主体类型", "Kind"), kind)
        )
        yield from _verifications(setting, reference)
    yield paragraph(
        say(
            "签署方引用为仅用于本案的随机代号，与任何证件号码无关。实名认证、意愿认证的结果由"
            "提交该记录的成员负责；本证书证明其何时提交了何内容，不证明认证结论正确。",
            "A reference is a random name of this case alone. For the result of a verification the "
            "member that recorded it is responsible: this certificate proves what it recorded and "
            "when, not that the result is right.",
        )
    )


def _opening_rows(setting: Setting, record: ProvenRecord) -> list[tuple[str, Value]]:
    words, data = setting.words, record.data
    names = ("sign_no", "origin", "channel", "deadline", "aliases")
    rows: list[tuple[str, Value]] = [
        (words.pick(FIELD_NAMES[name]), show_field(words, name, data[name]))
        for name in names
        if name in data
    ]
    return rows + private_rows(setting, record)


def _verifications(setting: Setting, reference: str) -> Iterator[Block]:
    say, words = setting.words.say, setting.words
    found = [
        record
        for record in setting.proven.of_type(
            "signing.identity_verified", "signing.intent_confirmed"
        )
        if record.data["party_ref"] == reference
    ]
    if not found:
        yield note(
            say(
                "实名认证、意愿认证：未存证。",
                "No verification of identity or intent is on record.",
            )
        )
        return
    for record in found:
        rows: list[tuple[str, Value]] = [
            (say("存证编码", "Evidence code"), mono(record.entry.code)),
            *(
                (words.pick(FIELD_NAMES[name]), show_field(words, name, record.data[name]))
                for name in ("provider", "method", "result", "verified_at", "confirmed_at")
                if name in record.data
            ),
            *private_rows(setting, record),
        ]
        yield facts(
            (setting.event_name(record), setting.proven.member_name(record.transaction.iss)), *rows
        )


def _seal_owner(setting: Setting) -> Iterator[Block]:
    say, words = setting.words.say, setting.words
    for record in setting.proven.of_type("seal.applied", "seal.imported"):
        names = ("owner_kind", "owner_name", "owner_uscc", "division")
        yield facts(
            (setting.event_name(record), setting.proven.member_name(record.transaction.iss)),
            *(
                (words.pick(FIELD_NAMES[name]), show_field(words, name, record.data[name]))
                for name in names
                if name in record.data
            ),
            *private_rows(setting, record),
        )
    yield paragraph(
        say(
            "印章所有人、经办人的身份由提交申请、制作、备案的成员核验；核验材料以哈希存证（见第七部分）。",
            "Owner and agent were verified by the members that applied, made and filed; what they "
            "rested on is on record by its hashes (section 7).",
        )
    )


# -- six ------------------------------------------------------------------------------------------


def timeline_section(setting: Setting) -> dict[str, Any]:
    """六: each event with its four times, drawn."""
    say = setting.words.say
    return section(
        "六",
        say(
            "全过程时间线（发生、采集、提交、上链）",
            "Time line: occurred, collected, submitted, on the chain",
        ),
        [
            table(
                (1, 5.2),
                [say("时间", "Time"), say("含义", "Meaning")],
                [
                    [
                        say("发生", "Occurred"),
                        say(
                            "提交方所述的事件发生时间，没有其他证明",
                            "when it happened, by the submitter's word alone",
                        ),
                    ],
                    [
                        say("采集", "Collected"),
                        say(
                            "提交方系统取得该数据的时间；未填写的写明“未存证”",
                            "when the submitter's system got the data; not always on record",
                        ),
                    ],
                    [
                        say("提交", "Submitted"),
                        say(
                            "提交方以其账本密钥签名的时间（精确到秒），由提交方的时钟决定",
                            "when the submitter signed it (to the second), by the submitter's clock",
                        ),
                    ],
                    [
                        say("上链", "On the chain"),
                        say(
                            "不早于所在区块头的时间，不晚于下一区块头的时间；由验证节点共同签名确认",
                            "no earlier than its block's header and no later than the next one: signed "
                            "by the validators",
                        ),
                    ],
                ],
            ),
            *(
                []
                if setting.proven.passed("times")
                else [
                    note(say("上链时间未通过核验。", "The times on the chain were not verified."))
                ]
            ),
            {
                "k": "timeline",
                "by": say("提交：", "by "),
                "labels": [
                    say("发生", "Occurred"),
                    say("采集", "Collected"),
                    say("提交", "Submitted"),
                    say("上链", "On the chain"),
                ],
                "events": [_event(setting, record) for record in setting.proven.records],
            },
        ],
    )


def _event(setting: Setting, record: ProvenRecord) -> dict[str, Any]:
    say, words, transaction = setting.words.say, setting.words, record.transaction
    collected = transaction.collected_at
    submitted = transaction.iat * 1000
    return {
        "ordinal": record.ordinal,
        "name": setting.event_name(record),
        "by": setting.proven.member_name(transaction.iss),
        "code": record.entry.code,
        "times": [
            [words.time(transaction.occurred_at)],
            [words.absent if collected is None else words.time(collected)],
            [words.second(transaction.iat)],
            [words.time(record.time), words.time(record.after)],
        ],
        "known": [True, collected is not None, True, True],
        "lags": [
            say(
                f"发生后 {words.lag(submitted - transaction.occurred_at)}提交",
                f"submitted {words.lag(submitted - transaction.occurred_at)} after it occurred",
            ),
            say(
                f"提交后 {words.lag(record.after - submitted)}内上链",
                f"on the chain within {words.lag(record.after - submitted)} of that",
            ),
            *_late(setting, record),
        ],
        "said": _said(setting, record),
    }


def _late(setting: Setting, record: ProvenRecord) -> list[str]:
    late = record.entry.facts.get("late")
    if not isinstance(late, int):
        return []
    lag = setting.words.lag(late)
    return [setting.words.say(f"迟报：晚于发生时间 {lag}", f"late: {lag} after it occurred")]


def _said(setting: Setting, record: ProvenRecord) -> list[list[Value]]:
    """What the record says besides its hashes, which stand in section seven."""
    words = setting.words
    rows: list[list[Value]] = [
        [words.pick(FIELD_NAMES.get(name, (name, name))), show_field(words, name, value)]
        for name, value in record.data.items()
        if name not in HASH_FIELDS and name not in _SHOWN_ELSEWHERE
    ]
    status = record.entry.facts.get("status")
    if status is not None:
        rows.append([words.say("此后状态", "Status after it"), words.status(status)])
    seal = [record.entry.facts.get(name) for name in _SEAL_FACTS]
    if seal[0] is not None:
        rows.append(
            [
                words.say("当时印章状态", "Seal's status then"),
                words.say(
                    f"{words.status(seal[0])}（第 {seal[1]} 版，依据 {seal[2]}）",
                    f"{words.status(seal[0])} (version {seal[1]}, by {seal[2]})",
                ),
            ]
        )
    if record.type in _SHOWN_BEFORE and record.private:
        rows.append([words.say("已披露", "Disclosed"), words.say("见第四部分", "see section 4")])
        return rows
    return rows + [list(row) for row in private_rows(setting, record)]
