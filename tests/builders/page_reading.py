"""Reads a page as a browser would: its tags close, it has landmarks, no script and no style inside
an element, and tables with headers."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["EVIL", "Page", "read_page"]

EVIL = "<script>alert('x')</script>\"'&<img src=x>\u202e"
_VOID = ("meta", "input", "link", "br")
_LANDMARKS = ("header", "nav", "main", "footer")


class Page(HTMLParser):
    """What is on it. ``claim`` is the one sentence on top."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.claim = ""
        self.lang = ""
        self._in_claim = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        held = dict(attrs)
        assert not any(name.startswith("on") or name == "style" for name in held)
        if tag == "html":
            self.lang = held["lang"] or ""
        if tag == "a":
            self.links.append(held["href"] or "")
        if "id" in held:
            self.ids.append(held["id"] or "")
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(tag)
        self._in_claim = held.get("class") == "claim"
        if tag not in _VOID and "/" not in (self.get_starttag_text() or "")[-2:]:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or (tag in ("line", "rect", "polyline") and self.open[-1] != tag):
            return
        assert self.open.pop() == tag
        self._in_claim = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_claim:
            self.claim += data


def read_page(body: bytes) -> Page:
    """The page; what every page has to have is asserted."""
    page = Page()
    page.feed(body.decode())
    assert page.open == []
    assert page.claim.strip(), "one plain sentence stands on top"
    assert page.lang in ("zh-CN", "en")
    assert set(_LANDMARKS) <= set(page.tags)
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    assert len(set(page.ids)) == len(page.ids)
    for before, after in zip(page.headings, page.headings[1:]):
        assert int(after[1]) <= int(before[1]) + 1, "no level of headings is left out"
    assert page.tags.count("caption") == page.tags.count("table")
    return page
