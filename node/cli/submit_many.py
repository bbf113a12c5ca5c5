"""Submitting many records: signed where they are not yet, saved, sent in groups, each answered."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from node.cli.events import Signer
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import STANDARD, sync_names
from node.cli.output import printable, say, write_json
from node.cli.progress import shown_progress
from node.cli.remote import asking
from node.client.errors import NodeBusy, NodeError
from node.client.http import NodeClient
from node.core.encoding import decode_json
from node.core.errors import InvalidInput

__all__ = ["submit_lines"]

_GROUP = 256
_MAX_LINE_BYTES = 2 << 20
_SHOWN_FAILURES = 20


@dataclass(frozen=True)
class _Line:
    """One line of input: what is to be sent, or why nothing can be."""

    number: int
    signed: bytes = b""
    flaw: InvalidInput | None = None


def submit_lines(args: argparse.Namespace, signer: Signer | None) -> int:
    """Submit every line of ``args.ndjson``; tell each answer, or how many there were of each kind.

    Raises:
        CommandFailure: the node does not answer; the lines before have been answered.
    """
    if signer is not None and args.out is None:
        raise CommandFailure(
            ExitCode.USAGE, "--out: missing", "what is signed here is saved there before it is sent"
        )
    tally = _Tally(as_json=args.json)
    with ExitStack() as stack:
        lines = _read_lines(_opened(args.ndjson, stack), signer)
        saved = None if signer is None else _created(args.out, stack)
        node = None if args.no_send else stack.enter_context(asking(args, signs=False))
        report = stack.enter_context(shown_progress())
        while group := list(islice(lines, _GROUP)):
            if saved is not None:
                _save(saved, group)
            for line, answer in zip(group, _answers(args, node, group, tally)):
                tally.add(line, answer)
            report("records", tally.total, 0)
    return tally.finish()


def _opened(path: str, stack: ExitStack) -> BinaryIO:
    if path == STANDARD:
        return sys.stdin.buffer
    return stack.enter_context(open(path, "rb"))


def _created(path: str, stack: ExitStack) -> BinaryIO:
    """A new file for its owner alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{path}: is there already and is not overwritten",
            f"if it holds what was signed before: submit it again with --ndjson {path}",
        ) from error
    sync_names(Path(path).parent)
    return stack.enter_context(os.fdopen(descriptor, "wb"))


def _read_lines(source: BinaryIO, signer: Signer | None) -> Iterator[_Line]:
    """Every line that is not empty. One that is no record spoils only itself."""
    number = 0
    while raw := source.readline(_MAX_LINE_BYTES):
        number += 1
        place = f"line {number}"
        if len(raw) == _MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while (rest := source.readline(_MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield _Line(
                number, flaw=InvalidInput(place, f"at most {_MAX_LINE_BYTES} bytes are read")
            )
        elif raw.strip():
            try:
                yield _Line(number, _record_of(raw, place, signer))
            except InvalidInput as error:
                yield _Line(number, flaw=error)


def _record_of(raw: bytes, place: str, signer: Signer | None) -> bytes:
    """The signed record that a line holds, or that its event becomes."""
    value = decode_json(raw, place=place, max_bytes=_MAX_LINE_BYTES)
    if isinstance(value, dict) and set(value) == {"submission"}:
        value = value["submission"]
    if isinstance(value, str):
        try:
            return value.encode("ascii")
        except UnicodeEncodeError as error:
            raise InvalidInput(place, "a signed record has ASCII characters only") from error
    if not isinstance(value, dict):
        raise InvalidInput(place, "must be a signed record or an event")
    if signer is None:
        raise InvalidInput(place, "is an event, and --key and --member to sign it are not given")
    return signer.sign(value, place, time.time_ns() // 1_000_000).encode()


def _save(saved: BinaryIO, group: list[_Line]) -> None:
    """Put signed records on disk before they are sent."""
    for line in group:
        if line.flaw is None:
            text = json.dumps({"submission": line.signed.decode("ascii")})
            saved.write(text.encode("ascii") + b"\n")
    saved.flush()
    os.fsync(saved.fileno())


def _answers(
    args: argparse.Namespace, node: NodeClient | None, group: list[_Line], tally: _Tally
) -> Iterator[dict[str, Any]]:
    """An answer for each line, in order."""
    ready = [line.signed for line in group if line.flaw is None]
    given: Iterator[dict[str, Any]] = iter([{"status": "signed", "status_code": 200}] * len(ready))
    if node is not None and ready:
        given = node.submit_many(ready, wait=args.wait, timeout=args.timeout)
    for line in group:
        if line.flaw is not None:
            flaw = line.flaw
            yield {
                "detail": str(flaw),
                "place": flaw.place,
                "rule": flaw.rule,
                "status_code": 400,
            }
            continue
        try:
            yield next(given)
        except NodeError as error:
            again = args.ndjson if args.out is None else args.out
            raise CommandFailure(
                ExitCode.TRY_AGAIN if isinstance(error, NodeBusy) else ExitCode.UNREACHABLE,
                f"{tally.total} lines were answered, then: {error}",
                f"submit {again} again with --ndjson: what is recorded gets the same receipt",
                answered=tally.total,
            ) from error


class _Tally:
    """What became of the lines."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []

    @property
    def total(self) -> int:
        """How many lines have been answered."""
        return sum(self._counts.values())

    def add(self, line: _Line, answer: dict[str, Any]) -> None:
        """Take down an answer; in JSON, tell it at once."""
        status = int(answer["status_code"])
        kinds = {400: "malformed", 409: "conflict", 422: "refused", 503: "busy"}
        kind = answer["status"] if status < 300 else kinds.get(status, "failed")
        self._counts[kind] += 1
        if self._as_json:
            write_json({**answer, "line": line.number})
        elif status >= 300 and len(self._failures) < _SHOWN_FAILURES:
            reason = answer.get("detail") or answer.get("title") or "no reason given"
            self._failures.append(f"line {line.number}: {kind}: {printable(str(reason))}")

    def finish(self) -> int:
        """Tell the counts; the exit code that they mean."""
        good = {"recorded", "pending", "signed"}
        bad = {kind for kind in self._counts if kind not in good}
        if not self._as_json:
            for text in self._failures:
                say("{}", text)
            counts = ", ".join(f"{count} {kind}" for kind, count in self._counts.most_common())
            say("{} lines: {}", self.total, counts or "none")
        if bad == {"busy"}:
            return ExitCode.TRY_AGAIN
        return ExitCode.REFUSED if bad else ExitCode.OK
