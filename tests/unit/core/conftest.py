"""A whole chain and a whole bundle of it, for the tests of the verifier."""

from __future__ import annotations

import pytest
from builders.cases import Bundle, grown
from builders.chain import Chain
from builders.forgeries import genuine


@pytest.fixture(scope="package")
def chain() -> Chain:
    """Seven blocks of four validators, with two dossiers. Not to be changed."""
    return grown()


@pytest.fixture
def bundle(chain: Chain) -> Bundle:
    """A whole bundle with all that one can hold but anchors; each test has its own."""
    return genuine(chain)
