"""What the tests of the rules share."""

from __future__ import annotations

import pytest
from builders.world import World


@pytest.fixture
def world() -> World:
    """A consortium's state at height 10, without any dossier."""
    return World()
