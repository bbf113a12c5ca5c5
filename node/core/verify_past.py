"""What the verifier's steps ask of a chain's predecessors: that it continues them, and which.

A genesis may name the chain before it: the last header, and log and state as that one commits to
them. The log goes on behind them, so all chains of a bundle have one log (docs/spec/genesis.md).
"""

from __future__ import annotations

from hashlib import sha256

from node.core.block import Header
from node.core.bundle import Roots
from node.core.encoding import rfc3339
from node.core.errors import InvalidProof
from node.core.genesis import Genesis, Predecessor, decode_genesis
from node.core.merkle import verify_consistency
from node.core.verify_case import Case

__all__ = [
    "check_continued",
    "check_last_header",
    "check_last_roots",
    "describe_past",
    "explain_other_genesis",
    "place_of_chain",
    "read_geneses",
]


def place_of_chain(case: Case, position: int) -> str:
    """What errors call the chain at ``position``, oldest first."""
    past = len(case.need_bundle().predecessors)
    return f"bundle.predecessors[{position}]" if position < past else "bundle.chain"


def explain_other_genesis(case: Case) -> InvalidProof:
    """Why a genesis that is not the trusted one is refused, and what whoever asks can do."""
    rule, rule_zh = "its hash is not the one in the trust file", "创世文件的哈希与信任文件不符"
    for chain in case.need_bundle().predecessors:
        if sha256(chain.genesis).digest() == case.trust.genesis_hash:
            rule += (
                f", which is of {case.trust.chain_id}: this chain says that it continues that one. "
                "Get the new chain's trust file from those who run it, or use a bundle made before"
            )
            rule_zh += (
                f"；本证据包所属的链自称延续 {case.trust.chain_id}，请向运营方索取新链的信任文件，"
                "或使用此前生成的证据包"
            )
            break
    return InvalidProof("genesis", rule, rule_zh)


def read_geneses(case: Case, newest: Genesis) -> list[Genesis]:
    """The geneses of all chains, oldest first, each named by the one after it.

    Raises:
        InvalidInput: one is no genesis, is not of the chain that is named, or too many or too few
            are shown.
    """
    found = [newest]
    for position, chain in reversed(list(enumerate(case.need_bundle().predecessors))):
        named = found[0].predecessor
        if named is None:
            raise InvalidProof(f"bundle.predecessors[{position}]", "is named by no genesis")
        before = decode_genesis(chain.genesis)
        if before.chain_id != named.chain_id:
            raise InvalidProof(
                f"bundle.predecessors[{position}].genesis.chain_id",
                f"is not {named.chain_id}, which the next genesis names",
            )
        found.insert(0, before)
    if found[0].predecessor is not None:
        raise InvalidProof(
            "bundle.predecessors",
            f"{found[0].predecessor.chain_id}, which {found[0].chain_id} continues, is not shown",
        )
    if len({genesis.chain_id for genesis in found}) != len(found):
        raise InvalidProof("bundle.predecessors", "two chains have one id")
    return found


def check_last_header(case: Case, position: int, last: Header) -> None:
    """The last header of a predecessor must be the one that the next genesis names.

    Raises:
        InvalidProof: it is another, has no commit, or the next chain begins at another height.
    """
    after = case.geneses[position + 1]
    named = _named(after)
    place = f"header {last.height}"
    if last.hash() != named.header_hash:
        raise InvalidProof(
            place, f"is not the last one of {named.chain_id}, which {after.chain_id} names"
        )
    if last.height not in case.headers:
        raise InvalidProof(place, f"the last one of {named.chain_id} has no commit")
    if after.initial_height != last.height + 2:
        raise InvalidProof(
            f"genesis {after.chain_id}", f"must begin at height {last.height + 2}, behind {place}"
        )


def check_last_roots(case: Case, position: int, last: Roots, header: Header) -> None:
    """The last roots of a predecessor must be those that the next genesis names.

    Raises:
        InvalidProof: they are others, or of a block before the last one.
    """
    named = _named(case.geneses[position + 1])
    place = f"roots {last.height}"
    if last.height != header.height - 1:
        raise InvalidProof(place, f"the last ones of {named.chain_id} must be of the block before")
    if (last.size, last.root, last.state_root) != (named.size, named.root, named.state_root):
        raise InvalidProof(place, "are not those that the next genesis names")


def check_continued(case: Case) -> None:
    """The newest log must continue the one that each genesis names.

    So a genesis fixes every entry before it, whoever holds the old validators' keys by now.

    Raises:
        InvalidProof: a proof is missing, or does not hold.
    """
    bundle = case.need_bundle()
    newest = case.roots[bundle.as_of]
    for genesis in case.geneses[1:]:
        named = _named(genesis)
        for position, proof in enumerate(bundle.consistency):
            ends = (proof.first, proof.first_root, proof.second, proof.second_root)
            if ends == (named.size, named.root, newest.size, newest.root):
                _check_proof(case, position)
                break
        else:
            raise InvalidProof(
                "bundle.consistency",
                f"nothing leads from the log of {named.chain_id}, size {named.size}, to this one",
            )


def _check_proof(case: Case, position: int) -> None:
    proof = case.need_bundle().consistency[position]
    try:
        verify_consistency(
            proof.first, proof.second, proof.proof, proof.first_root, proof.second_root
        )
    except InvalidProof as error:
        raise error.under(f"bundle.consistency[{position}]") from error


def _named(genesis: Genesis) -> Predecessor:
    assert genesis.predecessor is not None
    return genesis.predecessor


def describe_past(case: Case) -> tuple[str, ...]:
    """For each predecessor a line: how far it went, and how many parties it had."""
    lines = []
    for genesis, after in zip(case.geneses, case.geneses[1:]):
        parties = sorted({item.member for item in genesis.validators})
        who = f"one operator ({parties[0]})" if len(parties) == 1 else f"{len(parties)} operators"
        lines.append(
            f"up to height {after.initial_height - 2} the chain {genesis.chain_id}, {who}: its log "
            f"of {_named(after).size} entries is fixed by the genesis of {after.chain_id}, which "
            f"says that it is of {rfc3339(after.genesis_time)}, and before by its anchors alone"
        )
    return tuple(lines)
