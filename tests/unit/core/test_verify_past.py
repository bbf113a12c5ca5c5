"""Bundles of a chain that continues another: genuine ones, and forgeries across the seam.

Each is held against both verifiers.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from builders.bundling import bundle_of, chain_part, trust_of
from builders.cases import SUB, Bundle, changed_validators
from builders.chain import Chain, predecessor_json
from builders.reports import refused_by, text_of
from builders.second_opinion import both, both_of

from node.core.encoding import canonical_json
from node.core.errors import InvalidEncoding

NEW_SUB = "case:platform-a:new"


def old_chain(chain_id: str = "solo-chain", **changes: Any) -> Chain:
    """One operator; two records of one dossier; then the empty block that ends it."""
    chain = Chain(chain_id, **changes)
    chain.commit_block(chain.jwt(jti="1"))
    chain.commit_block()
    chain.commit_block(chain.jwt(jti="2"))
    chain.commit_block()
    return chain


def continued(before: Chain, chain_id: str = "four-chain", **changes: Any) -> Chain:
    """Four operators; the old dossier goes on, a new one begins."""
    chain = Chain(chain_id, validators=4, after=before, **changes)
    chain.commit_block(chain.jwt(jti="3"))
    chain.commit_block(chain.jwt(jti="4", sub=NEW_SUB))
    chain.commit_block()
    chain.commit_block()
    return chain


@cache
def genuine() -> Chain:
    return continued(old_chain())


@cache
def twice() -> Chain:
    return continued(continued(old_chain()), "fifth-chain")


@pytest.mark.parametrize("sub", [SUB, NEW_SUB])
def test_a_bundle_spans_both_chains(sub: str) -> None:
    chain = genuine()
    report = both_of(bundle_of(chain, sub), trust_of(chain))
    assert report.accepted, report
    assert "that of four-chain is entry 3, and continues it" in text_of(report, "log.genesis")


def test_operators_are_told_of_each_stretch() -> None:
    chain = genuine()
    report = both_of(bundle_of(chain, SUB), trust_of(chain))
    step = next(step for step in report.steps if step.id == "operators")
    assert step.status == "passed"
    assert step.text.startswith("4 operators: operator-0, ")
    (past,) = step.details
    assert "up to height 4 the chain solo-chain, one operator (operator-0)" in past
    assert (
        "its log of 3 entries is fixed by the genesis of four-chain, which says that it is" in past
    )


def test_chains_may_follow_one_another() -> None:
    chain = twice()
    bundle = bundle_of(chain, SUB)
    assert len(bundle["predecessors"]) == 2
    assert len(bundle["entries"]) == 4
    report = both_of(bundle, trust_of(chain))
    assert report.accepted, report


def test_old_bundles_go_on_verifying_with_the_old_trust_file() -> None:
    old = genuine().after
    assert old is not None
    assert both_of(bundle_of(old, SUB), trust_of(old)).accepted


def test_the_old_trust_file_and_a_new_bundle_say_what_to_do() -> None:
    chain = genuine()
    assert chain.after is not None
    says = refused_by(both_of(bundle_of(chain, SUB), trust_of(chain.after)), "chain.identity")
    assert "which is of solo-chain: this chain says that it continues that one" in says
    assert "Get the new chain's trust file" in says


def test_a_checkpoint_of_the_old_log_goes_on_holding() -> None:
    chain = genuine()
    bundle = bundle_of(chain, SUB, consistency_from=[2])
    report = both_of(bundle, trust_of(chain, known_at=2))
    assert report.accepted, report
    assert "continues the log known at size 2" in text_of(report, "log.checkpoint")


def test_a_key_that_was_not_carried_over_is_good_for_what_it_signed() -> None:
    before = old_chain(members=(("court-a", ("court",)), ("platform-a", ("platform",))))
    chain = Chain("four-chain", validators=4, after=before, members=(("court-a", ("court",)),))
    chain.commit_block()
    chain.commit_block()
    report = both_of(bundle_of(chain, SUB), trust_of(chain))
    assert report.accepted, report


def test_the_log_of_another_past_does_not_pass() -> None:
    """The old operator signs another past after the migration, with the same genesis and key: the
    new genesis fixes the old log."""
    chain, other = genuine(), Chain("solo-chain")
    other.commit_block(other.jwt(jti="9"))
    other.commit_block()
    other.commit_block(other.jwt(jti="8"))
    other.commit_block()
    bundle = bundle_of(chain, SUB)
    wrong = chain_part(other, [1, 3], 3, chain, chain.points[chain.height - 1].size)
    bundle["predecessors"] = [wrong]
    says = refused_by(both_of(bundle, trust_of(chain)), "chain.commits")
    assert "header 4: is not the last one of solo-chain, which four-chain names" in says


Forge = Callable[[Chain, Bundle], None]
FORGERIES: dict[str, tuple[Forge, tuple[str, ...], str]] = {}


def forgery(*steps: str, says: str) -> Callable[[Forge], Forge]:
    def keep(forge: Forge) -> Forge:
        FORGERIES[forge.__name__] = forge, steps, says
        return forge

    return keep


def before(chain: Chain) -> Chain:
    assert chain.after is not None
    return chain.after


@forgery(
    "chain.identity", "entries.form", says="solo-chain, which four-chain continues, is not shown"
)
def past_withheld(chain: Chain, bundle: Bundle) -> None:
    bundle["predecessors"] = []


@forgery("chain.identity", says="is named by no genesis")
def one_past_too_many(chain: Chain, bundle: Bundle) -> None:
    bundle["predecessors"] *= 2


@forgery("chain.identity", says="is not solo-chain, which the next genesis names")
def another_chain_as_the_past(chain: Chain, bundle: Bundle) -> None:
    other = old_chain("other-chain")
    size = chain.points[chain.height - 1].size
    bundle["predecessors"] = [chain_part(other, [1, 3], 3, chain, size)]


@forgery("chain.identity", says="its hash is not the one in the trust file")
def order_of_the_chains_swapped(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"], bundle["predecessors"] = bundle["predecessors"][0], [bundle["chain"]]
    bundle["as_of"] = bundle["chain"]["roots"][-1]["height"]


@forgery("chain.commits", says="header 3: is not the last one of solo-chain")
def last_old_block_withheld(chain: Chain, bundle: Bundle) -> None:
    old = bundle["predecessors"][0]
    bundle["predecessors"][0] = {
        **chain_part(before(chain), [1], 2, chain, bundle["chain"]["roots"][-1]["size"]),
        "genesis": old["genesis"],
    }


@forgery("chain.commits", says="header 5: is not the last one of solo-chain")
def old_chain_that_went_on(chain: Chain, bundle: Bundle) -> None:
    old = copy.deepcopy(before(chain))
    old.commit_block()
    size = bundle["chain"]["roots"][-1]["size"]
    bundle["predecessors"][0] = chain_part(old, [1, 3], 4, chain, size)


@forgery("chain.commits", says="header 4: the last one of solo-chain has no commit")
def last_old_header_without_its_commit(chain: Chain, bundle: Bundle) -> None:
    bundle["predecessors"][0]["commits"].pop()


@forgery("chain.commits", says="header 2: its validator set is not in the bundle")
def old_blocks_under_the_new_validators(chain: Chain, bundle: Bundle) -> None:
    bundle["predecessors"][0]["validator_sets"] = bundle["chain"]["validator_sets"]


@forgery("chain.commits", says="is of another chain")
def old_header_shown_as_a_new_one(chain: Chain, bundle: Bundle) -> None:
    old = bundle["predecessors"][0]
    bundle["chain"]["headers"].insert(0, old["headers"][-1])
    bundle["chain"]["commits"].insert(0, old["commits"][-1])


@forgery("chain.headers", says="header 2: neither a commit nor the next header vouches for it")
def later_time_for_an_old_record(chain: Chain, bundle: Bundle) -> None:
    """A header that nobody signed, of a height at which the other chain has a commit."""
    old = bundle["predecessors"][0]["headers"]
    made_up = copy.deepcopy(next(header for header in old if header["height"] == 2))
    made_up["time"] = {**old[-1]["time"], "nanos": 999_999_999}
    bundle["chain"]["headers"].insert(0, made_up)


@forgery("chain.headers", says="the last ones of solo-chain must be of the block before")
def last_old_roots_withheld(chain: Chain, bundle: Bundle) -> None:
    bundle["predecessors"][0]["roots"].pop()


@forgery("log.genesis", says="bundle.predecessors[0].genesis")
def path_of_the_old_genesis_altered(chain: Chain, bundle: Bundle) -> None:
    bundle["predecessors"][0]["genesis_path"][0] = "00" * 32


@forgery("log.genesis", says="nothing leads from the log of solo-chain, size 3, to this one")
def continuation_withheld(chain: Chain, bundle: Bundle) -> None:
    bundle["consistency"] = []


@forgery("log.genesis", "log.checkpoint", says="bundle.consistency[0]")
def continuation_altered(chain: Chain, bundle: Bundle) -> None:
    bundle["consistency"][0]["proof"][0] = "00" * 32


@forgery("entries.inclusion", says="the roots after its block are not in the bundle")
def roots_of_an_old_record_withheld(chain: Chain, bundle: Bundle) -> None:
    old = bundle["predecessors"][0]
    for name, height in (("roots", 1), ("commits", 2), ("headers", 1), ("headers", 2)):
        old[name] = [item for item in old[name] if item["height"] != height]


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_across_the_seam_is_refused(name: str) -> None:
    forge, steps, says = FORGERIES[name]
    chain = genuine()
    bundle = copy.deepcopy(bundle_of(chain, SUB))
    forge(chain, bundle)
    assert says in refused_by(both_of(bundle, trust_of(chain)), *steps)


# -- lies that the new validators sign -------------------------------------------------------------


def lying(**changes: Any) -> Chain:
    """A chain whose founders name something else of the past than it was."""
    old = old_chain()
    named = {**predecessor_json(old), **changes.pop("predecessor", {})}
    return continued(old, genesis_changes={"predecessor": named, **changes})


def test_founders_who_name_another_header() -> None:
    chain = lying(predecessor={"header": "11" * 32})
    says = refused_by(both_of(bundle_of(chain, SUB), trust_of(chain)), "chain.commits")
    assert "header 4: is not the last one of solo-chain, which four-chain names" in says


@pytest.mark.parametrize("name", ["root", "state_root"])
def test_founders_who_name_other_roots(name: str) -> None:
    chain = lying(predecessor={name: "11" * 32})
    says = refused_by(both_of(bundle_of(chain, SUB), trust_of(chain)), "chain.headers")
    assert "roots 3: are not those that the next genesis names" in says


def test_founders_who_begin_at_another_height() -> None:
    chain = lying(initial_height=5)
    says = refused_by(both_of(bundle_of(chain, SUB), trust_of(chain)), "chain.commits")
    assert "genesis four-chain: must begin at height 6, behind header 4" in says


def test_a_genesis_that_names_itself_is_none() -> None:
    chain = genuine()
    with pytest.raises(InvalidEncoding, match="an id is never used again"):
        Chain("solo-chain", after=before(chain))


def test_a_record_signed_for_the_new_chain_at_a_height_of_the_old_one() -> None:
    old = Chain("solo-chain")
    old.commit_block(old.jwt(jti="1", cid="four-chain"))
    old.commit_block()
    chain = continued(old)
    says = refused_by(both_of(bundle_of(chain, SUB), trust_of(chain)), "entries.inclusion")
    assert "entries[0].entry.tx.payload.cid: is another chain than its height's" in says


def test_a_record_signed_for_the_old_chain_at_a_height_of_the_new_one() -> None:
    chain = Chain("four-chain", validators=4, after=old_chain())
    chain.commit_block(chain.jwt(jti="3", cid="solo-chain"))
    chain.commit_block()
    chain.commit_block()
    says = refused_by(both_of(bundle_of(chain, SUB), trust_of(chain)), "entries.inclusion")
    assert "entries[2].entry.tx.payload.cid: is another chain than its height's" in says


def test_validators_who_continue_another_log_than_they_say() -> None:
    """They leave out an old record and put another leaf in its place."""

    class Rewritten(Chain):
        def _continue(self, after: Chain) -> None:
            super()._continue(after)
            self.size, self._hashes = 0, {}
            self._append(after.genesis.document)
            for item in after.records[:-1]:
                self._append(item.text)
            self._append(b"something else")

    old = old_chain()
    chain = Rewritten("four-chain", validators=4, after=old)
    chain.commit_block(chain.jwt(jti="4", sub=NEW_SUB))
    chain.commit_block()
    chain.commit_block()
    bundle = bundle_of(chain, NEW_SUB)
    report = both_of(bundle, trust_of(chain))
    assert "bundle.consistency[0]" in refused_by(report, "log.genesis", "log.checkpoint")


def test_a_new_chain_that_begins_before_the_old_one_ended() -> None:
    class Early(Chain):
        def time(self, height: int) -> int:
            return super().time(height if height < 5 else height - 4)

    chain = continued_early(Early)
    says = refused_by(both_of(bundle_of(chain, SUB), trust_of(chain)), "chain.headers")
    assert "is not later than header" in says


def continued_early(kind: type[Chain]) -> Chain:
    chain = kind("four-chain", validators=4, after=old_chain())
    chain.commit_block(chain.jwt(jti="3"))
    chain.commit_block()
    chain.commit_block()
    return chain


@pytest.mark.parametrize("part", ["commits", "headers", "roots", "validator_sets"])
def test_nothing_of_the_past_can_be_left_out(part: str) -> None:
    chain = genuine()
    for position in range(len(bundle_of(chain, SUB)["predecessors"][0][part])):
        bundle = copy.deepcopy(bundle_of(chain, SUB))
        del bundle["predecessors"][0][part][position]
        assert not both_of(bundle, trust_of(chain)).accepted, position


@pytest.mark.parametrize("chunk", range(4))
def test_bytes_of_a_bundle_of_two_chains_changed(chunk: int) -> None:
    """None may be accepted that says anything else, and both verifiers say the same."""
    chain = genuine()
    data, trust = canonical_json(bundle_of(chain, NEW_SUB)), trust_of(chain)
    for position in range(chunk, len(data), 4 * 17):
        changed = flipped(data, position)
        if both(changed, trust).accepted:
            assert means_the_same(changed, data), f"byte {position} may be changed"


def flipped(data: bytes, position: int) -> bytes:
    mask = random.Random(position).randrange(1, 256)
    return data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :]


def means_the_same(data: bytes, meaning: bytes) -> bool:
    try:
        return canonical_json(json.loads(data)) == meaning
    except ValueError:
        return False


def test_a_past_whose_validators_changed() -> None:
    old = changed_validators()
    chain = Chain("four-chain", validators=4, after=old)
    chain.commit_block(chain.jwt(jti="next"))
    chain.commit_block()
    chain.commit_block()
    bundle = bundle_of(chain, SUB)
    assert len(bundle["predecessors"][0]["validator_sets"]) == 3
    report = both_of(bundle, trust_of(chain))
    assert report.accepted, report
    assert next(step for step in report.steps if step.id == "operators").status == "passed"
    bundle["predecessors"][0]["commits"].pop(1)
    assert not both_of(bundle, trust_of(chain)).accepted
