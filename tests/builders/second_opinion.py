"""Both verifiers at once: the node's own, and the second one of ``tests/unit/second_verifier``."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.signatures import Backend
from node.core.verify import Report, verify_bundle

__all__ = [
    "EXAMPLES",
    "SECOND",
    "TESTS",
    "ZERO",
    "both",
    "both_of",
    "example",
    "load",
    "second",
    "told",
]

TESTS = Path(__file__).parents[1]
SECOND = TESTS / "unit" / "second_verifier" / "verifier.py"
EXAMPLES = TESTS.parent / "docs" / "spec" / "examples"
ZERO = "00" * 32


def load(path: Path) -> ModuleType:
    """A module of its own made from a file."""
    name = f"second_opinion_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


second = load(SECOND)


def both(bundle: bytes, trust: bytes, backend: Backend | None = None) -> Report:
    """The node's report, after the second verifier has come to the same verdicts.

    Raises:
        InvalidInput: both refuse the trust file.
    """
    try:
        report = verify_bundle(bundle, trust, backend)
    except InvalidInput:
        try:
            second.verify(bundle, trust)
        except second.Refused:
            pass
        else:
            raise AssertionError("only the node's verifier refuses this trust file") from None
        raise
    said = second.verify(bundle, trust)
    ours = {step.id: (step.status, step.text) for step in report.steps}
    assert list(said) == list(ours)
    differ = {name: (ours[name], said[name]) for name in ours if ours[name][0] != said[name][0]}
    assert not differ
    return report


def both_of(bundle: Any, trust: bytes, backend: Backend | None = None) -> Report:
    """`both`, of a bundle that is not encoded yet."""
    return both(canonical_json(bundle), trust, backend)


def told(bundle: bytes, trust: bytes) -> None:
    """`both`, where they may refuse the trust file too."""
    try:
        both(bundle, trust)
    except InvalidInput:
        pass


def example(name: str) -> Any:
    """An example file of the specification."""
    return json.loads((EXAMPLES / name).read_bytes())
