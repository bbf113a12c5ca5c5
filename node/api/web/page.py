"""The look-up page: plain HTML made on the server, without scripts, for a phone first.

Everything that is put into it goes through `html.escape`; its policy lets a browser load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from node.api.views import STATUSES_ZH
from node.api.web.texts import FACTS_ZH, KINDS, MATCHED, STATUSES, TEXTS, TITLES
from node.core.encoding import rfc3339

__all__ = ["PAGE_HEADERS", "Page"]

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.6 system-ui,'Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif;"
    "margin:0 auto;max-width:44rem;padding:0 1rem 3rem;overflow-wrap:anywhere}"
    "header{display:flex;justify-content:space-between;gap:1rem;align-items:baseline}"
    "h1{font-size:1.3rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem}h3{font-size:1rem;margin:0}"
    "label{display:block}small{opacity:.8}"
    "input[type=search]{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;"
    "border:1px solid #777;border-radius:.3rem}"
    "button{font:inherit;padding:.6rem 1.4rem;margin-top:.5rem;border:0;border-radius:.3rem;"
    "background:#9c1b16;color:#fff}"
    "dl{display:grid;grid-template-columns:minmax(5.5rem,max-content) 1fr;gap:.1rem .8rem;"
    "margin:.3rem 0}"
    "dt{opacity:.8}dd{margin:0}code{font-size:.8rem}"
    "ol{list-style:none;padding:0;margin:0;border-left:2px solid #9c1b16}"
    "li{padding:.1rem 0 1rem 1rem}"
    "p[role=alert]{border:3px solid #9c1b16;border-radius:.3rem;padding:.6rem .8rem}"
    "aside,p[role=status]{border:1px solid #777;border-radius:.3rem;padding:.6rem .8rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}

_SHOWN = 200


class Page:
    """The page in one language, "zh" or "en"."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._texts = TEXTS[language]

    def render(self, query: str, found: dict[str, Any] | None, alarms: Sequence[str] = ()) -> bytes:
        """The page's bytes. ``alarms`` are outside chains that contradict the ledger.

        ``found`` is what a look-up came to: ``outcome``, its texts,
        ``dossiers`` each with its ``entries``, ``as_of``; None before anything was asked."""
        text = self._texts
        body = [*map(self._alarm, alarms), self._form(query)]
        if found is not None:
            body.append(self._outcome(found))
            body += [self._dossier(dossier) for dossier in found["dossiers"]]
            as_of = found["as_of"]
            told = text["as_of"].format(height=as_of["height"], time=_time(as_of["time"]))
            body.append(f"<p><small>{told}</small></p>")
        title = escape(text["title"])
        lang = "zh-CN" if self._language == "zh" else "en"
        return (
            f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title}</title><style>{_STYLE}</style></head><body>"
            f"<header><h1>{title}</h1>{self._switch(query)}</header>"
            f"<main>{''.join(body)}</main>"
            f"<aside><h2>{text['about_title']}</h2><p>{text['about']}</p>"
            f"<p>{text['independent']}</p></aside></body></html>"
        ).encode()

    def _alarm(self, chain: str) -> str:
        text = self._texts
        told = escape(text["alarm"].format(chain=chain))
        return f'<p role="alert"><strong>{text["alarm_title"]}</strong> {told}</p>'

    def _switch(self, query: str) -> str:
        other = "en" if self._language == "zh" else "zh"
        target = "?" + urlencode({"lang": other, **({"q": query} if query else {})})
        lang = "en" if other == "en" else "zh-CN"
        return f'<a href="{escape(target)}" lang="{lang}">{self._texts["other"]}</a>'

    def _form(self, query: str) -> str:
        text = self._texts
        return (
            '<form method="get" action="/" role="search">'
            f'<label for="q">{text["label"]}</label>'
            '<input type="search" id="q" name="q" maxlength="200" required '
            f'value="{escape(query)}">'
            f"<small>{text['hint']}</small>"
            f'<input type="hidden" name="lang" value="{self._language}">'
            f"<div><button>{text['search']}</button></div></form>"
        )

    def _outcome(self, found: dict[str, Any]) -> str:
        if found["outcome"] == "found":
            told = self._texts["found"].format(count=len(found["dossiers"]))
            if {dossier["matched"] for dossier in found["dossiers"]} == {"alias"}:
                told += self._texts["as_alias"]
        else:
            told = found["text_zh" if self._language == "zh" else "text"]
        return f'<p role="status">{escape(told)}</p>'

    def _dossier(self, dossier: dict[str, Any]) -> str:
        text, zh = self._texts, self._language == "zh"
        status = dossier["status"]
        kind = dossier["kind_zh"] if zh else KINDS[dossier["kind"]]
        rows = [
            (text["matched"], MATCHED[dossier["matched"]][0 if zh else 1]),
            (text["kind"], kind),
            (text["opener"], dossier["opener"]["name"]),
            (text["status"], (STATUSES_ZH if zh else STATUSES).get(status, status)),
            (text["count"], str(dossier["records"])),
        ]
        entries = "".join(self._entry(entry) for entry in dossier["entries"][:_SHOWN])
        more = ""
        if dossier["records"] > len(dossier["entries"][:_SHOWN]):
            more = f"<p>{text['more'].format(count=len(dossier['entries'][:_SHOWN]))}</p>"
        return (
            f"<section><h2>{text['code']} {escape(dossier['code'])}</h2>{_list(rows)}"
            f"<ol>{entries}</ol>{more}</section>"
        )

    def _entry(self, entry: dict[str, Any]) -> str:
        text, zh = self._texts, self._language == "zh"
        title = entry["title_zh"] if zh else TITLES.get(entry["type"], entry["type"])
        chained = text["chained_text"].format(
            time=_time(entry["time"]), proven=_time(entry["proven_time"]), height=entry["height"]
        )
        rows = [(text["occurred"], _time(entry["occurred_at"]))]
        if entry["collected_at"] is not None:
            rows.append((text["collected"], _time(entry["collected_at"])))
        rows += [
            (text["submitted"], _time(entry["submitted_at"])),
            (text["chained"], chained),
            (text["member"], entry["member"]["name"]),
        ]
        if entry["facts"]:
            rows.append((text["facts"], self._facts(entry["facts"])))
        hashes = [(text["documents"], digest) for digest in entry["documents"]]
        hashes += [(text["transaction"], entry["id"]), (text["leaf"], entry["leaf_hash"])]
        private = ""
        if entry["private_fields"]:
            told = text["private"].format(count=entry["private_fields"])
            private = f"<p><small>{told}</small></p>"
        return (
            f"<li><h3>{escape(title)} <small>{escape(entry['code'])}</small></h3>"
            f"{_list(rows)}{_list(hashes, code=True)}{private}</li>"
        )

    def _facts(self, facts: dict[str, Any]) -> str:
        if self._language != "zh":
            return ", ".join(f"{name}: {value}" for name, value in facts.items())
        shown = (
            f"{FACTS_ZH.get(name, name)}：{STATUSES_ZH.get(value, value)}"
            for name, value in facts.items()
        )
        return "；".join(shown)


def _time(milliseconds: int) -> str:
    return rfc3339(milliseconds)[:19].replace("T", " ") + " +08:00"


def _list(rows: list[tuple[str, str]], *, code: bool = False) -> str:
    start, end = ("<code>", "</code>") if code else ("", "")
    items = (f"<dt>{escape(name)}</dt><dd>{start}{escape(value)}{end}</dd>" for name, value in rows)
    return f"<dl>{''.join(items)}</dl>"
