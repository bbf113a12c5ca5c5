"""Section five: the seals, as they were when they signed and as they are now (五)."""

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
from node.evidence.certificates.field_names import FIELD_NAMES, show_field
from node.evidence.certificates.imprints import show_imprint
from node.evidence.certificates.proven import Proven, ProvenRecord
from node.evidence.certificates.setting import Setting
from node.rules.seals import shown_status

__all__ = ["named_seals", "seal_section"]

_MADE = ("seal.created", "seal.imported")


def named_seals(proven: Proven) -> list[str]:
    """The seals that a dossier's records name, or the seal that it is of; each once, in order."""
    found = [record.data.get("es_id") for record in proven.records]
    if proven.kind == "seal":
        found.append((proven.state.get(f"dossier/{proven.subject}") or {}).get("es_id"))
    return list(dict.fromkeys(item for item in found if isinstance(item, str)))


def seal_section(setting: Setting) -> dict[str, Any]:
    """五: each seal with its imprint, its status at each signature and as of now."""
    say = setting.words.say
    seals = named_seals(setting.proven)
    blocks: list[Block] = []
    for es_id in seals:
        blocks += _seal(setting, es_id)
    if not seals:
        none = (
            say("印章尚未制作。", "The seal has not been made yet.")
            if setting.proven.kind == "seal"
            else say("本证书所涉记录未使用电子印章。", "No electronic seal is named here.")
        )
        blocks.append(paragraph(none))
    if setting.proven.kind == "case" and seals:
        blocks.append(
            paragraph(
                say(
                    "印章是否有效，以签署时的状态为准；其后的停用、挂失、吊销、注销不影响此前的签署。"
                    "印章由谁保管、使用是否经过授权，不在本证书证明范围内。",
                    "A seal is judged as it stood when it signed: what happened to it later changes "
                    "nothing. Who kept it, and whether its use was authorised, is outside this "
                    "certificate.",
                )
            )
        )
    return section(
        "五", say("印章信息及签署时状态", "Seals, and their status when they signed"), blocks
    )


def _seal(setting: Setting, es_id: str) -> Iterator[Block]:
    say = setting.words.say
    own = setting.seals.get(es_id) or (setting.proven if setting.proven.kind == "seal" else None)
    made = _last(own, es_id, _MADE)
    yield subheading(say(f"印章 {es_id}", f"Seal {es_id}"))
    yield {
        "k": "seal",
        "imprint": show_imprint(setting.words, setting.order.pictures, _picture_hash(made)),
        "rows": [list(row) for row in _rows(setting, es_id, own, made)],
    }
    yield from _status_rows(setting, es_id)
    if es_id in setting.seals:
        yield paragraph(
            say(
                "以上制作、备案信息与印模图像，取自该印章卷宗的证据包（见附件），已用同一信任文件核验。",
                "How it was made and filed, and its imprint, are from the bundle of its own dossier "
                "(attached), verified against the same trust file.",
            )
        )
    if own is None:
        yield note(
            say(
                "印章的制作、备案记录不在本证书的证据包内；可以另行申请该印章卷宗的证书。",
                "How the seal was made and filed is not in this certificate's bundle: ask for a "
                "certificate of the seal's own dossier.",
            )
        )


def _last(own: Proven | None, es_id: str, types: tuple[str, ...]) -> ProvenRecord | None:
    if own is None:
        return None
    found = [record for record in own.of_type(*types) if record.data.get("es_id", es_id) == es_id]
    return found[-1] if found else None


def _picture_hash(made: ProvenRecord | None) -> str | None:
    return None if made is None else made.data.get("picture_hash")


def _rows(
    setting: Setting, es_id: str, own: Proven | None, made: ProvenRecord | None
) -> Iterator[tuple[str, Value]]:
    words, say = setting.words, setting.words.say
    state = setting.proven.state.get(f"seal/{es_id}") or {}
    yield say("电子印章标识", "Seal id"), mono(es_id)
    applied = _last(own, es_id, ("seal.applied", "seal.imported"))
    for record, names in (
        (made, ("seal_code", "seal_name")),
        (applied, ("seal_type", "owner_name", "owner_uscc")),
        (
            _last(own, es_id, ("seal.filed", "seal.imported")),
            ("filing_no", "filing_unit_name", "filed_at"),
        ),
    ):
        for name in names:
            if record is not None and name in record.data:
                yield words.pick(FIELD_NAMES[name]), show_field(words, name, record.data[name])
    if _picture_hash(made) is not None:
        yield words.pick(FIELD_NAMES["picture_hash"]), digest(made.data["picture_hash"])
    if made is None and "owner_uscc" in state:
        yield words.pick(FIELD_NAMES["owner_uscc"]), str(state["owner_uscc"])
    if "valid_from" in state and "valid_to" in state:
        yield (
            say("有效期", "Validity"),
            [words.time(state["valid_from"]), words.time(state["valid_to"])],
        )
    if "code" in state:
        yield say("印章卷宗", "Seal's dossier"), mono(f"CZ{state['code']}")
    yield (
        say("目前状态", "Status now"),
        say(
            f"{_now(setting, state)}（截至区块高度 {setting.proven.bundle.as_of}，"
            f"{words.time(setting.proven.as_of_time)}）",
            f"{_now(setting, state)} (as of height {setting.proven.bundle.as_of}, "
            f"{words.time(setting.proven.as_of_time)})",
        ),
    )


def _now(setting: Setting, state: dict[str, Any]) -> str:
    """Expiry is derived, never read from the state map (docs/spec/bundle.md, step 6)."""
    if "valid_from" not in state or "valid_to" not in state:
        return setting.words.unknown
    return setting.words.status(shown_status(state, setting.proven.as_of_time))


def _status_rows(setting: Setting, es_id: str) -> Iterator[Block]:
    words, say = setting.words, setting.words.say
    rows: list[list[Value]] = []
    for record in setting.proven.records:
        found = record.entry.facts
        signed = record.data.get("es_id") == es_id and "seal_status" in found
        changed = record.type.startswith("seal.") and "status_version" in found
        if not signed and not changed:
            continue
        name = "seal_status" if signed else "status"
        rows.append(
            [
                [setting.event_name(record), mono(record.entry.code)],
                [words.time(record.time), words.time(record.after)],
                words.status(found[name]),
                [
                    say(f"第 {found[f'{name}_version']} 版", f"version {found[f'{name}_version']}"),
                    *([mono(found["seal_record"])] if signed else []),
                ],
            ]
        )
    if rows:
        yield table(
            (1.7, 2.9, 1, 1.9),
            [
                say("记录", "Record"),
                say("上链时间（介于）", "On the chain between"),
                say("当时状态", "Status then"),
                say("状态依据", "By which record"),
            ],
            rows,
        )
