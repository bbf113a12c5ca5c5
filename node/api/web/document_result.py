"""The page of a checked document: its verdict, its signatures, and what of them is on record."""

from __future__ import annotations

from typing import Any

from node.api.web.layout import Language, render
from node.api.web.shown import date_time
from node.api.web.texts_document import DOCUMENT, MARKS, OUTCOMES
from node.api.web.words import event_title

__all__ = ["show_result"]


def show_result(language: Language, content: dict[str, Any]) -> bytes:
    """The page's bytes, of what `/v1/documents/check` answers."""
    t = DOCUMENT[language]
    findings, records = content["findings"], content["records"]
    file = _state(records["file"], language)
    statements = {one["ordinal"]: one["statements"] for one in records["signatures"]}
    contradicted = any(one["status"] == "failed" for made in statements.values() for one in made)
    as_of = content["as_of"]
    return render(
        "document_checked.html",
        language,
        path="/document",
        t=t,
        marks=MARKS[language],
        colours=OUTCOMES,
        claim=_claim(file, t),
        verdict="failed" if contradicted else findings["verdict"],
        contradicted=contradicted,
        told=_told(findings, language),
        notices=[_told(one, language) for one in findings["notices"]],
        file=file,
        states=[_state(one, language) for one in records["states"]],
        signatures=[
            _signature(one, statements.get(one["ordinal"], []), language)
            for one in findings["signatures"]
        ],
        as_of=t["as_of"].format(height=as_of["height"], time=date_time(as_of["time"])),
    )


def _told(item: dict[str, Any], language: Language) -> str:
    text: str = item["text_zh" if language == "zh" else "text"]
    return text


def _claim(file: dict[str, Any] | None, t: dict[str, str]) -> str:
    if file is None or not file["records"]:
        return t["claim_unrecorded"]
    first = min(record["time"] for record in file["records"])
    return t["claim_recorded"].format(time=date_time(first))


def _state(state: dict[str, Any] | None, language: Language) -> dict[str, Any] | None:
    if state is None:
        return None
    records = [
        {
            "code": one["code"],
            "title": event_title(one["type"], language),
            "time": one["proven_time"],
        }
        for one in state["records"]
    ]
    return {"size": state["size"], "sha256": state["sha256"], "records": records}


def _signature(
    finding: dict[str, Any], statements: list[dict[str, Any]], language: Language
) -> dict[str, Any]:
    t = DOCUMENT[language]
    title = t["stamp" if finding["kind"] == "time_stamp" else "signature"]
    return {
        "ordinal": finding["ordinal"],
        "title": title.format(ordinal=finding["ordinal"], field=finding["field"]),
        "verdict": finding["verdict"],
        "told": _told(finding, language),
        "rows": _rows(finding, t),
        "statements": [
            {"status": one["status"], "told": _told(one, language)} for one in statements
        ],
        "checks": [
            {
                "status": one["status"],
                "title": one["title_zh" if language == "zh" else "title"],
                "told": _told(one, language),
            }
            for one in finding["checks"]
        ],
    }


def _rows(finding: dict[str, Any], t: dict[str, str]) -> list[tuple[str, str]]:
    certificate = finding["certificate"] or {}
    rows = [
        (t["name"], certificate.get("name")),
        (t["organisation"], certificate.get("organisation")),
        (t["issuer"], certificate.get("issuer")),
        (t["serial"], certificate.get("serial_number")),
        (t["certificate_hash"], certificate.get("sha256")),
        (t["claimed"], _time(finding["claimed_at"])),
        (t["stamped"], _time(finding["stamped_at"])),
    ]
    return [(name, value) for name, value in rows if value]


def _time(moment: int | None) -> str:
    """A time as shown, "" for none and for one that no calendar here has."""
    if moment is None:
        return ""
    try:
        return date_time(moment)
    except (ValueError, OverflowError):
        return str(moment)
