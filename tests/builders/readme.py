"""The sessions in the README: their commands, run again, and their output, compared.

A block marked ``console`` holds commands after ``$ `` and what they print. A line ``…`` stands for
any lines, a ``…`` within a line for any text. What differs from run to run may differ: times, sizes
and the like in any way, hashes and codes only all alike, so that a code that a command names is the
one that was printed before.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["GAP", "Step", "Transcript", "mismatch", "play", "read_blocks", "renewed"]

GAP = "…"
_PORT = 8440
_TOLD = 100  # lines of an output that a failed comparison shows
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+08:00)"
    r"|(?P<code>CZ\d{13})"
    r"|(?P<certificate>ZS\d{19})"
    r"|(?P<fingerprint>(?:[0-9a-f]{4} ){7}[0-9a-f]{4})"
    r"|(?P<digest>\b(?:[0-9a-f]{64}|[0-9a-f]{24})\b)"
    r"|(?P<base64>[A-Za-z0-9+/]{40,}=*)"
    r"|(?P<ms>\b1\d{12}\b)"
    r"|(?P<height>(?<=height )\d+|(?<=\"height\": )\d+|(?<=高度 )\d+)"
    r"|(?P<count>(?<=entry )\d+|(?<=size )[\d,]+|\d+(?= entries in the log)|^\d{4,6}$)"
    r"|(?P<port>(?<=127\.0\.0\.1:)\d{5}\b)"
    r"|(?P<bytes>[\d,]+(?= bytes| 字节))"
    r"|(?P<seconds>(?<= in )\d+\.\d+(?= s$))"
    r"|(?P<python>(?<=Python )3\.\d+\.\d+\S*(?=,))"
    r"|(?P<isolation>(?<=offline, ).+$)"
)
_SAME = ("code", "certificate", "fingerprint", "digest")
_PROGRESS = re.compile(r"[a-z ]+: [\d,]+(?: of [\d,]+)?")


@dataclass(frozen=True)
class Step:
    """A command of a session, and the lines that it prints according to the README."""

    command: str
    lines: tuple[str, ...]


@dataclass
class Transcript:
    """What a step printed when it was run: ``lines``; and what stands for what in it."""

    step: Step
    lines: tuple[str, ...]
    known: dict[str, str] = field(default_factory=dict)


def read_blocks(text: str) -> list[list[Step]]:
    """The console blocks of a document."""
    return [list(_steps(block.splitlines())) for block in _BLOCK.findall(text)]


def _steps(lines: list[str]) -> Iterator[Step]:
    starts = [at for at, line in enumerate(lines) if line.startswith("$ ")]
    assert starts[:1] == [0], "a console block begins with a command"
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        after = start + 1
        while lines[after - 1].endswith("\\") or "\n".join(lines[start:after]).count("'") % 2:
            after += 1
        command = "\n".join(lines[start:after])[2:]
        yield Step(command, tuple(lines[after:end]))


def play(blocks: list[list[Step]], folder: Path) -> Iterator[Transcript]:
    """Run the steps in order, in a folder of their own, ``make demo`` serving all the while.

    Codes and hashes of earlier output that a command names are those of this run.
    """
    (folder / ".venv").symlink_to(sys.prefix)
    known: dict[str, str] = {}
    steps = [step for block in blocks for step in block]
    first, *others = steps
    assert first.command == "make demo", "the session begins with the demonstration"
    with _demonstration(folder) as (port, lines):
        yield _learn(Transcript(first, lines), known)
        for step in others:
            command = _VARYING.sub(lambda found: known.get(found[0], found[0]), step.command)
            printed = "\n".join(_run(command.replace(f":{_PORT}", f":{port}"), folder))
            printed = printed.replace(f"127.0.0.1:{port}", f"127.0.0.1:{_PORT}")
            yield _learn(Transcript(step, tuple(printed.splitlines())), known)


@contextmanager
def _demonstration(folder: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The demonstration at a port that is free: that port, and what it printed until it serves."""
    # Tests that run in a shell's background ignore Ctrl-C, and so would what they start.
    process = subprocess.Popen(
        ["env", "--default-signal=INT", "evidence-node", "demo", "--port", "0"],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                break
        assert process.poll() is None, lines
        [port] = {
            found[1] for line in lines if (found := re.search(r"http://127\.0\.0\.1:(\d+)", line))
        }
        text = "\n".join(lines).replace(f"127.0.0.1:{port}", f"127.0.0.1:{_PORT}")
        yield int(port), tuple(text.splitlines())
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert (process.wait(60), rest.strip()) == (0, "stopping")
    finally:
        if process.poll() is None:
            process.terminate()  # it stops its node in turn
            process.wait(60)


def _run(command: str, folder: Path) -> tuple[str, ...]:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    errors = [line for line in done.stderr.splitlines() if not _PROGRESS.fullmatch(line)]
    return (*done.stdout.splitlines(), *errors)


def _environment() -> dict[str, str]:
    """As a shell has it in which the environment was activated."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return {"PATH": path, "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8"}


# -- comparing ------------------------------------------------------------------------------------


def _shape(line: str) -> str:
    return _VARYING.sub(lambda found: f"<{found.lastgroup}>", line.rstrip())


def _fits(wanted: str, line: str) -> bool:
    """Whether a line is one of the README, apart from what varies and from its gaps."""
    parts = (re.escape(part) for part in _shape(wanted).split(GAP))
    return re.fullmatch(".*".join(parts), _shape(line)) is not None


def _aligned(transcript: Transcript) -> Iterator[tuple[str, str | None]]:
    """Each line of the README with the line that was printed in its place, None if there is none.

    Ends at the first line without one.
    """
    printed = list(transcript.lines)
    gap = False
    for wanted in transcript.step.lines:
        if wanted.strip() == GAP:
            gap = True
            continue
        while gap and printed and not _fits(wanted, printed[0]):
            printed.pop(0)
        if not printed or not _fits(wanted, printed[0]):
            yield wanted, None
            return
        yield wanted, printed.pop(0)
        gap = False
    if printed and not gap:
        yield "", None


def _names(line: str) -> list[str]:
    """The codes and hashes of a line, up to its first gap."""
    return [found[0] for found in _VARYING.finditer(line.split(GAP)[0]) if found.lastgroup in _SAME]


def _learn(transcript: Transcript, known: dict[str, str]) -> Transcript:
    for wanted, line in _aligned(transcript):
        if line is not None:
            for ours, theirs in zip(_names(wanted), _names(line)):
                known.setdefault(ours, theirs)
    transcript.known = dict(known)
    return transcript


def mismatch(transcript: Transcript) -> str | None:
    """What the README says otherwise than the run, in words; None if all is as it says."""
    for wanted, line in _aligned(transcript):
        if line is None:
            printed = "\n".join(transcript.lines[:_TOLD])
            return f"$ {transcript.step.command}\nprints no\n{wanted}\nhere:\n{printed}"
        for ours, theirs in zip(_names(wanted), _names(line)):
            if transcript.known[ours] != theirs:
                return f"{ours} stood for {transcript.known[ours]} before, now for {theirs}: {line}"
    return None


def renewed(text: str, transcripts: list[Transcript]) -> str:
    """The document with the lines of this run in the place of those of an earlier one."""
    names: dict[str, str] = {}
    for transcript in transcripts:
        names |= transcript.known
    lines = iter(line for transcript in transcripts for line in (None, *_renewed_lines(transcript)))

    def block(found: re.Match[str]) -> str:
        out = []
        for step in _steps(found[1].splitlines()):
            assert next(lines) is None
            command = _VARYING.sub(lambda name: names.get(name[0], name[0]), step.command)
            out += [f"$ {command}", *(str(next(lines)) for _ in step.lines)]
        return "```console\n" + "\n".join(out) + "\n```"

    return _BLOCK.sub(block, text)


def _renewed_lines(transcript: Transcript) -> Iterator[str]:
    aligned = _aligned(transcript)
    for wanted in transcript.step.lines:
        if wanted.strip() == GAP:
            yield wanted
            continue
        _, line = next(aligned)
        assert line is not None, mismatch(transcript)
        yield _with_gaps(wanted, line)


def _with_gaps(wanted: str, line: str) -> str:
    """``line``, with the gaps that ``wanted`` has: at its end, or between two parts."""
    head, gap, tail = wanted.partition(GAP)
    if not gap:
        return line
    kept = line[: _length_of(head, line)]
    return f"{kept}{GAP}{_with_tail(tail, line)}"


def _length_of(head: str, line: str) -> int:
    """How far ``line`` is the same as ``head``, apart from what varies."""
    shape = _shape(head + "|")[:-1]
    return next(at for at in range(len(line) + 1) if _shape(line[:at] + "|")[:-1] == shape)


def _with_tail(tail: str, line: str) -> str:
    shape = _shape("|" + tail)[1:]
    if not shape:
        return ""
    return next(
        line[at:] for at in range(len(line), -1, -1) if _shape("|" + line[at:])[1:] == shape
    )
