"""Examining a whole file: what kind it is, its signatures in order, and the verdict on it.

It runs in a process of its own (`examiner`), because a hostile file may use up any amount of memory
or time; nothing here is trusted to end.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from node.evidence.documents.chain_checks import Surroundings
from node.evidence.documents.chains import Material
from node.evidence.documents.findings import (
    DocumentFindings,
    Notice,
    Revision,
    SignatureFinding,
)
from node.evidence.documents.mapped_file import MappedFile
from node.evidence.documents.outcomes import outcome, verdict_on
from node.evidence.documents.revisions import hash_beginnings, revision_ends
from node.evidence.documents.settings import DocumentSettings
from node.evidence.documents.signature_finding import Found, judge, open_signature

__all__ = ["MAX_SIGNATURES", "examine"]

MAX_SIGNATURES = 100
_DICTIONARY_KEY = b"/ByteRange"
_HEAD = 1024
_TAIL = 8192


def examine(
    data: MappedFile | bytes, settings: DocumentSettings, loop: asyncio.AbstractEventLoop
) -> DocumentFindings:
    """Everything that is found out about the file ``data``; only bad settings raise."""
    revisions = _revisions(data)
    other = _other_kind(data)
    if other is not None:
        return _with_file(other, revisions[-1:])
    try:
        return _with_file(_examine_pdf(data, settings, loop), revisions)
    except (MemoryError, RecursionError):
        return _with_file(outcome("too_complex"), revisions)
    except (OSError, ImportError):  # it wanted to open something, which is the check's own fault
        raise
    except Exception:  # noqa: BLE001 - a parser of PDF meets hostile bytes with a dozen errors
        return _with_file(outcome("unreadable"), revisions)


def _revisions(data: MappedFile | bytes) -> tuple[Revision, ...]:
    return tuple(hash_beginnings(data, [*revision_ends(data), len(data)]))


def _with_file(found: DocumentFindings, revisions: Sequence[Revision]) -> DocumentFindings:
    values = {name: getattr(found, name) for name in found.__struct_fields__}
    whole = revisions[-1]
    values.update(size=whole.size, sha256=whole.sha256, revisions=tuple(revisions))
    return DocumentFindings(**values)


def _other_kind(data: MappedFile | bytes) -> DocumentFindings | None:
    """The answer where the file is no PDF."""
    if not len(data):
        return outcome("empty")
    if data[:5] == b"%PDF-":
        return None if _has_end(data) else outcome("unreadable")
    if data[:4] == b"PK\x03\x04" and data.find(b"OFD.xml") >= 0:
        return outcome("ofd")
    return outcome("unreadable" if data[:_HEAD].find(b"%PDF-") >= 0 else "not_pdf")


def _has_end(data: MappedFile | bytes) -> bool:
    """Whether the file ends as a PDF does; the library would search all of a large one for that."""
    return data.rfind(b"startxref", max(0, len(data) - _TAIL)) >= 0


def _examine_pdf(
    data: MappedFile | bytes, settings: DocumentSettings, loop: asyncio.AbstractEventLoop
) -> DocumentFindings:
    stream = data if isinstance(data, MappedFile) else io.BytesIO(data)
    reader = PdfFileReader(stream, strict=True)
    if reader.encrypted:
        return outcome("encrypted")
    fields = []
    for name, _, field in enumerate_sig_fields(reader, filled_status=True):
        fields.append((str(name), field))
        if len(fields) > MAX_SIGNATURES:
            return outcome("too_complex")
    found = sorted(
        (open_signature(reader, name, field) for name, field in fields), key=lambda one: one.place
    )
    material = Material.read(reader)
    around = Surroundings(
        data,
        material,
        tuple(map(x509.Certificate.load, settings.roots)),
        tuple(map(x509.Certificate.load, settings.tsa_roots)),
        datetime.fromtimestamp(settings.now / 1000, UTC),
    )
    signatures = loop.run_until_complete(_judge_all(found, around))
    notices = _notices(data, len(found), material)
    return verdict_on(signatures, notices)


async def _judge_all(found: Sequence[Found], around: Surroundings) -> tuple[SignatureFinding, ...]:
    """All findings. The newest first: a checked document time-stamp proves that what lies before it
    existed then, so that a certificate may have expired since (ETSI EN 319 142-1 §5.5)."""
    told: list[SignatureFinding] = []
    for ordinal in range(len(found), 0, -1):
        finding = await judge(found[ordinal - 1], ordinal, around)
        told.append(finding)
        if finding.kind == "time_stamp" and finding.stamp_status == "passed":
            assert finding.stamped_at is not None
            stamped = datetime.fromtimestamp(finding.stamped_at / 1000, UTC)
            if stamped <= around.at:
                around = replace(around, at=stamped, is_proven=True)
    return tuple(reversed(told))


def _notices(data: MappedFile | bytes, signatures: int, material: Material) -> tuple[Notice, ...]:
    notices = []
    if _count(data, _DICTIONARY_KEY, signatures + 1) > signatures:
        notices.append(
            Notice(
                "The file holds more signature data than signatures that its form shows: one may "
                "have been removed or hidden, or never have been finished.",
                "文件中的签名数据多于表单中可见的签名：可能有签名被移除、隐藏或未完成。",
            )
        )
    if not material.is_readable:
        notices.append(
            Notice(
                "The material for later checks (DSS) in the file cannot be read; it was not used.",
                "文件所附的长期核验材料（DSS）无法读取，未予采用。",
            )
        )
    return tuple(notices)


def _count(data: MappedFile | bytes, mark: bytes, most: int) -> int:
    """How often ``mark`` occurs, counted up to ``most``."""
    count, found = 0, data.find(mark)
    while found >= 0 and count < most:
        count += 1
        found = data.find(mark, found + len(mark))
    return count
