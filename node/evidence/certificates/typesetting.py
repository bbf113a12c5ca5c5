"""A draft as PDF/A-3b (ISO 19005-3): tagged, with its attachments, the same bytes every time.

Called in worker processes: a compiler is kept by each, so the first call takes longer.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from datetime import UTC, datetime
from importlib import resources

import typst

from node.core.errors import InvalidInput
from node.evidence.certificates.fonts import check_glyphs, load_faces
from node.evidence.certificates.port import Draft, SealSpace, TypesetCertificate

__all__ = ["SEAL_BOX", "typeset"]

SEAL_BOX = (360, 212, 510, 362)
"""The seal's box on the last page, in points from its lower left corner. The template has it 480
points from the top of a page of 842."""
_TEMPLATE = "certificate.typ"
_PAGES = re.compile(rb"/Type\s*/Pages\b[^>]*?/Count\s+([0-9]+)")
_RESERVED = ("content", "files")
_LOCK = threading.Lock()  # a compiler may be borrowed by one thread only


def typeset(draft: Draft) -> TypesetCertificate:
    """Set a draft, its texts as they are and never as markup.

    The file ends with a line feed: without one the first object of an incremental update would
    stand on the line of ``%%EOF``, which ISO 19005-3 §6.1.9 forbids.

    Raises:
        InvalidInput: no font has a glyph for a character, or an attachment is not text in UTF-8.
    """
    faces = load_faces()
    check_glyphs(draft.content, faces)
    with _LOCK:
        pdf = _compiler().compile(
            _source(),
            format="pdf",
            sys_inputs=_inputs(draft),
            pdf_standards="a-3b",
            pdf_tags=True,
            timestamp=datetime.fromtimestamp(draft.issued_at / 1000, UTC).replace(microsecond=0),
        )
    assert isinstance(pdf, bytes)
    pages = _count_pages(pdf)
    return TypesetCertificate(pdf + b"\n", SealSpace(pages - 1, SEAL_BOX), pages)


def _inputs(draft: Draft) -> dict[str, str]:
    files = [
        {
            "name": item.name,
            "media_type": item.media_type,
            "description": item.description,
            "relationship": item.relationship.lower(),
        }
        for item in draft.attachments
    ]
    inputs = {"content": draft.content, "files": json.dumps(files, ensure_ascii=False)}
    for item in draft.attachments:
        if item.name in inputs:
            raise InvalidInput(f"attachment {item.name}", "is there twice, or has a reserved name")
        try:
            inputs[item.name] = item.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"attachment {item.name}", "must be text in UTF-8") from error
    return inputs


def _count_pages(pdf: bytes) -> int:
    found = [int(count) for count in _PAGES.findall(pdf)]
    assert found, "the page tree of a PDF that was made here"
    return max(found)


@functools.cache
def _source() -> bytes:
    return resources.files("node.evidence.certificates").joinpath(_TEMPLATE).read_bytes()


@functools.cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(font_paths=load_faces().fonts, ignore_system_fonts=True)
