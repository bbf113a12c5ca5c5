"""Whatever the tests here show to a verifier of receipts, the second verifier sees too."""

from __future__ import annotations

import pytest
from builders.anchor_vectors import with_second_opinion

KINDS = ("evm", "fabric", "rekor", "rest", "rfc3161")


@pytest.fixture(autouse=True)
def _second_opinions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS:
        verify = getattr(request.module, f"verify_{kind}", None)
        if verify is not None:
            told = with_second_opinion(kind, verify)
            monkeypatch.setattr(request.module, f"verify_{kind}", told)
