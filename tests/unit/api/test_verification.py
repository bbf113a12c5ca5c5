"""What a node says of bundles that were made before its chain began."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from builders.bundling import bundle_of
from builders.cases import SUB
from builders.chain import Chain

from node.api import verification
from node.api.problems import Problem
from node.api.verification import _Impatient, _verify_by_own
from node.core.encoding import canonical_json
from node.core.signatures import load_backend


class Held:
    """A reader of the ledger that two chains left."""

    def __init__(self, *chains: Chain) -> None:
        self._chains = chains

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def geneses(self) -> list[Any]:
        return [chain.genesis for chain in self._chains]

    def genesis_documents(self) -> dict[int, bytes]:
        return {chain.genesis.index: chain.genesis.document for chain in self._chains}

    def block(self, height: int) -> Any:
        return self._chains[-1].points.get(height)


@pytest.fixture
def old() -> Chain:
    """One operator; a record, and the empty block that ends it."""
    chain = Chain("solo-chain")
    for jwts in ([], [chain.jwt(jti="1")], [], []):
        chain.commit_block(*jwts)
    return chain


@pytest.fixture
def node(old: Chain) -> Any:
    new = Chain("four-chain", validators=4, after=copy.deepcopy(old))
    for _ in range(3):
        new.commit_block()
    return SimpleNamespace(genesis=new.genesis, reader=lambda: Held(old, new))


def accepted(node: Any, chain: Chain) -> bool:
    return _verify_by_own(node, canonical_json(bundle_of(chain, SUB)), load_backend()).accepted


def test_a_bundle_from_before_the_migration(node: Any, old: Chain) -> None:
    assert accepted(node, copy.deepcopy(old))


def test_the_old_operator_goes_on_with_the_chain_that_has_ended(node: Any, old: Chain) -> None:
    forked = copy.deepcopy(old)
    forked.commit_block(forked.jwt(jti="2"))
    forked.commit_block()
    forked.commit_block()
    assert not accepted(node, forked)


def test_the_old_operator_writes_its_past_anew(node: Any, old: Chain) -> None:
    forked = Chain("solo-chain")
    for jwts in ([], [forked.jwt(jti="another")], [], []):
        forked.commit_block(*jwts)
    assert forked.genesis.hash == old.genesis.hash
    assert not accepted(node, forked)


def test_the_old_operator_signs_another_state(node: Any) -> None:
    forked = Chain("solo-chain")
    forked.commit_block()
    forked.commit_block(forked.jwt(jti="1"))
    forked.put("seal/ES-1", {"status": "active"})
    forked.commit_block()
    forked.commit_block()
    assert not accepted(node, forked)


def test_a_check_that_takes_too_long_is_given_up(
    node: Any, old: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_MOST_SECONDS", -1.0)
    with pytest.raises(Problem, match="check it offline"):
        _verify_by_own(node, canonical_json(bundle_of(old, SUB)), _Impatient(load_backend()))
