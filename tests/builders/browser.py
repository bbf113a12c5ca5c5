"""A real browser without a screen: Debian's Chromium, driven by playwright, and axe-core.

A test that needs one is skipped where it is missing, and fails in CI.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

__all__ = ["SCREENS", "chromium", "picture", "serious_findings", "take_screen"]

ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "out" / "screens"
"""Where screenshots go; nothing of it is committed."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_GRAVE = {"serious", "critical"}


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, ended at the end. Skips the test, or fails it in CI, where there is none.

    While it runs, this thread has playwright's event loop: `asyncio.run` is refused in it.
    """
    found = next((path for path in map(shutil.which, _NAMES) if path is not None), None)
    if found is None:
        _missing("chromium")
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # as root it has none
        browser = playwright.chromium.launch(executable_path=found, args=sandbox)
        try:
            yield browser
        finally:
            browser.close()


def serious_findings(page: Page) -> list[dict[str, Any]]:
    """What axe-core finds wrong with the page for those who do not see it, and is grave."""
    page.evaluate(_axe())  # by the tests' own door: the page's policy keeps scripts out
    told: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        {"id": found["id"], "nodes": [node["html"] for node in found["nodes"]]}
        for found in told["violations"]
        if found["impact"] in _GRAVE
    ]


def take_screen(page: Page, name: str) -> None:
    """Keep a picture of the whole page as ``out/screens/<name>.png``."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    picture(page, SCREENS / f"{name}.png")


def picture(page: Page, file: Path) -> None:
    """Write what the whole page looks like. On a busy machine Chromium now and then gives no
    picture at all, and gives it when it is asked again."""
    try:
        page.screenshot(path=file, full_page=True)
    except Error as error:
        if "Unable to capture screenshot" not in str(error):
            raise
        page.screenshot(path=file, full_page=True)


@functools.cache
def _axe() -> str:
    ran = subprocess.run(
        [str(ROOT / "scripts" / "install-browser-tools")],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        _missing(f"axe-core ({ran.stderr.strip()})")
    file = Path(ran.stdout.strip()) / "node_modules" / "axe-core" / "axe.min.js"
    return file.read_text("utf-8")


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")
