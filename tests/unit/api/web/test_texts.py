"""The texts of the pages: both languages say the same things, and every name has a word."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

import pytest

import node.api.web
from node.api.views import KINDS_ZH, STATUSES_ZH
from node.api.web import texts
from node.api.web.texts_status import ROLES
from node.api.web.words import event_title, fact_rows, status_word
from node.rules.events import EVENTS


def pairs() -> list[tuple[str, dict[str, dict[str, str]]]]:
    found = []
    for module in pkgutil.iter_modules(node.api.web.__path__, "node.api.web."):
        if module.name.rpartition(".")[2].startswith("texts"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if name.isupper() and isinstance(value, dict) and set(value) == {"zh", "en"}:
                    found.append((f"{module.name}.{name}", value))
    return found


@pytest.mark.parametrize(("name", "both"), pairs())
def test_both_languages_say_the_same_things(name: str, both: dict[str, dict[str, str]]) -> None:
    assert set(both["zh"]) == set(both["en"])
    for key, text in both["zh"].items():
        if isinstance(text, str):
            places = sorted(re.findall(r"{\w+}", text))
            assert places == sorted(re.findall(r"{\w+}", both["en"][key])), key


@pytest.mark.parametrize(("name", "both"), pairs())
def test_english_has_no_chinese_but_the_name_of_a_number(
    name: str, both: dict[str, dict[str, str]]
) -> None:
    for key, text in both["en"].items():
        if key != "other" and isinstance(text, str):
            assert re.search("[\u4e00-\u9fff]", text.replace("签约编号", "")) is None, key


def test_every_page_of_the_project_is_among_them() -> None:
    assert len(pairs()) >= 8


def test_every_name_has_a_word_in_both_languages() -> None:
    assert set(texts.KINDS) == set(KINDS_ZH)
    assert set(texts.STATUSES) == set(STATUSES_ZH)
    assert set(texts.TITLES) >= set(EVENTS)
    assert set(texts.FACTS) == set(texts.FACTS_ZH)
    languages: tuple[Any, ...] = ("zh", "en")
    for language in languages:
        for event in EVENTS:
            assert event_title(event, language) != event
        for status in STATUSES_ZH:
            assert status_word(status, language)


def test_every_role_of_a_member_has_a_word() -> None:
    assert {role for event in EVENTS.values() for role in event.roles} <= set(ROLES)


def test_facts_are_told_in_words() -> None:
    facts = {"seal_status": "active", "late": 5, "intent": "none"}
    assert fact_rows(facts, "zh") == [
        ("签署时印章状态", "有效"),
        ("滞后（毫秒）", "5"),
        ("意愿确认", "无"),
    ]
    assert fact_rows(facts, "en")[0] == ("Seal's status when signing", "active")
