"""Two verifiers at once: the node's own, and the one in JavaScript."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from builders.javascript import JAVASCRIPT, JavaScriptError
from builders.told_failures import told_otherwise

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.signatures import Backend
from node.core.verify import Report, verify_bundle

__all__ = ["alike", "alike_each", "alike_of", "alike_or_refused", "verdicts"]

Verdicts = list[tuple[str, str, str]]
"""Label, id and status of each step; of a trust file that is refused, nothing."""


def verdicts(told: Report | dict[str, Any]) -> Verdicts:
    """How each step of a report, of either verifier, ended."""
    if isinstance(told, Report):
        return [(step.label, step.id, step.status) for step in told.steps]
    return [(step["label"], step["id"], step["status"]) for step in told["steps"]]


def alike(bundle: bytes, trust: bytes, backend: Backend | None = None) -> Report:
    """The node's report, after the verifier in JavaScript has come to the same verdicts.

    Raises:
        InvalidInput: both refuse the trust file.
    """
    return _compared(bundle, trust, _said([(bundle, trust)])[0], backend)


def alike_of(bundle: Any, trust: bytes, backend: Backend | None = None) -> Report:
    """`alike`, of a bundle that is not encoded yet."""
    return alike(canonical_json(bundle), trust, backend)


def alike_or_refused(bundle: bytes, trust: bytes) -> None:
    """`alike`, where they may refuse the trust file too."""
    alike_each([(bundle, trust)])


def alike_each(pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """`alike_or_refused` of many bundles with their trust files, in one batch."""
    listed = list(pairs)
    for (bundle, trust), said in zip(listed, _said(listed)):
        try:
            _compared(bundle, trust, said, None)
        except InvalidInput:
            continue


def _said(pairs: list[tuple[bytes, bytes]]) -> list[Any]:
    return JAVASCRIPT.call_each(
        ("verify.js", "verifyBundle", [bundle, trust]) for bundle, trust in pairs
    )


def _compared(bundle: bytes, trust: bytes, said: Any, backend: Backend | None) -> Report:
    try:
        report = verify_bundle(bundle, trust, backend)
    except InvalidInput:
        assert isinstance(said, JavaScriptError), "only the node's verifier refuses this trust file"
        assert said.name == "InvalidInput", said
        raise
    assert not isinstance(said, JavaScriptError), said
    differ = [
        (ours, theirs, step.text, other["text"])
        for ours, theirs, step, other in zip(
            verdicts(report), verdicts(said), report.steps, said["steps"]
        )
        if ours != theirs
    ]
    assert not differ
    assert told_otherwise(report.steps, said["steps"]) == []
    assert len(said["steps"]) == len(report.steps)
    assert said["accepted"] == report.accepted
    assert said["trustFingerprint"] == report.trust_fingerprint
    assert all(step["text"] and step["textZh"] and step["titleZh"] for step in said["steps"])
    return report
