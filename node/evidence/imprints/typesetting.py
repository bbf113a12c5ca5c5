"""Runs Typst templates with the Chinese fonts of the distribution alone."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

import typst

from node.evidence.imprints.typeface import font_directory

__all__ = ["query_values", "template_source", "typeset_pdf", "typeset_png"]

_PNG_PIXELS_AN_INCH = 300
_LOCK = threading.Lock()  # a compiler may be borrowed by one thread only


@functools.cache
def template_source(package: str, name: str) -> bytes:
    """The template of a file name that lies in a package."""
    return resources.files(package).joinpath(name).read_bytes()


def typeset_pdf(
    source: bytes, inputs: Mapping[str, str], *, created_at: datetime | None = None
) -> bytes:
    """Typeset a template to PDF; the same arguments give the same bytes.

    With ``created_at`` it is a tagged PDF/A-3b, which must bear a date, and without it a bare
    picture.

    The file ends with a line feed: without one the first object of an incremental update would
    stand on the line of ``%%EOF``, which ISO 19005-3 §6.1.9 forbids.
    """
    with _LOCK:
        # A compiler forgets an input given as bytes after its first run: name it every time.
        pdf = _compiler().compile(
            source,
            format="pdf",
            sys_inputs=dict(inputs),
            pdf_standards=[] if created_at is None else "a-3b",
            pdf_tags=created_at is not None,
            timestamp=created_at,
        )
    assert isinstance(pdf, bytes)
    return pdf + b"\n"


def typeset_png(source: bytes, inputs: Mapping[str, str]) -> bytes:
    """Typeset a template, which has one page, to a PNG of 300 pixels an inch."""
    with _LOCK:
        png = _compiler().compile(
            source, format="png", sys_inputs=dict(inputs), ppi=_PNG_PIXELS_AN_INCH
        )
    assert isinstance(png, bytes)
    return png


def query_values(source: bytes, label: str, inputs: Mapping[str, str]) -> list[Any]:
    """The values of all ``metadata`` elements that bear ``label``, in document order."""
    found = typst.query(
        source,
        f"<{label}>",
        field="value",
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs=dict(inputs),
    )
    values = json.loads(found)
    assert isinstance(values, list)
    return values


@functools.cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(font_directory())],
    )


@functools.cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(font_paths=_fonts(), ignore_system_fonts=True)
