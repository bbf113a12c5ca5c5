"""What the comparison of the verifier in JavaScript shares with the tests of the node's own."""

from __future__ import annotations

import pytest
from builders.bundling import bundle_of
from builders.cases import LATER, PRIVATE, SUB, Bundle, grown
from builders.chain import Chain


@pytest.fixture(scope="package")
def chain() -> Chain:
    """Seven blocks of four validators, with two dossiers. Not to be changed."""
    return grown()


@pytest.fixture
def bundle(chain: Chain) -> Bundle:
    """A whole bundle with all that one can hold but anchors; each test has its own."""
    return bundle_of(
        chain,
        SUB,
        disclosures=[*PRIVATE, *LATER],
        extra_keys=["seal/none", "dossier/case:platform-a:9"],
        consistency_from=[2, 4],
    )
