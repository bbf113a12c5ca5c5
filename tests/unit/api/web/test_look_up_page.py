"""node.api.web.look_up_page: the page's text, and that nothing gets into it unescaped."""

from __future__ import annotations

import re
from typing import Any

import pytest
from builders.page_reading import EVIL, read_page

from node.api.near_codes import NearCode
from node.api.web.look_up_page import render_look_up


def found(**changes: Any) -> dict[str, Any]:
    entry = {
        "code": "CZ0034133234711-1",
        "type": "signing.sealed",
        "time": 1_600_823_613_000,
        "height": 5,
        "id": "cd" * 32,
    }
    dossier = {
        "matched": "code",
        "sought": "CZ0034133234711-1",
        "code": "CZ0034133234711",
        "kind": "case",
        "opener": {"id": "a", "name": EVIL},
        "records": 1,
        "status": "started",
        "entries": [entry],
    }
    return {
        "outcome": "found",
        "text": EVIL,
        "near": [],
        "dossiers": [dossier],
        "as_of": {"height": 9, "time": 1_600_823_620_000},
        **changes,
    }


NEAR = NearCode("CZ0034133234711", 4, "4", "5")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "content", [None, found(), found(outcome="mistyped", dossiers=[], near=[NEAR])]
)
def test_nothing_that_is_put_in_becomes_markup(
    language: Any, content: dict[str, Any] | None
) -> None:
    page = read_page(render_look_up(language, EVIL, content, [EVIL]))
    assert not {"script", "img", "iframe"} & set(page.tags)


def test_found_records_say_since_when_and_what_is_not_judged() -> None:
    page = read_page(render_look_up("zh", "q", found(), []))
    assert "自 2020-09-23 09:13:33 +08:00 起" in page.claim
    assert "不作判断" in page.claim
    assert "区块 5" in page.text
    assert "签署" in page.text
    assert "/d/CZ0034133234711?lang=zh" in page.links


def test_english_is_whole() -> None:
    content = found(outcome="mistyped", text="a digit", near=[NEAR])
    text = read_page(render_look_up("en", "", content, [])).text
    assert re.search("[\u4e00-\u9fff]", text.replace("签约编号", "").replace("中文", "")) is None
    assert "a digit" in text


def test_a_mistyped_digit_is_named_with_its_place() -> None:
    content = found(outcome="mistyped", dossiers=[], near=[NEAR])
    assert "第 4 位数字应为 4，而不是 5" in read_page(render_look_up("zh", "", content, [])).text
    swapped = [NearCode("CZ0034133234711", 4, "4", "")]
    content = found(outcome="mistyped", dossiers=[], near=swapped)
    assert "第 4 位与第 5 位" in read_page(render_look_up("zh", "", content, [])).text


def test_a_conflict_with_an_outside_chain_stands_before_everything_else() -> None:
    quiet = render_look_up("zh", "", None, []).decode()
    assert 'role="alert"' not in quiet
    for language, word in (("zh", "警告"), ("en", "Warning")):
        page = render_look_up(language, "", None, ["eip155:1/<b>"]).decode()  # type: ignore[arg-type]
        assert page.index('role="alert"') < page.index('role="search"')
        assert word in page
        assert "eip155:1/&lt;b&gt;" in page
        assert "<b>" not in page


def test_what_was_asked_is_asked_in_the_other_language_too() -> None:
    page = read_page(render_look_up("zh", "a b&c", None, []))
    assert "/?q=a+b%26c&lang=en" in page.links


def test_the_first_page_comes_in_one_round_trip() -> None:
    """Even with the most that it can show: ten dossiers, thirty records, 200 characters."""
    [dossier] = found()["dossiers"]
    dossiers = [{**dossier, "entries": dossier["entries"] * 3} for _ in range(10)]
    for language in ("zh", "en"):
        body = render_look_up(language, "存" * 200, found(dossiers=dossiers), [EVIL])  # type: ignore[arg-type]
        assert len(body) < 50_000
        assert "://" not in body.decode(), "nothing is asked from anywhere else"
