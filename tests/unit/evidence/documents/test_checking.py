"""node.evidence.documents.checking: the process of its own, its limits, and bombs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from builders.hostile_pdfs import Hostile, bombs
from builders.signed_pdfs import Signatories, plain_pdf

from node.evidence.documents import checking, examiner
from node.evidence.documents.checking import check_document, check_file
from node.evidence.documents.findings import (
    MAX_FINDINGS_BYTES,
    DocumentFindings,
    decode_findings,
    encode_findings,
)
from node.evidence.documents.outcomes import outcome
from node.evidence.documents.settings import DocumentSettings

PEOPLE = Signatories()
SETTINGS = PEOPLE.settings(seconds=15, cpu_seconds=15)
BOMBS = list(bombs())


@pytest.mark.parametrize("bomb", BOMBS, ids=[one.name for one in BOMBS])
def test_a_bomb_ends_in_a_plain_answer(bomb: Hostile) -> None:
    found = check_document(bomb.pdf, SETTINGS)
    assert found.verdict in ("none", "failed"), bomb.what
    assert found.size == len(bomb.pdf)
    assert found.text_zh


def test_a_signed_file_through_the_process() -> None:
    found = check_document(PEOPLE.sign(plain_pdf(), long_term=True), SETTINGS)
    assert (found.outcome, found.verdict) == ("read", "passed")


def test_a_file_of_500_megabytes_is_refused_and_can_be_bounded() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(500 << 20)
        assert check_file(file, SETTINGS).outcome == "too_large"
        allowed = msgspec.structs.replace(SETTINGS, max_bytes=600 << 20)
        found = check_file(file, allowed)
    assert (found.outcome, found.size) == ("unreadable", 500 << 20)


def test_a_process_without_memory_or_time_gives_up() -> None:
    pdf = PEOPLE.sign(plain_pdf())
    poor = msgspec.structs.replace(SETTINGS, memory_megabytes=1)
    assert check_document(pdf, poor).outcome == "too_complex"


def test_a_process_that_sleeps_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever it does: here a module that reads nothing and never ends."""
    module = tmp_path / "sleeper.py"
    module.write_text("import signal\nsignal.pause()\n")
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        process = popen([sys.executable, str(module)], **options)  # type: ignore[call-overload]
        started.append(process)
        return process

    monkeypatch.setattr(checking.subprocess, "Popen", start)
    monkeypatch.setattr(checking, "_GRACE_SECONDS", 0)
    found = check_document(b"%PDF-1.7", msgspec.structs.replace(SETTINGS, seconds=1))
    assert found.outcome == "too_complex"
    assert started[0].returncode == -9


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"\x80\x04.",
        b"[" * 100_000,
        b'"' + b"x" * MAX_FINDINGS_BYTES + b'"',
        encode_findings(outcome("empty", size=1, sha256="00" * 32)),
        encode_findings(outcome("empty"))[:-1] + b',"more":1}',
    ],
)
def test_an_answer_of_another_form_is_none(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_run", lambda *_: answer)
    assert check_document(b"%PDF-1.7", SETTINGS).outcome == "too_complex"


def test_findings_survive_their_way() -> None:
    found = check_document(PEOPLE.sign(plain_pdf()), SETTINGS)
    assert decode_findings(encode_findings(found)) == found
    assert isinstance(found, DocumentFindings)


_ESCAPE = """
import sys
from node.evidence.documents import examiner, examining
from node.evidence.documents.outcomes import outcome

def examine(data, settings, loop):
    import socket
    told = []
    for attempt in (lambda: open("/etc/passwd"), socket.socket, lambda: open("/dev/shm/x", "w")):
        try:
            attempt()
            told.append("done")
        except OSError as error:
            told.append(error.errno)
    raise SystemExit(repr(told))

import socket
examiner.examine = examine
sys.exit(examiner.main(sys.argv[1:]))
"""


def test_the_process_can_open_nothing_any_more(tmp_path: Path) -> None:
    """Neither a file nor a connection, whatever a file makes the libraries do (errno 24)."""
    script = tmp_path / "escape.py"
    script.write_text(_ESCAPE)
    with tempfile.TemporaryFile() as file:
        file.write(b"%PDF-1.7")
        file.flush()
        done = subprocess.run(
            [sys.executable, str(script), str(file.fileno())],
            input=msgspec.json.encode(SETTINGS),
            pass_fds=(file.fileno(),),
            capture_output=True,
        )
    assert done.stderr.decode().strip() == "[24, 24, 24]"


_LATE = """
import sys
from node.evidence.documents import examiner
bound, before = examiner._bound, set()

def noted(settings):
    before.update(sys.modules)
    bound(settings)

examiner._bound = noted
code = examiner.main(sys.argv[1:])
sys.stderr.write(" ".join(sorted(set(sys.modules) - before)))
sys.exit(code)
"""


def test_nothing_is_imported_once_nothing_can_be_opened(tmp_path: Path) -> None:
    """A library that wanted to load something then would make a good signature fail."""
    script = tmp_path / "late.py"
    script.write_text(_LATE)
    pdf = PEOPLE.sign(PEOPLE.sign(plain_pdf(), long_term=True), "Second")
    with tempfile.TemporaryFile() as file:
        file.write(pdf)
        file.flush()
        done = subprocess.run(
            [sys.executable, str(script), str(file.fileno())],
            input=msgspec.json.encode(SETTINGS),
            pass_fds=(file.fileno(),),
            capture_output=True,
        )
    assert done.returncode == 0
    assert done.stderr == b""


def test_bad_settings_make_no_answer() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"now":1,"more":2}', type=DocumentSettings)
    assert examiner.__all__ == ["main"]
