"""What all tests share: the path to `builders`, Hypothesis' settings, and the vectors.

Test modules import what builds their material as ``from builders.chain import Chain``; there are no
``__init__.py`` files in ``tests``, so this file puts the folder in reach.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile(
    "suite", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


class _StandardError:
    """Whatever standard error is at the moment: a test may have its own."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


# As a node does. A thread of a node in this process would else write between a command's lines.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=_StandardError()))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of the committed test vectors; its README says how each was made."""
    return TESTS / "vectors"


@pytest.fixture(scope="session")
def cometbft_heights(vectors: Path) -> list[dict[str, Any]]:
    """Five heights of a CometBFT chain of four validators, as its RPC gave them."""
    return json.loads((vectors / "cometbft-0.38.25-heights-1-5.json").read_bytes())
