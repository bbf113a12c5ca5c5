"""How a verification is told: to people, step by step, and to programs, as one JSON document."""

from __future__ import annotations

import argparse
import hashlib
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from node import __version__
from node.cli.documents import Document
from node.cli.output import fingerprint_lines, marks, say
from node.core.verify import FAILED, NOT_CHECKED, PASSED, Report, Step
from node.core.verify_certificate import CertificateReport

__all__ = ["report_json", "tell_report"]

_WORDS = {
    "en": {
        "bundle": "Bundle",
        "certificate": "Certificate",
        "attached": "attached to the certificate",
        "bytes": "bytes",
        "trust": "Trust file",
        "fingerprint": "Its fingerprint",
        "tool": "Checked by",
        PASSED: "",
        FAILED: "FAILED: ",
        NOT_CHECKED: "not checked: ",
        "accepted": "Nothing failed: {} passed, {} not checked.",
        "refused": "NOT ACCEPTED: {} failed, {} passed, {} not checked.",
        "own": "The trust file came with the certificate, and a forger can put in one of their "
        "own: unless its fingerprint is the published one, this result means nothing.",
        "compare": "Compare the fingerprint with the certificate's or with the published one.",
    },
    "zh": {
        "bundle": "证据包",
        "certificate": "存证证书",
        "attached": "证书自带",
        "bytes": "字节",
        "trust": "信任文件",
        "fingerprint": "信任文件指纹",
        "tool": "核验工具",
        PASSED: "",
        FAILED: "不通过：",
        NOT_CHECKED: "未核验：",
        "accepted": "无不通过项：通过 {} 项，未核验 {} 项。",
        "refused": "核验不通过：不通过 {} 项，通过 {} 项，未核验 {} 项。",
        "own": "信任文件由证书自带，伪造者也可以附上自己的一份：指纹与成员单位公布的不一致时，"
        "本结果没有意义。",
        "compare": "请将指纹与存证证书所印或成员单位公布的指纹核对。",
    },
}
_COLONS = {"en": ": ", "zh": "："}


def report_json(
    report: Report,
    bundle: bytes,
    documents: Sequence[Document],
    certificate: CertificateReport | None,
) -> dict[str, Any]:
    """What --json says: the steps, in both languages, and what was checked by which means."""
    return {
        "accepted": report.accepted,
        "backend": report.backend,
        "bundle_sha256": hashlib.sha256(bundle).hexdigest(),
        "documents": [asdict(document) for document in documents],
        "steps": [
            {
                "details": list(step.details),
                "id": step.id,
                "label": step.label,
                "number": step.number,
                "part": step.part,
                "status": step.status,
                "text": step.text,
                "text_zh": step.text_zh,
                "title": step.title,
                "title_zh": step.title_zh,
            }
            for step in report.steps
        ],
        "tool": f"evidence-ledger-node {__version__}",
        "trust_fingerprint": report.trust_fingerprint,
        **_certificate_json(certificate),
    }


def _certificate_json(report: CertificateReport | None) -> dict[str, Any]:
    """What --json says of a certificate besides its steps."""
    if report is None:
        return {}
    said = {
        "certificate_no": report.certificate_no,
        "code": report.code,
        "issuer": report.issuer,
        "own_trust": report.own_trust,
        "sha256": report.sha256,
    }
    return {"certificate": said}


def tell_report(args: argparse.Namespace, report: Report, data: bytes, kind: str) -> None:
    """Write the steps to standard output. ``kind`` of what was checked: bundle or certificate."""
    words, colon = _WORDS[args.lang], _COLONS[args.lang]
    size = f"{len(data):,} {words['bytes']}"
    tool = f"evidence-ledger-node {__version__}, Python {platform.python_version()}"
    say(f"{words[kind]}{colon}{{}}", args.bundle)
    say(f"    {size}, SHA-256 {hashlib.sha256(data).hexdigest()}")
    say(f"{words['trust']}{colon}{{}}", args.trust or words["attached"])
    say(f"{words['fingerprint']}{colon.rstrip()}")
    for line in fingerprint_lines(report.trust_fingerprint):
        say(f"    {line}")
    say(f"{words['tool']}{colon}{tool}, {report.backend}")
    say()
    for step in report.steps:
        _tell_step(step, args.lang)
    say()
    failed, passed, unchecked = (
        sum(step.status == status for step in report.steps if not step.part)
        for status in (FAILED, PASSED, NOT_CHECKED)
    )
    if failed:
        say(words["refused"].format(failed, passed, unchecked))
    else:
        say(words["accepted"].format(passed, unchecked))
    if args.trust is None and args.fingerprint is None:
        say(words["own"])
    say(words["compare"])


def _tell_step(step: Step, language: str) -> None:
    mark = dict(zip((PASSED, FAILED, NOT_CHECKED), marks()))[step.status]
    title, text = (step.title_zh, step.text_zh) if language == "zh" else (step.title, step.text)
    word = _WORDS[language][step.status]
    indent = "     " if step.part else ""
    line = f"{indent}{step.label:>2} {mark} {{}}{_COLONS[language]}{word}{{}}"
    say(line, title, text)
    for detail in step.details:
        say(f"{indent}     {{}}", detail)
