"""Forged bundles of a genuine chain, each with the steps that must refuse it.

A forgery's name and docstring say what it is; tests run them, and the corpus in
``tests/vectors/bundles`` has each as a file (`builders.corpus`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from builders.bundling import bundle_of, chain_part, consistency_json, trust_of
from builders.cases import LATER, OTHER, PRIVATE, SUB, Bundle, grown
from builders.chain import Chain, state_proof
from builders.signing import BlockSigner, private_fields, validator_set

from node.core.block import BlockId
from node.core.bundle import header_json, validator_set_json

__all__ = ["FORGERIES", "genuine"]

Forge = Callable[[Chain, Bundle], bytes | None]
FORGERIES: dict[str, tuple[Forge, tuple[str, ...], str]] = {}


def forgery(*steps: str, says: str) -> Callable[[Forge], Forge]:
    """A forgery that exactly ``steps`` refuse, the first of them with these words."""

    def keep(forge: Forge) -> Forge:
        FORGERIES[forge.__name__] = forge, steps, says
        return forge

    return keep


@forgery("dossier.head", says="has 3 records, the bundle another number")
def last_record_withheld(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"].pop()


@forgery("dossier.chain", says="must be CZ")
def first_record_withheld(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"].pop(0)


@forgery("dossier.chain", says="must be CZ")
def middle_record_withheld(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"].pop(1)


@forgery("dossier.chain", says="must be CZ")
def records_reordered(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"][1:] = bundle["entries"][:0:-1]


@forgery("dossier.chain", says="must be CZ")
def record_repeated(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"].insert(1, bundle["entries"][0])


@forgery("entries.form", says="are of more than one dossier")
def record_of_another_dossier_added(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"].append(bundle_of(chain, OTHER)["entries"][0])


@forgery("dossier.head", says="state dossier/case:platform-a:0002: no proof of it")
def records_of_another_dossier_shown(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"] = bundle_of(chain, OTHER)["entries"]


@forgery("entries.form", says="scope record has exactly one")
def two_records_called_one(chain: Chain, bundle: Bundle) -> None:
    bundle["scope"] = "record"


@forgery("entries.inclusion", "dossier.head", says="the path does not lead to this root")
def last_entry_altered(chain: Chain, bundle: Bundle) -> None:
    entry = bundle["entries"][-1]
    entry["entry"] = entry["entry"].replace('"facts":{}', '"facts":{"late":1}')


@forgery("entries.inclusion", "dossier.chain", says="the path does not lead to this root")
def first_entry_altered(chain: Chain, bundle: Bundle) -> None:
    entry = bundle["entries"][0]
    entry["entry"] = entry["entry"].replace('"facts":{}', '"facts":{"late":1}')


@forgery("entries.inclusion", "dossier.head", says="the path does not lead")
def time_of_an_entry_altered(chain: Chain, bundle: Bundle) -> None:
    entry = bundle["entries"][-1]
    time = chain.time(5)
    entry["entry"] = entry["entry"].replace(f'"time":{time}', f'"time":{time - 1000}')


@forgery("entries.inclusion", says="the path does not lead to this root")
def entry_at_another_index(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"][0]["index"] ^= 1


@forgery("entries.inclusion", says="must be below the tree's size")
def entry_beyond_the_log(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"][0]["index"] = 99


@forgery("entries.inclusion", says="the path does not lead to this root")
def path_step_altered(chain: Chain, bundle: Bundle) -> None:
    path = bundle["entries"][2]["path"]
    path[0] = path[0][:-1] + ("0" if path[0][-1] != "0" else "1")


@forgery("entries.inclusion", says="the path is too short")
def path_cut_off(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"][2]["path"].pop()


@forgery("entries.inclusion", says="bundle.entries[0].path_as_of: the path does not lead")
def newest_path_altered(chain: Chain, bundle: Bundle) -> None:
    path = bundle["entries"][0]["path_as_of"]
    path[0] = path[0][:-1] + ("0" if path[0][-1] != "0" else "1")


@forgery("entries.inclusion", says="bundle.entries[0].path_as_of: the path is too short")
def path_after_its_block_given_for_the_newest(chain: Chain, bundle: Bundle) -> None:
    entry = bundle["entries"][0]
    assert entry["path"] != entry["path_as_of"]
    entry["path_as_of"] = entry["path"]


@forgery("entries.inclusion", says="the roots after its block are not in the bundle")
def roots_of_a_block_left_out(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["roots"].pop(0)


@forgery("disclosures", says="bundle.entries[0].disclosures[1]: no digest in _sd names it")
def disclosure_swapped(chain: Chain, bundle: Bundle) -> None:
    forged = replace(PRIVATE[1], value="北某")
    changed = private_fields({forged.name: forged.value})[0].encoded
    bundle["entries"][0]["disclosures"][1] = changed


@forgery("disclosures", says="bundle.entries[2].disclosures[0]: no digest in _sd names it")
def disclosure_of_another_dossier(chain: Chain, bundle: Bundle) -> None:
    bundle["entries"][2]["disclosures"].append(private_fields({"reason": "x"})[0].encoded)


@forgery("disclosures", says="bundle.entries[0].disclosures[2]: comes twice")
def disclosure_repeated(chain: Chain, bundle: Bundle) -> None:
    shown = bundle["entries"][0]["disclosures"]
    shown.append(shown[0])


@forgery("disclosures", says="bundle.entries[0].disclosures[2]: no digest in _sd names it")
def disclosure_beside_another_record(chain: Chain, bundle: Bundle) -> None:
    """What one party disclosed, shown as if it stood in another's record."""
    bundle["entries"][0]["disclosures"] += bundle["entries"][1]["disclosures"]
    bundle["entries"][1]["disclosures"] = []


