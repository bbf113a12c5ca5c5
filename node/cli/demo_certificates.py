"""The demonstration's certificate: ordered by the court, checked offline, and on record itself."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.isolated import isolation, run_verifier
from node.cli.output import say, short_path

__all__ = ["order_certificates", "show_certificate"]

_OF_THE_FILE = re.compile(r"P\d |Nothing failed")
_WIDTH = 110
_APPLICANT = "济南互联网审判庭（演示）"


def order_certificates(
    clerk: Any, case: str, pictures: list[Path], folder: Path, **order: Any
) -> list[Path]:
    """Have the node issue certificates of a case to the court, with ``order`` besides; their files.

    Raises:
        CommandFailure: one was not issued, or the file is not the one on record.
    """
    court = clerk.client("jinan-court")
    body = {
        "applicant": _APPLICANT,
        "codes": [court.dossier(case)["code"]],
        "disclosures": "all",
        "pictures": [b64encode(path.read_bytes()).decode("ascii") for path in pictures],
        **order,
    }
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for item in court.order_certificates(body)["certificates"]:
        if item["status"] != "issued":
            raise CommandFailure(ExitCode.FAULT, f"no certificate of {item['code']}: {item}")
        pdf = court.certificate_pdf(item["certificate_no"])
        if hashlib.sha256(pdf).hexdigest() != item["report_hash"]:
            raise CommandFailure(ExitCode.FAULT, "the file is not the one that is on record")
        files.append(folder / f"{item['certificate_no']}.pdf")
        files[-1].write_bytes(pdf)
    return files


def show_certificate(clerk: Any, files: list[Path], trust: Path) -> int:
    """Look the certificate up on the chain, and verify it where no node can be reached."""
    for path in files:
        known = clerk.client("jinan-court").certificate(path.stem)
        say("   {} ({} bytes)", short_path(path), f"{path.stat().st_size:,}")
        say("   on record as {}, of {}", known["record"], known["code"])
    where, prefix = isolation()
    say("   verified offline, {}", where)
    lines: list[str] = []
    if run_verifier(prefix, files[0], trust, lines.append) != ExitCode.OK:
        raise CommandFailure(ExitCode.FAULT, "the certificate should have been accepted", *lines)
    for line in lines:
        if _OF_THE_FILE.match(line):
            say("   {}", line if len(line) <= _WIDTH else line[:_WIDTH] + "…")
    return ExitCode.OK
