"""The check of a node's anchors on outside chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.cli.checkup import FAILED, NOT_CHECKED, OK, WARNING, Finding
from node.cli.patient import Patient

__all__ = ["check_anchors", "judge_adapter"]

_LONG_SECONDS = 6 * 3600
_SEE = "`evidence-node anchor status` says more, docs/anchors/README.md what to do"


def check_anchors(patient: Patient) -> list[Finding]:
    """No outside chain contradicts the ledger, and all of them get its points."""
    status, configured = patient.status, patient.config.anchors.to
    if status is None or "anchors" not in status:
        kept = [] if patient.view is None else patient.view.stored_alarms()
        if kept:
            return [_contradicted(text) for text in kept]
        if not configured:
            return [Finding(OK, "no outside chain is configured")]
        return [Finding(NOT_CHECKED, "no conflict is kept; else only a running node can be asked")]
    found = [_contradicted(text) for text in status["alarms"]]
    found += [judge_adapter(name, told) for name, told in status["anchors"].items()]
    if not configured and not found:
        return [Finding(OK, "no outside chain is configured")]
    if configured and not patient.config.operator.member:
        text = "without an operator's key confirmed anchors are not put on the ledger"
        found.append(Finding(WARNING, text, "set operator.member and operator.key in node.toml"))
    return found


def _contradicted(text: str) -> Finding:
    return Finding(FAILED, f"an outside chain contradicts this ledger: {text}", _SEE)


def judge_adapter(name: str, told: Mapping[str, Any]) -> Finding:
    """How one adapter stands."""
    state, lag = told["state"], told["lag_points"]
    text = f"{name}: {state}, final up to size {told['newest_size']}, {lag} points behind"
    if state in ("conflict", "stopped"):
        return Finding(FAILED, text, _SEE)
    if told["parked"]:
        return Finding(WARNING, f"{text}, {told['parked']} parked", _SEE)
    if told["lag_seconds"] > _LONG_SECONDS:
        late = f"{text}, the oldest for {told['lag_seconds'] // 3600} hours"
        return Finding(WARNING, late, "see what it waits for: the other side may never answer")
    if state == "unreachable":
        return Finding(WARNING, text, "look whether the other side is up; it is tried again")
    return Finding(OK, text)
