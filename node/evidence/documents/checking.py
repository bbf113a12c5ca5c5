"""Checking a document: its file is handed to a process of its own, which is ended when it is late.

The process gets an open file that has no name, and answers on a pipe with bounded JSON. Whatever
becomes of it, the answer is findings: a file that ends the process is one that must not be relied
on.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import threading
from typing import IO

import msgspec

from node.core.errors import EvidenceError
from node.evidence.documents.findings import (
    MAX_FINDINGS_BYTES,
    DocumentFindings,
    Revision,
    decode_findings,
)
from node.evidence.documents.outcomes import outcome
from node.evidence.documents.settings import DocumentSettings

__all__ = ["CheckUnavailable", "check_document", "check_file"]

_CHUNK = 1 << 20
_GRACE_SECONDS = 5
_MODULE = "node.evidence.documents.examiner"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}


class CheckUnavailable(EvidenceError):
    """The process that examines documents cannot be started on this machine."""


def check_document(pdf: bytes, settings: DocumentSettings) -> DocumentFindings:
    """What is found about the file ``pdf``.

    Raises:
        CheckUnavailable: no process could be started, or no temporary file be made.
    """
    try:
        with tempfile.TemporaryFile() as file:
            file.write(pdf)
            return check_file(file, settings)
    except OSError as error:
        raise CheckUnavailable(f"no temporary file: {error.strerror}") from error


def check_file(file: IO[bytes], settings: DocumentSettings) -> DocumentFindings:
    """What is found about an open file, from its beginning, wherever it stands.

    Raises:
        CheckUnavailable: no process could be started.
    """
    file.flush()
    whole = _whole(file)
    if whole.size > settings.max_bytes:
        return outcome("too_large", size=whole.size, sha256=whole.sha256, revisions=(whole,))
    answer = _run(file.fileno(), settings)
    try:
        findings = decode_findings(answer)
    except msgspec.MsgspecError:
        findings = None
    if findings is None or (findings.size, findings.sha256) != (whole.size, whole.sha256):
        return outcome(
            "empty" if not whole.size else "too_complex",
            size=whole.size,
            sha256=whole.sha256,
            revisions=(whole,),
        )
    return findings


def _whole(file: IO[bytes]) -> Revision:
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return Revision(size, digest.hexdigest())


def _run(descriptor: int, settings: DocumentSettings) -> bytes:
    """What the process writes; b"" if it is ended before that."""
    try:
        process = subprocess.Popen(  # noqa: S603 - this very program, and a number
            [sys.executable, "-I", "-m", _MODULE, str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            env=_ENVIRONMENT,
        )
    except OSError as error:
        raise CheckUnavailable(f"no process: {error.strerror}") from error
    late = threading.Timer(settings.seconds + _GRACE_SECONDS, process.kill)
    late.start()
    try:
        return _exchange(process, msgspec.json.encode(settings))
    finally:
        late.cancel()
        process.kill()
        process.wait()


def _exchange(process: subprocess.Popen[bytes], settings: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            process.stdin.write(settings)
            process.stdin.close()
        except BrokenPipeError:
            return b""
        return process.stdout.read(MAX_FINDINGS_BYTES + 1)
