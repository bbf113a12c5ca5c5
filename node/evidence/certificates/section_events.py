"""Sections four and six: who took part and how they were verified; the time line (四 六)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.evidence.certificates import sentences
from node.evidence.certificates.blocks import (
    Block,
    Value,
    facts,
    is_long,
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
_OPENING = ("sign_no", "origin", "channel", "deadline", "aliases")
_VERIFIED = ("provider", "method", "result", "verified_at", "confirmed_at")
_SHOWN_BEFORE = {
    "signing.identity_verified": _VERIFIED,
    "signing.initiated": _OPENING,
    "signing.intent_confirmed": _VERIFIED,
}
"""Records of which section four has these fields and the private ones."""
_TIMES = (
    (("发生", "Occurred"), sentences.OCCURRED),
    (("采集", "Collected"), sentences.COLLECTED),
    (("提交", "Submitted"), sentences.SUBMITTED),
    (("上链", "On the chain"), sentences.RECORDED),
)
_SEAL_FACTS = ("seal_status", "seal_status_version", "seal_record")


def private_rows(setting: Setting, record: ProvenRecord) -> list[tuple[str, Value]]:
    """The disclosed fields of a record, with a line for what was not disclosed."""
    words, rows = setting.words, _disclosed(setting, record)
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


def _disclosed(setting: Setting, record: ProvenRecord) -> list[tuple[str, Value]]:
    words = setting.words
    return [
        (
            words.pick(PRIVATE_NAMES.get(item.name, (item.name, item.name))),
            show_field(words, item.name, item.value),
        )
        for item in record.private
    ]


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
            paragraph(say(*sentences.NO_PARTIES)),
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
    yield paragraph(say(*sentences.WHAT_A_REFERENCE_IS))


def _opening_rows(setting: Setting, record: ProvenRecord) -> list[tuple[str, Value]]:
    words, data = setting.words, record.data
    rows: list[tuple[str, Value]] = [
        (words.pick(FIELD_NAMES[name]), show_field(words, name, data[name]))
        for name in _OPENING
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
        yield note(say(*sentences.NOTHING_VERIFIED))
        return
    for record in found:
        rows: list[tuple[str, Value]] = [
            (say("存证编码", "Evidence code"), mono(record.entry.code)),
            *(
                (words.pick(FIELD_NAMES[name]), show_field(words, name, record.data[name]))
                for name in _VERIFIED
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
    yield paragraph(say(*sentences.OWNER_VERIFIED))


# -- six ------------------------------------------------------------------------------------------


def timeline_section(setting: Setting) -> dict[str, Any]:
    """六: each event with its four times, drawn."""
    say = setting.words.say
    labels = [say(*pair) for pair, _ in _TIMES]
    blocks = [
        table(
            (1, 5.2),
            [say("时间", "Time"), say("含义", "Meaning")],
            [[say(*label), say(*meaning)] for label, meaning in _TIMES],
        ),
        {
            "k": "timeline",
            "by": say("提交：", "by "),
            "labels": labels,
            "events": [_event(setting, record) for record in setting.proven.records],
        },
    ]
    if not setting.proven.passed("times"):
        warning = say("上链时间未通过核验。", "The times on the chain were not verified.")
        blocks.insert(1, note(warning))
    return section("六", say(*sentences.TIMELINE), blocks)


def _event(setting: Setting, record: ProvenRecord) -> dict[str, Any]:
    say, words, transaction = setting.words.say, setting.words, record.transaction
    collected = transaction.collected_at
    submitted = transaction.iat * 1000
    said = _said(setting, record)
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
        "said": said,
        "broken": is_long(said),
    }


def _late(setting: Setting, record: ProvenRecord) -> list[str]:
    late = record.entry.facts.get("late")
    if not isinstance(late, int):
        return []
    lag = setting.words.lag(late)
    return [setting.words.say(f"迟报：晚于发生时间 {lag}", f"late: {lag} after it occurred")]


def _said(setting: Setting, record: ProvenRecord) -> list[list[Value]]:
    """What the record says besides its hashes, which stand in section seven, and besides what
    section four has of it. What was not disclosed is told in section fifteen."""
    words = setting.words
    before = _SHOWN_BEFORE.get(record.type) if setting.proven.kind == "case" else None
    elsewhere = _SHOWN_ELSEWHERE.union(HASH_FIELDS, before or ())
    rows: list[list[Value]] = [
        [words.pick(FIELD_NAMES.get(name, (name, name))), show_field(words, name, value)]
        for name, value in record.data.items()
        if name not in elsewhere
    ]
    if before is not None:
        rows.append([words.say("详情", "Details"), words.say("见第四部分", "see section 4")])
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
    if before is None:
        rows += [list(row) for row in _disclosed(setting, record)]
    return rows
