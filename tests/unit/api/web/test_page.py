"""node.api.web.page: the page's text, and that nothing gets into it unescaped."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from node.api.views import KINDS_ZH, STATUSES_ZH
from node.api.web.page import PAGE_HEADERS, Page
from node.api.web.texts import KINDS, STATUSES, TEXTS, TITLES
from node.rules.events import EVENTS

EVIL = "<script>alert('x')</script>\"'&<img src=x>"


def found(**changes: Any) -> dict[str, Any]:
    entry = {
        "code": "CZ0034133234711-1",
        "type": "signing.sealed",
        "title_zh": "签署",
        "member": {"id": "platform-a", "name": EVIL},
        "occurred_at": 1_600_823_610_000,
        "collected_at": 1_600_823_611_000,
        "submitted_at": 1_600_823_612_000,
        "time": 1_600_823_613_000,
        "proven_time": 1_600_823_614_000,
        "height": 5,
        "index": 1,
        "facts": {"status": "active", EVIL: EVIL, "late": 5},
        "documents": ["ab" * 32],
        "private_fields": 2,
        "id": "cd" * 32,
        "leaf_hash": "ef" * 32,
    }
    dossier = {
        "matched": "code",
        "code": "CZ0034133234711",
        "sub": "case:a:1",
        "kind": "case",
        "kind_zh": "签约",
        "opener": {"id": "a", "name": EVIL},
        "records": 1,
        "status": "started",
        "status_zh": "签署中",
        "entries": [entry],
    }
    return {
        "outcome": "found",
        "text": EVIL,
        "text_zh": EVIL,
        "dossiers": [dossier],
        "as_of": {"height": 9, "time": 1_600_823_620_000},
        **changes,
    }


class Tags(HTMLParser):
    """Collects tags and the text between them, and requires that they close."""

    VOID = ("meta", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: bytes) -> Tags:
    tags = Tags()
    tags.feed(page.decode())
    assert tags.open == []
    return tags


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("content", [None, found(), found(outcome="mistyped", dossiers=[])])
def test_nothing_that_is_put_in_becomes_markup(
    language: str, content: dict[str, Any] | None
) -> None:
    tags = read(Page(language).render(EVIL, content))
    assert not {"script", "img", "link", "iframe"} & set(tags.tags)


def test_the_policy_allows_the_page_s_own_style_and_nothing_else() -> None:
    page = Page("zh").render("", None).decode()
    style = re.search("<style>(.*)</style>", page)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "://" not in page


def test_the_time_line_says_when_in_chinese_time_and_what_is_not_judged() -> None:
    text = read(Page("zh").render("q", found())).text
    for shown in ("2020-09-23 09:13:33 +08:00", "2020-09-23 09:13:34 +08:00", "区块 5", "签署"):
        assert shown in text
    assert "不对文件内容或记录内容是否真实作出判断" in text
    assert "另有 2 项私密字段" in text


def test_english_is_whole() -> None:
    text = read(Page("en").render("", found(outcome="mistyped", text="mistyped digit"))).text
    assert re.search("[\u4e00-\u9fff]", text.replace("签约编号", "").replace("中文", "")) is None
    assert "mistyped digit" in text


def test_both_languages_say_the_same_things() -> None:
    assert set(TEXTS["zh"]) == set(TEXTS["en"])
    for name, text in TEXTS["zh"].items():
        assert re.findall(r"{\w+}", text) == re.findall(r"{\w+}", TEXTS["en"][name])
    assert set(KINDS) == set(KINDS_ZH)
    assert set(STATUSES) == set(STATUSES_ZH)


def test_every_event_type_has_an_english_title() -> None:
    assert set(TITLES) >= set(EVENTS)


def test_a_conflict_with_an_outside_chain_stands_before_everything_else() -> None:
    quiet = Page("zh").render("", None).decode()
    assert 'role="alert"' not in quiet
    for language, word in (("zh", "警告"), ("en", "Warning")):
        page = Page(language).render("", None, ["eip155:1/<b>"]).decode()
        assert page.index('role="alert"') < page.index('role="search"')
        assert word in page
        assert "eip155:1/&lt;b&gt;" in page
        assert "<b>" not in page
