from __future__ import annotations

from collections.abc import Iterator

import pytest
from builders.anchor_contract import AnchorContract, Chain


@pytest.fixture(scope="module")
def module_chain() -> Chain:
    return Chain()


@pytest.fixture
def chain(module_chain: Chain) -> Iterator[Chain]:
    """A chain that is put back after the test."""
    before = module_chain.tester.take_snapshot()
    yield module_chain
    module_chain.tester.revert_to_snapshot(before)


@pytest.fixture
def four(chain: Chain) -> AnchorContract:
    """A contract of four members, three of whom must agree."""
    return chain.deploy(chain.accounts[:4], 3)
