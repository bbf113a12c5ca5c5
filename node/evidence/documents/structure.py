"""The form of an embedded signature (ISO 32000-2 §12.8.1): what lies inside and beside it.

The bytes that a signature covers are the file up to its end, all but the value of ``/Contents``.
Whatever else lies in that gap is signed by nobody, and whatever byte range does not leave exactly
that gap covers something else than the reader shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from asn1crypto import cms
from pyhanko.sign.validation import EmbeddedPdfSignature

from node.evidence.documents.mapped_file import MappedFile

__all__ = ["MAX_GAP", "SignatureForm", "UnsoundForm", "has_stray_bytes", "read_form"]

MAX_GAP = 4 << 20
"""Bytes between the two covered parts; a CMS object with revocation lists stays far below."""
_END_MARK = b"%%EOF"
_BLANKS = b"\0\t\n\f\r "
_MOST_BLANKS = 1024
_GAP = re.compile(rb"<((?:[0-9A-Fa-f]{2})+)>")


class UnsoundForm(Exception):
    """The signature is not of its form: in English and Chinese."""

    def __init__(self, text: str, text_zh: str) -> None:
        super().__init__(text)
        self.text = text
        self.text_zh = text_zh


@dataclass(frozen=True)
class SignatureForm:
    """``end`` is where the covered bytes end, ``message`` the CMS object without its padding."""

    end: int
    message: bytes


def read_form(signature: EmbeddedPdfSignature, data: MappedFile | bytes) -> SignatureForm:
    """The sound form of a signature.

    Raises:
        UnsoundForm: the byte range is no such one, or something lies in the gap beside the
            signature, or the gap does not hold the signature that the dictionary names.
    """
    first, second, end = _byte_range(signature, len(data))
    gap = data[first:second]
    digits = _GAP.fullmatch(gap)
    if digits is None:
        raise UnsoundForm(
            "what its byte range leaves out is not just the signature",
            "签名的字节范围（ByteRange）在签名值之外还留有未被覆盖的内容",
        )
    held = bytes.fromhex(digits[1].decode("ascii"))
    message: bytes = cms.ContentInfo.load(bytes(signature.pkcs7_content)).dump()
    if held != bytes(signature.pkcs7_content):
        raise UnsoundForm(
            "the signature that its dictionary names stands elsewhere in the file",
            "签名字典所指的签名值不在其字节范围留出的位置上（疑似签名包装攻击）",
        )
    if not held.startswith(message) or held[len(message) :].strip(b"\0"):
        raise UnsoundForm(
            "something lies hidden behind the signature in its room",
            "签名值之后的填充区中藏有其他数据",
        )
    return SignatureForm(end, message)


def has_stray_bytes(signature: EmbeddedPdfSignature, data: MappedFile | bytes, end: int) -> bool:
    """Whether something follows the signature's ``end`` that no table of the file leads to.

    pyHanko reads the file by its tables, as the standard has it, and sees nothing of that. Many
    readers repair a file that does not end as it should, and then show it (incremental saving
    attacks without a table).
    """
    last = data.rfind(_END_MARK)
    if last < 0 or data[last + len(_END_MARK) :][:_MOST_BLANKS].strip(_BLANKS):
        return True
    if len(data) - last > _MOST_BLANKS:
        return True
    follows = bool(data[end : end + _MOST_BLANKS].strip(_BLANKS)) or len(data) - end > _MOST_BLANKS
    return follows and int(signature.reader.last_startxref or 0) < end


def _byte_range(signature: EmbeddedPdfSignature, size: int) -> tuple[int, int, int]:
    """End of the first part, begin and end of the second."""
    try:
        numbers = [int(item) for item in signature.byte_range]
    except (TypeError, ValueError) as error:
        raise _no_range() from error
    if len(numbers) != 4:
        raise _no_range()
    start, first, second, length = numbers
    if start or first <= 0 or not first < second < first + MAX_GAP or length < 0:
        raise _no_range()
    if second + length > size:
        raise UnsoundForm(
            "its byte range reaches beyond the end of the file: the file was cut off",
            "签名的字节范围超出文件末尾：文件被截断",
        )
    return first, second, second + length


def _no_range() -> UnsoundForm:
    return UnsoundForm(
        "its byte range does not cover the file from its first byte with one gap",
        "签名的字节范围（ByteRange）不是“从文件首字节起、仅留一处空隙”的规范形式",
    )
