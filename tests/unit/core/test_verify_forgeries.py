"""Forged bundles of a genuine chain, each with the steps that must refuse it."""

from __future__ import annotations

import copy

import pytest
from builders.bundling import bundle_of, consistency_json, trust_of
from builders.cases import SUB, Bundle, changed_validators
from builders.chain import Chain
from builders.forgeries import FORGERIES
from builders.reports import refused_by, verify
from builders.signing import BlockSigner, validator_set

from node.core import signatures
from node.core.bundle import commit_json, validator_set_json


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_is_refused(chain: Chain, bundle: Bundle, name: str) -> None:
    forge, steps, says = FORGERIES[name]
    trust = forge(chain, bundle)
    report = verify(bundle, trust_of(chain, 4) if trust is None else trust)
    assert says in refused_by(report, *steps)


def test_a_change_of_validators_cannot_be_left_out() -> None:
    chain = changed_validators()
    bundle = bundle_of(chain, SUB)
    changes = [
        header["height"]
        for header in bundle["chain"]["headers"]
        if header["validators_hash"] != header["next_validators_hash"]
    ]
    assert len(changes) == 2
    for height in changes:
        cut = copy.deepcopy(bundle)
        for part in ("commits", "headers"):
            cut["chain"][part] = [x for x in cut["chain"][part] if x["height"] != height]
        assert "a change of validators is not shown" in refused_by(
            verify(cut, trust_of(chain)), "chain.commits"
        )


def test_retired_validators_cannot_sign_for_the_new_ones() -> None:
    chain = changed_validators()
    bundle = bundle_of(chain, SUB)
    header = chain.headers[chain.height]
    old = chain.sign_commit(header, chain.commits[chain.height].block_id, chain.sets[1])
    bundle["chain"]["commits"][-1] = commit_json(old)
    assert "is not of the validator in this place" in refused_by(
        verify(bundle, trust_of(chain)), "chain.commits"
    )


def test_keys_that_nothing_proved_asks_for_cost_nothing(
    chain: Chain, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a point is a key takes a millisecond, and anybody can write down thousands."""
    looked_at = []
    monkeypatch.setattr(
        signatures, "_has_prime_order", lambda *point: looked_at.append(point) or True
    )
    for number in range(20):
        spare = [BlockSigner(f"spare-{number}-{one}") for one in range(20)]
        bundle["chain"]["validator_sets"].append(validator_set_json(validator_set(spare)))
    report = verify(bundle, trust_of(chain))
    assert "holds a set that no commit uses" in refused_by(report, "chain.commits")
    assert len(looked_at) <= len(chain.signers)


def test_a_continuation_that_anybody_can_make_up_is_no_fork(chain: Chain) -> None:
    """Leaves appended to the honest log of an older bundle, up to the checkpoint's size."""
    made_up = Chain(validators=4)
    made_up._hashes, made_up.points = dict(chain._hashes), {4: chain.points[4]}
    made_up.size, made_up.height = chain.points[4].size, 4
    made_up._append(b"in nobody's name")
    made_up._mark(6)
    other, genuine = consistency_json(made_up, 4, 6), consistency_json(chain, 4, 6)
    assert other["second"] == genuine["second"]
    assert other["second_root"] != genuine["second_root"]
    bundle, trust = bundle_of(chain, SUB, as_of=4), trust_of(chain, known_at=6)
    bundle["consistency"] = [other]
    says = refused_by(verify(bundle, trust), "log.checkpoint")
    assert "does not lead to the known size 5" in says
    assert "forked" not in says
    for both_ends in ([other, genuine], [genuine, other]):
        bundle["consistency"] = both_ends
        assert verify(bundle, trust).accepted
    bundle["consistency"] = [other]
    assert verify(bundle, trust_of(chain)).accepted
