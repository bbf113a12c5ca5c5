"""The document page in Debian's Chromium: the look-up sends a hash and never a byte of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.browser import chromium, serious_findings, take_screen
from builders.document_story import tell_contract
from builders.home import make_home
from builders.sealed_contract import SealedContract, sealed_contract
from builders.served import ServedNode, served
from playwright.sync_api import Browser, Page, Request

PHONE, DESK = (390, 844), (1280, 900)
WIDTH = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def contract() -> SealedContract:
    return sealed_contract()


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, contract: SealedContract
) -> Iterator[ServedNode]:
    home = make_home(
        tmp_path_factory.mktemp("documents") / "home",
        more='[documents]\nroots = ["root.pem"]\n',
    )
    contract.authority.write_root(home.path / "root.pem")
    with served(home) as running:
        running.submit(*tell_contract(home, running.teller.time, contract))
        yield running


@pytest.fixture(scope="module")
def browser(node: ServedNode) -> Iterator[Browser]:
    """After ``node``: signing wants an event loop of its own, and the browser has one running."""
    with chromium() as running:
        yield running


@pytest.fixture
def sent(page: Page) -> list[Request]:
    """All requests that the page makes."""
    requests: list[Request] = []

    def note(request: Request) -> None:  # not the list's own method: listeners get marked
        requests.append(request)

    page.on("request", note)
    return requests


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def test_the_look_up_sends_the_hash_alone(
    page: Page, node: ServedNode, contract: SealedContract, sent: list[Request], tmp_path: Path
) -> None:
    file = tmp_path / "contract.pdf"
    file.write_bytes(contract.second.pdf)
    page.goto(f"{node.url}/document?lang=zh")
    page.locator("#file").set_input_files(file)
    page.wait_for_url("**/?q=*")
    digest = hashlib.sha256(contract.second.pdf).hexdigest()
    assert f"q={digest}" in page.url
    assert page.locator("article.card").count() == 1
    assert {request.method for request in sent} == {"GET"}
    assert all(request.post_data_buffer is None for request in sent)
    assert all(request.url.startswith((node.url, "data:")) for request in sent)
    assert all(len(request.url) < 200 for request in sent if not request.url.startswith("data:"))


def test_a_file_of_parts_has_the_hash_that_hashlib_makes(
    page: Page, node: ServedNode, tmp_path: Path
) -> None:
    """Larger than what is read at a time, and not a multiple of it."""
    content = bytes(range(256)) * 40_000 + b"end"
    file = tmp_path / "large.bin"
    file.write_bytes(content)
    page.goto(f"{node.url}/document?lang=en")
    page.locator("#file").set_input_files(file)
    page.wait_for_url("**/?q=*")
    assert f"q={hashlib.sha256(content).hexdigest()}" in page.url


def test_the_deep_check_is_sent_on_purpose(
    page: Page, node: ServedNode, contract: SealedContract, sent: list[Request], tmp_path: Path
) -> None:
    file = tmp_path / "合同.pdf"
    file.write_bytes(contract.second.pdf)
    page.goto(f"{node.url}/document?lang=zh")
    assert serious_findings(page) == []
    assert page.evaluate(WIDTH) <= 0
    take_screen(page, "document-phone-zh")
    page.locator("#document").set_input_files(file)
    assert {request.method for request in sent} == {"GET"}
    page.locator("#deep button").click()
    page.wait_for_selector("#signatures")
    assert [request.method for request in sent if "document" in request.url][-1] == "POST"
    assert page.locator("article.card").count() == 2
    text = page.locator("main").inner_text()
    assert "东营演示科技有限公司" in text
    assert "签署时印章状态：有效" in text
    assert serious_findings(page) == []
    assert page.evaluate(WIDTH) <= 0
    take_screen(page, "document-checked-phone-zh")


def test_without_scripts_the_page_says_what_to_do(browser: Browser, node: ServedNode) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": DESK[0], "height": DESK[1]}
    )
    try:
        page = context.new_page()
        page.goto(f"{node.url}/document?lang=en")
        assert not page.locator("#choose").is_visible()
        page.locator("summary").click()
        assert page.get_by_text("sha256sum contract.pdf").is_visible()
        page.locator("#q").fill("ab" * 32)
        page.locator("#by-hash button").click()
        assert f"q={'ab' * 32}" in page.url
        page.goto(f"{node.url}/document?lang=en")
        take_screen(page, "document-desk-en")
    finally:
        context.close()
