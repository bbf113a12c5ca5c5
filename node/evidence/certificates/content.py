"""The whole content of a certificate: cover, sections one to sixteen, last page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import segno

from node.evidence.certificates.port import Attachment
from node.evidence.certificates.section_anchors import anchor_section, time_section
from node.evidence.certificates.section_chain import chain_section
from node.evidence.certificates.section_documents import document_section, signature_section
from node.evidence.certificates.section_events import party_section, timeline_section
from node.evidence.certificates.section_frame import (
    applicant_section,
    cover,
    statement_section,
)
from node.evidence.certificates.section_issuer import issuer_section
from node.evidence.certificates.section_limits import (
    attachment_section,
    limits_section,
    seal_page,
)
from node.evidence.certificates.section_origin import environment_section, origin_section
from node.evidence.certificates.section_seals import seal_section
from node.evidence.certificates.section_verification import verification_section
from node.evidence.certificates.setting import Setting
from node.evidence.certificates.wording import breakable, show_unprintable

__all__ = ["printable", "whole_content"]

_SECTIONS = (
    statement_section,
    issuer_section,
    applicant_section,
    party_section,
    seal_section,
    timeline_section,
    document_section,
    signature_section,
    time_section,
    chain_section,
    anchor_section,
    origin_section,
    environment_section,
    verification_section,
    limits_section,
)

_NARROW, _WIDE = (
    r"[!-~\u00b7\u2014\u201c\u201d\u2026]",
    r"[ \u3001-\u3011\u4e00-\u9fff\uff01-\uff5e]",
)
_is_plain = re.compile(f"(?:{_NARROW}{{0,24}}+{_WIDE}++)*+{_NARROW}{{0,24}}+").fullmatch
"""As most texts are: all of it prints, and no run of it is too long to be broken."""


def whole_content(setting: Setting, attachments: Sequence[Attachment]) -> dict[str, Any]:
    """The JSON document that the template reads: every text of the certificate."""
    say = setting.words.say
    title = say("区块链电子存证证书", "Certificate of Evidence")
    shown = {
        "subtitle": say("（出证报告）", "of records on an evidence ledger"),
        "labels": {
            "certificate_no": say("证书编号", "Certificate No."),
            "contents": say("目　录", "Contents"),
            "page": [say("第 ", "page "), say(" 页，共 ", " of "), say(" 页", "")],
        },
        "certificate_no": setting.certificate_no,
        "cover": cover(setting),
        "sections": _sections(setting, attachments),
        "seal_page": seal_page(setting),
    }
    return {
        **printable(shown),
        "language": setting.words.language,
        "title": title,
        "document": {
            "title": f"{title} {setting.certificate_no}",
            "author": show_unprintable(setting.issuer_name),
        },
        "qr": _qr(setting),
    }


def _sections(setting: Setting, attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """The sections, each with the heading that it gets: its number and its title."""
    sections = [
        *(make(setting) for make in _SECTIONS),
        attachment_section(setting, attachments),
    ]
    for place, item in enumerate(sections, 1):
        number = setting.words.say(f"{item['number']}、", f"{place}. ")
        item["heading"] = number + item["title"]
    return sections


def _qr(setting: Setting) -> str:
    """A QR code of three lines of text: certificate number, evidence code, fingerprint."""
    lines = (
        setting.certificate_no,
        setting.proven.code,
        setting.proven.report.trust_fingerprint,
    )
    # To look for the best mask takes longer than to make the code; any of them can be read.
    code = segno.make("\n".join(lines), error="m", micro=False, mask=2)
    return code.svg_inline(border=2, dark="#000", light=None)


def printable(value: Any) -> Any:
    """The content with what prints nothing made visible, and long runs in pieces."""
    kind = type(value)
    if kind is str:
        return value if _is_plain(value) else _printable_text(value)
    if kind is dict:
        if "s" in value or "svg" in value:
            return value
        return {
            name: item if type(item) is str and _is_plain(item) else printable(item)
            for name, item in value.items()
        }
    if kind is list or kind is tuple:
        return [
            item if type(item) is str and _is_plain(item) else printable(item) for item in value
        ]
    return value


def _printable_text(value: str) -> Any:
    text = breakable(show_unprintable(value))
    return text if isinstance(text, str) else {"w": text}
