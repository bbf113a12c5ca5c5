"""The pages in Debian's Chromium: at a phone's and a desk's width, in both languages, dark and
light, printed, by keyboard alone, without scripts. Screenshots go to ``out/screens``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from builders.browser import chromium, serious_findings, take_screen
from builders.told_pages import ToldPages, told_pages
from playwright.sync_api import Browser, Page

from node.evidence.bundle import bundle_dossier, encode_bundle

PHONE, DESK, NARROW = (390, 844), (1280, 900), (360, 740)
NAMES = (
    "look-up",
    "found",
    "mistyped",
    "dossier",
    "seal",
    "block",
    "certificate",
    "certificate-found",
    "verify",
    "statistics",
    "status",
    "not-found",
)
BUSY = ("found", "dossier", "verify", "statistics", "status")
"""Those with everything that occurs on pages."""
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToldPages]:
    with told_pages(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@contextmanager
def opened(
    browser: Browser, told: ToldPages, path: str, size: tuple[int, int], **options: Any
) -> Iterator[Page]:
    """A page; at its end nothing may have been complained of or asked from another host."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(told.running.url + path)
        yield page
    finally:
        context.close()
    own = urlsplit(told.running.url).netloc
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {own}
    gone = "the server responded with a status of 404"
    assert [text for text in complaints if gone not in text] == []


def in_language(path: str, language: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang={language}"


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide


def test_every_page_is_looked_at(told: ToldPages) -> None:
    assert set(NAMES) == set(told.paths)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_looks_right_and_axe_finds_nothing_serious(
    browser: Browser, told: ToldPages, name: str
) -> None:
    for size in (PHONE, DESK):
        for language in ("zh", "en"):
            with opened(browser, told, in_language(told.paths[name], language), size) as page:
                assert overflow(page) <= 0
                take_screen(page, f"{name}-{size[0]}-{language}")
                if (size, language) == (PHONE, "zh"):
                    assert serious_findings(page) == []


@pytest.mark.parametrize("name", BUSY)
def test_a_page_in_the_dark_and_on_the_narrowest_phone(
    browser: Browser, told: ToldPages, name: str
) -> None:
    path = told.paths[name]
    with opened(browser, told, path, NARROW, color_scheme="dark") as page:
        assert overflow(page) <= 0
        page.evaluate(OPEN_ALL)
        assert overflow(page) <= 0
        assert serious_findings(page) == []
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(22, 24, 28)"


@pytest.mark.parametrize("name", BUSY)
def test_the_keyboard_reaches_everything(browser: Browser, told: ToldPages, name: str) -> None:
    with opened(browser, told, told.paths[name], DESK) as page:
        page.evaluate(OPEN_ALL)
        wanted = page.evaluate(
            "[...document.querySelectorAll('a[href],button,input:not([type=hidden]),summary')]"
            ".map((one, at) => { one.dataset.at = at; return String(at); })"
        )
        reached: list[str] = []
        for _ in wanted:
            page.keyboard.press("Tab")
            at, outline = page.evaluate(
                "[document.activeElement.dataset.at, "
                "getComputedStyle(document.activeElement).outlineStyle]"
            )
            reached.append(at)
            assert outline != "none", "what has the focus is seen"
        assert reached == wanted, "in the order in which it is read"


def test_the_first_key_leads_past_the_navigation(browser: Browser, told: ToldPages) -> None:
    with opened(browser, told, "/", PHONE) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "q"


def test_the_story_without_scripts(browser: Browser, told: ToldPages) -> None:
    """A clerk types a code with blanks, opens the dossier, a proof, the block, and prints."""
    code = told.codes["case"]
    with opened(browser, told, "/?lang=zh", PHONE, java_script_enabled=False) as page:
        page.fill("#q", f" {code[:6]} {code[6:]}")
        page.keyboard.press("Enter")
        assert page.locator("[role=status]").inner_text() == "找到 1 个卷宗"
        page.get_by_role("link", name=f"存证编码 {code}").click()
        assert page.get_by_role("heading", level=1).inner_text() == f"卷宗 {code}"
        assert page.get_by_role("img", name="时间线图").count() == 1
        details = page.locator("details").first
        assert not details.get_by_role("link").first.is_visible()
        details.locator("summary").click()
        details.get_by_role("link", name="区块").first.click()
        assert page.get_by_role("heading", level=1).inner_text().startswith("区块 ")
        page.get_by_role("link", name="English").click()
        assert page.get_by_role("heading", level=1).inner_text().startswith("Block ")


def test_a_bundle_is_checked_by_the_node_without_scripts(browser: Browser, told: ToldPages) -> None:
    with told.running.node.reader() as reader:
        bundle = encode_bundle(bundle_dossier(reader, "case:platform-a:0001"))
    forged = bundle.replace(b'"index":', b'"indeX":', 1)
    files = (("bundle.json", bundle, "本节点核验通过"), ("forged.json", forged, "核验未通过"))
    for name, content, claim in files:
        with opened(browser, told, "/verify?lang=zh", PHONE, java_script_enabled=False) as page:
            page.set_input_files(
                "#document", {"name": name, "mimeType": "application/json", "buffer": content}
            )
            page.get_by_role("button", name="上传并核验").click()
            assert page.locator(".claim").inner_text().startswith(claim)
            assert page.get_by_role("rowheader").count() >= 17
            assert overflow_without_scripts(page) <= PHONE[0]
            take_screen(page, f"verified-{name.partition('.')[0]}-390-zh")


def overflow_without_scripts(page: Page) -> float:
    """Where the widest of the page's parts ends, in pixels from the left."""
    box = page.locator("table").first.bounding_box()
    assert box is not None
    return box["x"] + box["width"]


def test_a_screen_reader_hears_words_for_everything(browser: Browser, told: ToldPages) -> None:
    """Landmarks have names, drawings have texts, tables have headers and captions."""
    with opened(browser, told, in_language(told.paths["statistics"], "zh"), DESK) as page:
        assert page.get_by_role("navigation", name="页面").count() == 1
        assert page.get_by_role("main").count() == 1
        drawn = page.get_by_role("img")
        assert drawn.count() == 2
        for at in range(drawn.count()):
            assert "柱形图" in (drawn.nth(at).text_content() or "")
        assert page.get_by_role("table", name="截至区块").count() == 1
        assert page.get_by_role("columnheader", name="状态").count() == 1


def test_printed_the_evidence_remains_and_what_is_for_the_screen_goes(
    browser: Browser, told: ToldPages
) -> None:
    with opened(browser, told, told.paths["dossier"], DESK, color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert not page.locator("nav").is_visible()
        assert not page.locator(".switch").is_visible()
        assert page.locator(".claim").is_visible()
        assert page.locator("figure svg").is_visible()
        assert page.locator("dl.hashes").first.is_visible(), "hashes are on paper too"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        take_screen(page, "dossier-printed")


def test_the_policy_keeps_out_what_would_get_into_a_page(browser: Browser, told: ToldPages) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(told.running.url)
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) => {
                resolve(event.effectiveDirective);
            });
            const script = document.createElement("script");
            script.textContent = "document.title = 'changed'";
            document.body.append(script);
        })"""
    )
    assert blocked == "script-src-elem"
    assert page.title() != "changed"
    context.close()