@forgery("entries.form", says="bundle.entries[2].entry.facts: a member's name is not ASCII")
def entry_with_a_name_outside_ascii(chain: Chain, bundle: Bundle) -> None:
    entry = bundle["entries"][2]
    entry["entry"] = entry["entry"].replace('"facts":{}', '"facts":{"\uff5e":1}')


@forgery("chain.commits", says="a change of validators is not shown")
def validators_of_another_chain(chain: Chain, bundle: Bundle) -> None:
    """A set is found by its hash, so the headers are made to name it."""
    other = validator_set(Chain(chain_id="other", validators=4).signers)
    bundle["chain"]["validator_sets"] = [validator_set_json(other)]
    for header in bundle["chain"]["headers"]:
        header["validators_hash"] = other.hash().hex()


@forgery("chain.commits", says="its validator set is not in the bundle")
def validator_set_exchanged(chain: Chain, bundle: Bundle) -> None:
    other = Chain(chain_id="other", validators=4)
    bundle["chain"]["validator_sets"] = [validator_set_json(validator_set(other.signers))]


@forgery("chain.commits", says="is of another chain")
def blocks_of_another_chain(chain: Chain, bundle: Bundle) -> None:
    other = grown(Chain(chain_id="other", validators=4))
    genesis = bundle["chain"]["genesis"]
    bundle["chain"] = {**chain_part(other, [2, 3, 5], 6), "genesis": genesis}


@forgery("chain.commits", says="a change of validators is not shown")
def blocks_of_a_chain_with_the_same_name(chain: Chain, bundle: Bundle) -> None:
    imitation = Chain(validators=4)
    imitation.signers = imitation._next = [BlockSigner(f"thief-{number}") for number in range(4)]
    bundle["chain"] = {
        **chain_part(grown(imitation), [2, 3, 5], 6),
        "genesis": bundle["chain"]["genesis"],
    }


@forgery("chain.identity", says="its hash is not the one in the trust file")
def another_genesis(chain: Chain, bundle: Bundle) -> None:
    other = Chain(validators=4, members=[("court-b", ("court",)), ("platform-a", ("platform",))])
    bundle["chain"]["genesis"] = other.genesis.document.decode()


@forgery("chain.identity", says="its hash is not the one in the trust file")
def whole_bundle_of_another_chain(chain: Chain, bundle: Bundle) -> None:
    other = grown(Chain(validators=4, members=[("platform-a", ("platform",))]))
    bundle.clear()
    bundle.update(bundle_of(other, SUB))


@forgery("chain.identity", "entries.form", says="genesis.chain_id: is not the one in the trust")
def trust_names_another_chain(chain: Chain, bundle: Bundle) -> bytes:
    return trust_of(chain, chain_id="another")


