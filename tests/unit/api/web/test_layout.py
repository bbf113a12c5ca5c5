"""node.api.web.layout: language, policy, frame."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from builders.page_reading import EVIL, read_page
from jinja2 import TemplateNotFound, UndefinedError

from node.api.web.layout import (
    NAVIGATION,
    PAGE_HEADERS,
    SCRIPT_PAGE_HEADERS,
    preferred_language,
    render,
    target,
)
from node.api.web.look_up_page import render_look_up
from node.api.web.texts import FRAME


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.2, zh;q=0.1", "en"),
        ("EN", "en"),
        ("fr,de", "zh"),
        ("en;q=0", "zh"),
        ("en;q=7", "zh"),
        ("en;level=1;q=1", "zh"),
        ("*", "zh"),
        ("q=0.5;;,,en;q=0.001", "en"),
        ("x," * 5000 + "en", "zh"),
    ],
)
def test_the_language_that_a_browser_likes_best(accepted: str, language: str) -> None:
    assert preferred_language(accepted) == language


def test_the_policy_allows_the_page_s_own_style_and_nothing_else() -> None:
    page = render_look_up("zh", "", None, []).decode()
    style = re.search("<style>(.*)</style>", page)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script" not in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "script-src 'self'" in SCRIPT_PAGE_HEADERS["Content-Security-Policy"]
    assert PAGE_HEADERS["Vary"] == "Accept-Language"


def test_a_page_sets_no_style_that_ends_its_element() -> None:
    page = render_look_up("zh", "", None, []).decode()
    assert page.count("</style>") == 1
    assert "@import" not in page
    assert "url(" not in page


def test_links_keep_the_language_and_escape_what_they_carry() -> None:
    assert target("/d/CZ1-2", "en") == "/d/CZ1-2?lang=en"
    assert target("/", "zh", {"q": EVIL}).startswith("/?q=%3Cscript%3E")
    page = read_page(render_look_up("en", EVIL, None, []))
    assert all(link.startswith(("/", "#")) for link in page.links)
    assert {to for to, _ in NAVIGATION} <= {link.partition("?")[0] for link in page.links}


def test_the_page_that_is_shown_is_marked_in_the_navigation() -> None:
    page = render_look_up("zh", "", None, []).decode()
    assert re.findall(r'<a href="([^"]*)" aria-current="page"', page) == ["/?lang=zh"]


def test_a_text_that_is_missing_is_an_error_and_never_an_empty_place() -> None:
    with pytest.raises(UndefinedError):
        render("certificate.html", "zh", t={"title": "x"}, claim="c", asked="", found=None)
    with pytest.raises(TemplateNotFound):
        render("none.html", "zh", t={}, claim="")


def test_a_text_may_be_called_as_a_method_of_a_dictionary_is() -> None:
    texts = {**FRAME["zh"], "title": "t", "status": "s", "back": "b", "label": "l", "hint": "h"}
    body = render(
        "error.html",
        "zh",
        t={**texts, "search": "查", "items": "never a method"},
        title="t",
        claim="c",
        detail="d",
        told="",
        status=404,
        instance="i",
    )
    assert b"built-in method" not in body
