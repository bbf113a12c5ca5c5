"""Reading the verifier's reports in tests."""

from __future__ import annotations

from builders.cases import Bundle

from node.core.encoding import canonical_json
from node.core.signatures import Backend
from node.core.verify import FAILED, Report, verify_bundle


def verify(bundle: Bundle, trust: bytes, backend: Backend | None = None) -> Report:
    return verify_bundle(canonical_json(bundle), trust, backend)


def with_status(report: Report, status: str) -> list[str]:
    return [step.id for step in report.steps if step.status == status]


def text_of(report: Report, step_id: str) -> str:
    return next(step.text for step in report.steps if step.id == step_id)


def refused_by(report: Report, *step_ids: str) -> str:
    """Exactly these steps must have failed; what the first of them says."""
    assert with_status(report, FAILED) == list(step_ids)
    assert not report.accepted
    return text_of(report, step_ids[0])
