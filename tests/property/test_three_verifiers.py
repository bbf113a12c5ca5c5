"""Mutated bundles through all three verifiers: the node's core, the Python archive, JavaScript.

Each must end every step of every mutant alike, and none may accept one that says something else
than its base. CI runs a hundred thousand; elsewhere there are fewer, or ``MUTANTS`` of them.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
from builders.corpus import held
from builders.javascript import MODULES, node_command
from builders.mutants import Mutant, Remembering, check_meaning, mutants

from node.core.signatures import load_backend
from node.core.verify import verify_bundle
from node.verifiers.building import build_pyz

COUNT = int(os.environ.get("MUTANTS", "100000" if os.environ.get("CI") == "true" else "4000"))
SEED = int(os.environ.get("MUTANTS_SEED", "1"))
BASES = [
    one
    for one in held()
    if one.name
    in (
        "good-anchored",
        "good-changed-validators",
        "good-example-continued",
        "good-example-record",
        "good-one-operator",
    )
]
TEXTS = [one.bundle for one in BASES]
BUILDERS = Path(__file__).parents[1] / "builders"
_CHUNK = 500


class Judge:
    """A process that judges mutants line by line."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        pairs = [[base64.b64encode(part).decode() for part in (b.bundle, b.trust)] for b in BASES]
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(pairs) + "\n")

    def ask(self, chunk: Sequence[Mutant]) -> None:
        """Hand over a chunk, in a thread of its own: the process answers while it reads."""
        assert self._process.stdin is not None
        text = "".join(mutant.line() + "\n" for mutant in chunk)

        def write() -> None:
            assert self._process.stdin is not None
            self._process.stdin.write(text)
            self._process.stdin.flush()

        self._writer = threading.Thread(target=write)
        self._writer.start()

    def answers(self, count: int) -> Iterator[object]:
        assert self._process.stdout is not None
        for _ in range(count):
            line = self._process.stdout.readline()
            assert line, "the process has ended"
            yield json.loads(line)
        self._writer.join()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def judges(tmp_path: Path) -> Iterator[dict[str, Judge]]:
    archive = tmp_path / "evidence-verify.pyz"
    archive.write_bytes(build_pyz())
    script = str(BUILDERS / "mutants_runner.mjs")
    made = {
        "JavaScript": Judge([*node_command(), script, (MODULES / "verify.js").as_uri()]),
        "archive": Judge(
            [sys.executable, "-I", "-S", str(BUILDERS / "mutants_runner.py"), str(archive)]
        ),
    }
    yield made
    for judge in made.values():
        judge.stop()


@pytest.mark.slow
def test_every_mutant_ends_alike_and_none_is_accepted_with_another_meaning(
    judges: dict[str, Judge],
) -> None:
    backend = Remembering(load_backend("cryptography"))
    told: Counter[str] = Counter()
    source = mutants(TEXTS, COUNT, SEED)
    while chunk := list(islice(source, _CHUNK)):
        for judge in judges.values():
            judge.ask(chunk)
        others = {name: judge.answers(len(chunk)) for name, judge in judges.items()}
        for mutant in chunk:
            base, text = BASES[mutant.base], mutant.text(TEXTS)
            report = verify_bundle(text, base.trust, backend)
            mine = [[step.label, step.status] for step in report.steps]
            for name, answers in others.items():
                assert next(answers) == mine, f"{name}, {base.name}: {mutant.edits}"
            told["accepted" if report.accepted else "refused"] += 1
            if report.accepted:
                check_meaning(base, text, report)
        for answers in others.values():
            assert next(answers, None) is None
    assert told.total() == COUNT
    assert told["refused"] > 0.9 * COUNT
