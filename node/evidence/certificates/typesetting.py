"""A draft as PDF/A-3b (ISO 19005-3): tagged, with its attachments, the same bytes every time.

Called in worker processes: a compiler is kept by each, so the first call takes longer.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import typst

from node.core.errors import InvalidInput
from node.evidence.certificates.fonts import check_glyphs, load_faces
from node.evidence.certificates.port import (
    Attachment,
    Draft,
    SealSpace,
    TypesetCertificate,
)

__all__ = ["SEAL_BOX", "typeset"]

SEAL_BOX = (360, 212, 510, 362)
"""The seal's box on the last page, in points from its lower left corner. The template has it 480
points from the top of a page of 842."""
_TEMPLATE = "certificate.typ"
_PAGES = re.compile(rb"/Type\s*/Pages\b[^>]*?/Count\s+([0-9]+)")
_LOCK = threading.Lock()  # a compiler may be borrowed by one thread only


def typeset(draft: Draft) -> TypesetCertificate:
    """Set a draft, its texts as they are and never as markup.

    The file ends with a line feed: without one the first object of an incremental update would
    stand on the line of ``%%EOF``, which ISO 19005-3 §6.1.9 forbids.

    Raises:
        InvalidInput: no font has a glyph for a character, a picture is none, or an attachment is
            not text in UTF-8.
    """
    faces = load_faces()
    check_glyphs(draft.content, faces)
    main = _main(draft)
    try:
        with _LOCK:
            pdf = _compiler().compile(
                main,
                format="pdf",
                pdf_standards="a-3b",
                pdf_tags=True,
                timestamp=datetime.fromtimestamp(draft.issued_at // 1000, UTC),
            )
    except RuntimeError as error:  # what is foreign in it are the pictures
        raise InvalidInput("certificate", f"cannot be typeset: {error}") from error
    assert isinstance(pdf, bytes)
    pages = _count_pages(pdf)
    return TypesetCertificate(pdf + b"\n", SealSpace(pages - 1, SEAL_BOX), pages)


def _main(draft: Draft) -> bytes:
    """The document to compile: the template, called with this draft.

    The data stands in it as two string literals of JSON, not in ``sys.inputs``: with other inputs
    the compiler would forget all that it has typeset, and most of a certificate is as in the last.
    """
    names: set[str] = set()
    files = []
    for item in draft.attachments:
        if item.name in names:
            raise InvalidInput(f"attachment {item.name}", "is there twice")
        names.add(item.name)
        files.append(
            {
                "name": item.name,
                "media_type": item.media_type,
                "description": item.description,
                "relationship": item.relationship.lower(),
                "text": _text(item),
            }
        )
    return (
        f'#import "{_TEMPLATE}": certificate\n'
        f"#certificate(json(bytes({_literal(draft.content)})), "
        f"json(bytes({_literal(json.dumps(files, ensure_ascii=False))})))\n"
    ).encode()


def _text(item: Attachment) -> str:
    try:
        return item.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"attachment {item.name}", "must be text in UTF-8") from error


def _literal(text: str) -> str:
    """A string literal of the template's language. Nothing in it but a quote could end it, and
    nothing but a backslash begins something else."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _count_pages(pdf: bytes) -> int:
    found = [int(count) for count in _PAGES.findall(pdf)]
    assert found, "the page tree of a PDF that was made here"
    return max(found)


@functools.cache
def _compiler() -> typst.Compiler:
    folder = Path(__file__).parent
    return typst.Compiler(font_paths=load_faces().fonts, ignore_system_fonts=True, root=folder)
