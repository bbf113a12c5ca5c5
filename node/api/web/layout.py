"""The frame that all pages share: templates, style, language, headers.

A page is made on the server from a template and texts in one language, and needs no script. What
is put into it is escaped; its policy lets a browser load nothing but what the page itself holds.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from fastapi import Depends, Header, Query
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from node.api.web.shown import clock_time, date_time, grouped
from node.api.web.texts import FRAME

__all__ = [
    "NAVIGATION",
    "PAGE_HEADERS",
    "SCRIPT_PAGE_HEADERS",
    "Language",
    "PageLanguage",
    "page_answer",
    "preferred_language",
    "render",
    "target",
]

Language = Literal["zh", "en"]

NAVIGATION = (
    ("/", "look_up"),
    ("/document", "document"),
    ("/certificate", "certificate"),
    ("/verify", "verify"),
    ("/statistics", "statistics"),
    ("/status", "status"),
)
"""Path of each page in the navigation, and the name of its text in `FRAME`."""

_HERE = Path(__file__).parent
_HTML_LANG = {"zh": "zh-CN", "en": "en"}
_OTHER: Mapping[str, Language] = {"zh": "en", "en": "zh"}
_MOST_ACCEPTED = 200
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


def _style() -> str:
    """The style sheet without its comments and line ends: it is sent with each page."""
    text = (_HERE / "page.css").read_text("utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "", text)


_STYLE = _style()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="13" '
    'fill="none" stroke="#9c1b16" stroke-width="4"/><path d="M16 9v14M9 16h14" stroke="#9c1b16" '
    'stroke-width="4"/></svg>'
)


def _headers(scripts: str) -> Mapping[str, str]:
    policy = (
        f"default-src 'none'; {scripts}style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return MappingProxyType(
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Vary": "Accept-Language",
        }
    )


PAGE_HEADERS = _headers("")
"""What a page is answered with: nothing is loaded, no script runs."""
SCRIPT_PAGE_HEADERS = _headers("script-src 'self'; connect-src 'self'; ")
"""The same for a page that is impossible without a script of this node's own (under /static/)."""


def preferred_language(accepted: str) -> Language:
    """The language that an Accept-Language header (RFC 9110 §12.5.4) likes best of the two; Chinese
    where it names neither or is not readable."""
    liked = {"zh": 0.0, "en": 0.0}
    for item in accepted[:_MOST_ACCEPTED].split(","):
        name, _, weight = item.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        if language not in liked:
            continue
        match = _WEIGHT.fullmatch(weight.strip()) if weight.strip() else None
        if weight.strip() and match is None:
            continue
        liked[language] = max(liked[language], 1.0 if match is None else float(match[1]))
    return "en" if liked["en"] > liked["zh"] else "zh"


def _page_language(
    lang: Annotated[
        Language | None, Query(description="Language; by default what Accept-Language prefers")
    ] = None,
    accept_language: Annotated[str, Header(include_in_schema=False)] = "",
) -> Language:
    return lang if lang is not None else preferred_language(accept_language)


PageLanguage = Annotated[Language, Depends(_page_language)]
"""A route's parameter: the language that its page is to be in."""


def target(path: str, language: Language, query: Mapping[str, str] | None = None) -> str:
    """A link to a page of this node, in ``language``."""
    return f"{quote(path)}?{urlencode({**(query or {}), 'lang': language})}"


class _Templates(Environment):
    """Where texts and values are dictionaries, ``t.items`` is the text, never the method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """See jinja2."""
        if isinstance(obj, dict):
            return self.getitem(obj, attribute)
        return super().getattr(obj, attribute)


_ENVIRONMENT = _Templates(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.filters.update(time=date_time, clock=clock_time, grouped=grouped)
_ENVIRONMENT.globals.update(style=_STYLE, icon=_ICON, navigation=NAVIGATION)


def render(
    template: str,
    language: Language,
    *,
    path: str = "/",
    query: Mapping[str, str] | None = None,
    scripts: tuple[str, ...] = (),
    **values: Any,
) -> bytes:
    """A page's bytes.

    Args:
        template: a file of ``templates/`` that extends ``base.html``.
        language: of the texts; the frame's own are ``frame`` in templates.
        path: where the page is, for the switch of languages and the navigation.
        query: what is asked there, so that the other language asks the same.
        scripts: files under ``/static/`` that it is impossible without; answer it with
            `SCRIPT_PAGE_HEADERS` then.
        values: what the template shows. ``claim`` must be among them: the one sentence of what is
            proven, since when, and that the content is not judged.
    """
    other = _OTHER[language]
    return (
        _ENVIRONMENT.get_template(template)
        .render(
            language=language,
            html_lang=_HTML_LANG[language],
            other_lang=_HTML_LANG[other],
            other_target=target(path, other, query),
            frame=FRAME[language],
            path=path,
            scripts=scripts,
            link=lambda to, **asked: target(to, language, asked),
            **values,
        )
        .encode()
    )


def page_answer(
    body: bytes, status: int = 200, headers: Mapping[str, str] = PAGE_HEADERS
) -> Response:
    """A page as an answer."""
    return Response(body, status, dict(headers), "text/html; charset=utf-8")
