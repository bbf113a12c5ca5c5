"""Words: every field, event and step has its names in both languages."""

from __future__ import annotations

import pytest

from node.evidence.certificates.field_names import (
    EVENT_NAMES,
    FIELD_NAMES,
    PRIVATE_NAMES,
    show_field,
)
from node.evidence.certificates.wording import Wording, breakable, grouped, show_unprintable
from node.rules.events import EVENTS
from node.rules.schema import Form, Object, Variants

ZH, EN = Wording("zh"), Wording("en")


def public_fields(form: Form) -> set[str]:
    if isinstance(form, Object):
        return set(form.members)
    assert isinstance(form, Variants)
    return {name for other in form.variants.values() for name in public_fields(other)}


def test_every_field_of_every_event_has_its_names() -> None:
    assert set(EVENT_NAMES) == set(EVENTS)
    for event in EVENTS.values():
        assert public_fields(event.data) <= set(FIELD_NAMES), event.name
        assert set(event.private) <= set(PRIVATE_NAMES), event.name


@pytest.mark.parametrize(
    ("milliseconds", "zh", "en"),
    [
        (0, "0 毫秒", "0 ms"),
        (999, "999 毫秒", "999 ms"),
        (61_000, "1 分 1 秒", "1 min 1 s"),
        (-3_600_000, "−1 小时", "−1 h"),
        (90_061_000, "1 天 1 小时", "1 d 1 h"),
    ],
)
def test_lags(milliseconds: int, zh: str, en: str) -> None:
    assert (ZH.lag(milliseconds), EN.lag(milliseconds)) == (zh, en)


def test_times_are_chinas() -> None:
    assert ZH.time(0) == "1970-01-01 08:00:00.000+08:00"
    assert ZH.second(0) == "1970-01-01 08:00:00+08:00"


def test_hash_in_two_lines_of_eight_groups() -> None:
    lines = grouped("0123456789abcdef" * 4)
    assert len(lines) == 2
    assert all(len(line.split(" ")) == 8 for line in lines)
    assert "".join(lines).replace(" ", "") == "0123456789abcdef" * 4


def test_breakable_keeps_the_text() -> None:
    text = "接口 https://example.cn/" + "a" * 90 + " 之后"
    pieces = breakable(text)
    assert isinstance(pieces, list)
    assert "".join(pieces) == text
    assert breakable("南" * 300) == "南" * 300


def test_private_use_stays_to_be_refused() -> None:
    assert show_unprintable("\ue000甲\u202e") == "\ue000甲[U+202E]"


def test_values_are_told_in_words() -> None:
    assert show_field(ZH, "method", "face") == "人脸识别比对"
    assert show_field(EN, "to", "suspended") == "suspended"
    assert show_field(ZH, "valid_to", 0).startswith("1970-01-01")
    assert show_field(ZH, "aliases", ["a", "b"]) == "a；b"
    assert show_field(ZH, "method", "sms_code") == "sms_code"


@pytest.mark.parametrize(
    ("ordinals", "zh", "en"),
    [
        ([3], "第 3 条", "record 3"),
        ([1, 2, 3, 5, 8, 9], "第 1 至 3、5、8、9 条", "records 1 to 3, 5, 8, 9"),
    ],
)
def test_records_by_their_ordinals(ordinals: list[int], zh: str, en: str) -> None:
    assert Wording("zh").records(ordinals) == zh
    assert Wording("en").records(ordinals) == en
