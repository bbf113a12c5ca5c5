"""A dossier of ten records, checked by the three verifiers.

The core against the cost of the signature checks that it asks for; the Python file with its start;
the HTML file in headless Chromium, from the press of the button to the drawn report.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from builders.browser import chromium
from builders.bundling import bundle_of, trust_of
from builders.cases import SUB
from builders.chain import Chain
from harness import Figure, figure_of

from node.core.encoding import canonical_json
from node.core.signatures import Backend, load_backend
from node.core.verify import verify_bundle
from node.verifiers.building import build_html, build_pyz

_RECORDS = 10
_MOST_TIMES_SIGNATURES = 3.0
_MOST_IN_BROWSER, _MOST_IN_PYTHON = 300.0, 1000.0
_PRESS = """async () => {
  const result = document.getElementById("result");
  const begun = performance.now();
  document.querySelector("button[type=submit]").click();
  while (document.getElementById("verdict") === null) {
    await new Promise((resolve) => {
      const observer = new MutationObserver(() => { observer.disconnect(); resolve(); });
      observer.observe(result, { childList: true });
    });
  }
  return performance.now() - begun;
}"""


def verifiers(rounds: int) -> list[Figure]:
    """``verify.core`` for one validator and for four, ``verify.pyz`` and ``verify.html``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "evidence-verify.html").write_bytes(build_html())
        (folder / "evidence-verify.pyz").write_bytes(build_pyz())
        figures = [_core(*_evidence(validators), validators, rounds) for validators in (1, 4)]
        bundle, trust = _evidence(4)
        (folder / "bundle.json").write_bytes(bundle)
        (folder / "trust.json").write_bytes(trust)
        return [*figures, _archive(folder, rounds), _browser(folder, rounds)]


def _evidence(validators: int) -> tuple[bytes, bytes]:
    """Bundle and trust file of a dossier with a record in each of ten blocks."""
    chain = Chain(validators=validators)
    chain.commit_block(chain.jwt())
    for number in range(1, _RECORDS):
        chain.commit_block(chain.jwt(jti=f"event-{number}", type="signing.started"))
    chain.commit_block()
    chain.commit_block()
    return canonical_json(bundle_of(chain, SUB)), trust_of(chain)


class _Listening:
    """A backend that remembers what it was asked."""

    def __init__(self, backend: Backend) -> None:
        self.name = backend.name
        self.asked: list[Callable[[], None]] = []
        self._backend = backend

    def __getattr__(self, name: str) -> Callable[..., None]:
        check = getattr(self._backend, name)

        def listen(*arguments: Any) -> None:
            self.asked.append(lambda: check(*arguments))
            check(*arguments)

        return listen


def _core(bundle: bytes, trust: bytes, validators: int, rounds: int) -> Figure:
    backend = load_backend("cryptography")
    listening = _Listening(backend)
    assert verify_bundle(bundle, trust, listening).accepted
    pairs = []
    for _ in range(rounds * 10):
        whole = _milliseconds(lambda: verify_bundle(bundle, trust, backend))
        alone = _milliseconds(lambda: [check() for check in listening.asked])
        pairs.append([whole, alone])
    note = f"{len(listening.asked)} signatures; wanted: at most {_MOST_TIMES_SIGNATURES:.0f} times"
    name = f"verify.core.{validators}"
    return figure_of(name, "ms of CPU", "its signature checks alone", pairs, note)


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def _archive(folder: Path, rounds: int) -> Figure:
    command = [sys.executable, "-I", "-S", "evidence-verify.pyz", "bundle.json"]
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(
            [*command, "--trust", "trust.json"], cwd=folder, check=True, capture_output=True
        )
        took.append((time.perf_counter() - started) * 1000)
    return _limited("verify.pyz", took, _MOST_IN_PYTHON, "with the start of Python, pure Python")


def _browser(folder: Path, rounds: int) -> Figure:
    took = []
    with chromium() as browser:
        for _ in range(rounds):
            page = browser.new_page()
            page.goto((folder / "evidence-verify.html").as_uri())
            for name in ("bundle", "trust"):
                field = "evidence" if name == "bundle" else name
                page.set_input_files(f"#{field}", folder / f"{name}.json")
                page.wait_for_selector(f"#{field}-chosen")
            took.append(float(page.evaluate(_PRESS)))
            page.close()
    return _limited("verify.html", took, _MOST_IN_BROWSER, "each in a new tab")


def _limited(name: str, took: list[float], most: float, note: str) -> Figure:
    median = statistics.median(took)
    return Figure(
        name,
        median,
        "ms",
        f"{most:.0f} ms",
        most,
        median / most,
        [[one, most] for one in took],
        note,
    )