@forgery("chain.identity", says="not in canonical form")
def genesis_laid_out_otherwise(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["genesis"] += "\n"


@forgery("chain.identity", says="genesis.members[0].roles")
def genesis_of_malformed_roles(chain: Chain, bundle: Bundle) -> None:
    genesis = bundle["chain"]["genesis"]
    bundle["chain"]["genesis"] = genesis.replace('"roles":["court"]', '"roles":[[]]')


@forgery("chain.commits", says="power 20 of 40 signed, more than 2/3 must")
def commit_of_half_the_power(chain: Chain, bundle: Bundle) -> None:
    for place in (0, 3):
        bundle["chain"]["commits"][1]["signatures"][place] = {"flag": 1}


@forgery("chain.commits", says="does not hold under this key (Ed25519)")
def vote_with_a_wrong_signature(chain: Chain, bundle: Bundle) -> None:
    """Three good votes would suffice, but a forged one beside them is a sign of tampering."""
    vote = bundle["chain"]["commits"][1]["signatures"][2]
    vote["signature"] = vote["signature"][:-2] + ("00" if vote["signature"][-2:] != "00" else "01")


@forgery("chain.commits", says="is not of the validator in this place")
def one_vote_counted_twice(chain: Chain, bundle: Bundle) -> None:
    signatures = bundle["chain"]["commits"][1]["signatures"]
    signatures[1] = signatures[0]


@forgery("chain.commits", says="is for another block")
def commit_of_another_height(chain: Chain, bundle: Bundle) -> None:
    moved = copy.deepcopy(bundle["chain"]["commits"][0])
    moved["height"] = bundle["chain"]["commits"][1]["height"]
    bundle["chain"]["commits"][1] = moved


@forgery("chain.commits", says="its header is not in the bundle")
def header_of_a_commit_left_out(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["headers"].pop()


@forgery("chain.commits", says="is for another block")
def time_of_a_signed_header_altered(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["headers"][-1]["time"]["seconds"] -= 3600


@forgery("chain.headers", says="is not the one that the next header names")
def time_of_a_linked_header_altered(chain: Chain, bundle: Bundle) -> None:
    first = bundle["chain"]["headers"][0]
    assert first["height"] == 2
    first["time"]["seconds"] -= 3600


@forgery("times", says="the headers that give its time are not in the bundle")
def header_of_a_records_block_left_out(chain: Chain, bundle: Bundle) -> None:
    """The block after it still shows that the record is in the log, but not since when."""
    assert bundle["chain"]["headers"].pop(0)["height"] == 2


@forgery("chain.commits", says="holds a set that no commit uses")
def unused_validator_set(chain: Chain, bundle: Bundle) -> None:
    spare = validator_set([BlockSigner("spare")])
    bundle["chain"]["validator_sets"].append(validator_set_json(spare))


@forgery("chain.commits", says="holds a set that no commit uses")
def validator_set_repeated(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["validator_sets"] *= 2


@forgery("chain.headers", says="neither a commit nor the next header vouches for it")
def header_that_nothing_vouches_for(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["headers"].append(
        header_json(replace(chain.headers[7], height=9, last_block_id=BlockId()))
    )


@forgery("chain.headers", says="are not what the next header's app_hash commits to")
def log_root_altered(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["roots"][0]["root"] = "00" * 32


@forgery("chain.headers", says="are not what the next header's app_hash commits to")
def size_altered(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["roots"][-1]["size"] += 1


@forgery("chain.headers", says="the next header and its commit are not in the bundle")
def roots_without_a_header(chain: Chain, bundle: Bundle) -> None:
    roots = bundle["chain"]["roots"]
    roots.insert(0, {**roots[0], "height": 1})


@forgery("bundle.form", says="must be the height of the newest roots")
def as_of_another_height(chain: Chain, bundle: Bundle) -> None:
    bundle["as_of"] -= 1


@forgery("bundle.form", says="bundle.chain.headers: must be in order of height, each height once")
def header_repeated(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["headers"].insert(0, bundle["chain"]["headers"][0])


@forgery("bundle.form", says="bundle.chain.commits: must be in order of height")
def commits_out_of_order(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["commits"].reverse()


@forgery("bundle.form", says="bundle.chain.roots: must be in order of height")
def roots_repeated(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["roots"].append(bundle["chain"]["roots"][-1])


@forgery("bundle.form", says="bundle.state: proves a key twice")
def state_proof_repeated(chain: Chain, bundle: Bundle) -> None:
    bundle["state"].append(bundle["state"][0])


@forgery("chain.identity", says="bundle.predecessors[0]: is named by no genesis")
def predecessor_that_nothing_names(chain: Chain, bundle: Bundle) -> None:
    bundle["predecessors"].append(bundle["chain"])


@forgery("log.genesis", says="the path does not lead to this root")
def path_of_the_genesis_altered(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["genesis_path"][0] = "00" * 32


@forgery("state.proofs", says="does not lead to this state root")
def stale_head(chain: Chain, bundle: Bundle) -> None:
    """The dossier's head as it was before its last record, in a bundle without that record."""
    bundle["entries"].pop()
    put_proof(bundle, state_proof(chain.points[4].state, f"dossier/{SUB}").to_json())


def put_proof(bundle: Bundle, proof: dict[str, Any]) -> None:
    at = next(n for n, old in enumerate(bundle["state"]) if old["key"] == proof["key"])
    bundle["state"][at] = proof


@forgery("state.proofs", says="does not lead to this state root")
def value_in_the_state_altered(chain: Chain, bundle: Bundle) -> None:
    proof = next(p for p in bundle["state"] if p["key"] == f"dossier/{SUB}")
    proof["value"] = proof["value"].replace('"status":"open"', '"status":"done"')


@forgery("dossier.head", says="no proof of it is in the bundle")
def head_left_out(chain: Chain, bundle: Bundle) -> None:
    bundle["state"] = [p for p in bundle["state"] if p["key"] != f"dossier/{SUB}"]


@forgery("transactions.keys", "transactions.signatures", says="no proof of it is in the bundle")
def key_left_out(chain: Chain, bundle: Bundle) -> None:
    bundle["state"] = [p for p in bundle["state"] if not p["key"].startswith("key/")]


@forgery("log.checkpoint", says="this log was forked")
def checkpoint_of_a_fork(chain: Chain, bundle: Bundle) -> bytes:
    return trust_of(chain, checkpoint={"root": "ab" * 32, "size": chain.points[4].size})


@forgery("log.checkpoint", says="this log was forked")
def checkpoint_of_another_root_at_the_newest_size(chain: Chain, bundle: Bundle) -> bytes:
    return trust_of(chain, checkpoint={"root": "ab" * 32, "size": chain.points[6].size})


@forgery("log.checkpoint", says="does not connect these two roots")
def consistency_with_the_forks_root(chain: Chain, bundle: Bundle) -> bytes:
    """The bundle shows the fork's root as its own old one, so that it equals the checkpoint."""
    bundle["consistency"][1]["first_root"] = "ab" * 32
    return trust_of(chain, checkpoint={"root": "ab" * 32, "size": chain.points[4].size})


@forgery(
    "log.checkpoint", says="does not lead to the known size 4: fetch the bundle with from_size=4"
)
def consistency_with_the_checkpoint_left_out(chain: Chain, bundle: Bundle) -> None:
    """As whoever forked the log would do. The roots of size 4 that remain are connected to none."""
    bundle["consistency"].pop()


@forgery(
    "log.checkpoint", says="does not lead to the known size 3: fetch the bundle with from_size=3"
)
def checkpoint_of_a_fork_at_a_size_that_is_not_shown(chain: Chain, bundle: Bundle) -> bytes:
    bundle["consistency"] = []
    return trust_of(chain, checkpoint={"root": "ab" * 32, "size": 3})


@forgery("log.checkpoint", says="this log was forked")
def checkpoint_of_a_fork_at_the_size_of_older_roots(chain: Chain, bundle: Bundle) -> bytes:
    bundle["consistency"] = []
    return trust_of(chain, checkpoint={"root": "ab" * 32, "size": chain.points[3].size})


@forgery(
    "log.checkpoint", says="bundle.consistency[1]: must lead to or from the newest size and root"
)
def consistency_to_another_root_of_the_newest_size(chain: Chain, bundle: Bundle) -> None:
    bundle["consistency"][1]["second_root"] = "ab" * 32


@forgery("log.checkpoint", says="bundle.consistency[0].first: must be between 1 and 2")
def consistency_turned_round(chain: Chain, bundle: Bundle) -> None:
    item = bundle["consistency"][0]
    for name in ("", "_root"):
        item[f"first{name}"], item[f"second{name}"] = item[f"second{name}"], item[f"first{name}"]


@forgery("log.checkpoint", says="must lead to or from the newest size and root")
def consistency_to_an_older_size(chain: Chain, bundle: Bundle) -> None:
    bundle["consistency"][0] = consistency_json(chain, 2, 4)


@forgery("log.checkpoint", says="does not connect these two roots")
def consistency_from_another_size(chain: Chain, bundle: Bundle) -> None:
    bundle["consistency"][0]["first"] += 1


def genuine(chain: Chain) -> Bundle:
    """A whole bundle with all that one can hold but anchors, from which the forgeries are made."""
    return bundle_of(
        chain,
        SUB,
        disclosures=[*PRIVATE, *LATER],
        extra_keys=["seal/none", "dossier/case:platform-a:9"],
        consistency_from=[2, 4],
    )
