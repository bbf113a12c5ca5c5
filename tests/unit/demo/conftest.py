"""One contract, sealed by both parties: made once, since every test only reads it."""

from __future__ import annotations

from datetime import datetime

import pytest
from builders.sealed_contract import NOW, SealedContract, sealed_contract

from node.demo.documents import ContractFacts
from node.evidence.imprints.imprint import Imprint


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def contract() -> SealedContract:
    return sealed_contract()


@pytest.fixture(scope="session")
def facts(contract: SealedContract) -> ContractFacts:
    return contract.facts


@pytest.fixture(scope="session")
def imprint(contract: SealedContract) -> Imprint:
    return contract.imprints[0]
