"""The plain answer about a whole file, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.evidence.documents.findings import DocumentFindings, Notice, SignatureFinding

__all__ = ["outcome", "verdict_on"]

_ANSWERS = {
    "empty": ("The file is empty.", "文件为空。"),
    "not_pdf": (
        "This is not a PDF. Its signatures, if it has any, are not checked here; the look-up by "
        "hash works for files of every kind.",
        "这不是 PDF 文件。本核验只检查 PDF 中的签名；按哈希查询适用于任何类型的文件。",
    ),
    "ofd": (
        "This is an OFD document, not a PDF. Signatures of OFD documents are not checked here; "
        "the look-up by hash works for it.",
        "这是 OFD 版式文件，不是 PDF。本核验不检查 OFD 文件的签章；按哈希查询仍可使用。",
    ),
    "encrypted": (
        "The PDF is encrypted. What it shows cannot be read without its password, so nothing was "
        "checked; the look-up by hash works for it.",
        "该 PDF 已加密，没有口令无法读取内容，因此未作任何核验；按哈希查询仍可使用。",
    ),
    "unreadable": (
        "The file cannot be read as a PDF by the rules: it is damaged, cut off, or made so that "
        "readers may show different things. No signature in it was checked; none may be relied on.",
        "该文件不能按 PDF 规范读取：已损坏、被截断，或其构造会使不同阅读器显示不同内容。"
        "其中的签名均未核验，不可采信。",
    ),
    "too_complex": (
        "The check was given up: the file takes more memory, time or signatures than a document "
        "does. No signature in it was checked; none may be relied on.",
        "核验已中止：处理该文件所需的内存、时间或签名数量超出正常文件的范围。其中的签名均未核验，"
        "不可采信。",
    ),
    "too_large": (
        "The file is larger than what is checked here; the look-up by hash works for files of "
        "every size.",
        "文件大小超出本核验的上限；按哈希查询不限文件大小。",
    ),
}


def outcome(name: str, **more: Any) -> DocumentFindings:
    """The findings about a file that could not be examined, or not to the end."""
    text, text_zh = _ANSWERS[name]
    return DocumentFindings(
        outcome=name,  # type: ignore[arg-type]
        verdict="none",
        text=text,
        text_zh=text_zh,
        **more,
    )


def verdict_on(
    signatures: Sequence[SignatureFinding], notices: Sequence[Notice]
) -> DocumentFindings:
    """The findings about a PDF that could be examined: as bad as its worst signature."""
    verdicts = {one.verdict for one in signatures}
    signed = [one for one in signatures if one.kind != "time_stamp"]
    verdict: Any = "passed"
    if not signed and not verdicts & {"failed"}:
        verdict, texts = "none", _unsigned(len(signatures))
    elif "failed" in verdicts:
        verdict, texts = "failed", _failed(signatures)
    elif "incomplete" in verdicts or notices:
        verdict, texts = "incomplete", _incomplete(signatures)
    else:
        texts = (
            f"All checks of the {len(signatures)} signature(s) and time-stamp(s) passed, and "
            "nothing was changed that they do not permit.",
            f"全部 {len(signatures)} 个签名和时间戳的各项核验均通过，"
            "签署之后没有超出允许范围的改动。",
        )
    return DocumentFindings(
        "read", verdict, *texts, signatures=tuple(signatures), notices=tuple(notices)
    )


def _unsigned(stamps: int) -> tuple[str, str]:
    if stamps:
        return (
            "The PDF bears no signature, only time-stamps: nobody has sealed it.",
            "该 PDF 没有签名，只有时间戳：没有任何人签章。",
        )
    return "The PDF bears no digital signature.", "该 PDF 没有数字签名。"


def _failed(signatures: Sequence[SignatureFinding]) -> tuple[str, str]:
    failed = [one.ordinal for one in signatures if one.verdict == "failed"]
    numbers = ", ".join(map(str, failed))
    return (
        f"The document must not be relied on as it is: checks failed for number {numbers} of "
        f"{len(signatures)}.",
        f"该文件不可照现状采信：共 {len(signatures)} 个签名或时间戳，"
        f"其中第 {numbers} 个未通过核验。",
    )


def _incomplete(signatures: Sequence[SignatureFinding]) -> tuple[str, str]:
    return (
        f"Nothing was found wrong with the {len(signatures)} signature(s) and time-stamp(s) in "
        "what was checked. Not everything was checked: see each of them.",
        f"共 {len(signatures)} 个签名和时间戳，已核验的各项未发现问题；"
        "但并非各项都已核验，详见各签名。",
    )
