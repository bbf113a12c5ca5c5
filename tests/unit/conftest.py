"""What unit tests share."""

from __future__ import annotations

import pytest

from node.core.signatures import Backend, load_backend


@pytest.fixture(params=["cryptography", "ecdsa"], scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each implementation of the signature checks in turn."""
    return load_backend(request.param)
