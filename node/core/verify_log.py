"""The verifier's steps about the log: the geneses in it, and the reader's checkpoint."""

from __future__ import annotations

from node.core.errors import InvalidProof
from node.core.merkle import leaf_hash, verify_consistency, verify_inclusion
from node.core.verify_case import Case, NotChecked, Told
from node.core.verify_past import check_continued, place_of_chain

__all__ = ["check_checkpoint", "check_genesis_leaf", "prove_roots"]


def check_genesis_leaf(case: Case) -> Told:
    """The log must begin with the oldest genesis, and hold each other where it continues."""
    bundle = case.need_bundle()
    newest = case.roots[bundle.as_of]
    for position, (chain, genesis) in enumerate(zip(bundle.chains, case.geneses)):
        try:
            verify_inclusion(
                leaf_hash(genesis.document),
                genesis.index,
                newest.size,
                chain.genesis_path,
                newest.root,
            )
        except InvalidProof as error:
            raise error.under(f"{place_of_chain(case, position)}.genesis") from error
    check_continued(case)
    if not bundle.predecessors:
        return Told("the genesis is the log's first entry", "创世文件为日志首条")
    return Told(
        f"the log begins with the genesis of {case.geneses[0].chain_id}; that of "
        f"{case.geneses[-1].chain_id} is entry {case.geneses[-1].index}, and continues it",
        f"日志首条为 {case.geneses[0].chain_id} 的创世文件；{case.geneses[-1].chain_id} 的创世文件"
        f"为第 {case.geneses[-1].index} 条，并延续此前日志",
    )


def check_checkpoint(case: Case) -> Told:
    """The log must lead to the checkpoint that the holder of the trust file knows.

    Only what the validators signed can show that it was forked.
    """
    bundle, known = case.need_bundle(), case.trust.checkpoint
    newest = case.roots[bundle.as_of]
    reached = _proved_ends(case)
    proved = prove_roots(case) | _signed_roots(case)
    if known is None:
        raise NotChecked("the trust file names no checkpoint", "信任文件未包含检查点，故未核验")
    if any(size == known.size and root != known.root for size, root in proved):
        raise InvalidProof(
            "checkpoint", f"at size {known.size} the log had another root: this log was forked"
        )
    if (known.size, known.root) in reached:
        return _leads_to(known.size, newest.size)
    raise InvalidProof(
        "checkpoint",
        f"the bundle does not lead to the known size {known.size}: fetch the bundle with "
        f"from_size={known.size}",
    )


def prove_roots(case: Case) -> set[tuple[int, bytes]]:
    """Sizes and roots, none beyond the newest, that the log shown is proved to continue.

    That a header with its commit names a root does not make it one of them: whoever signs alone can
    sign two logs, and show one beside the anchors of the other.

    Raises:
        InvalidProof: a proof of ``consistency`` does not hold.
    """
    newest = case.roots[case.need_bundle().as_of].size
    return {end for end in _proved_ends(case) if end[0] <= newest}


def _proved_ends(case: Case) -> set[tuple[int, bytes]]:
    """Both ends of every proof of ``consistency``, each of which must hold and have the newest size
    and root as one of them."""
    bundle = case.need_bundle()
    newest = case.roots[bundle.as_of]
    reached = {(newest.size, newest.root)}
    for position, proof in enumerate(bundle.consistency):
        place = f"bundle.consistency[{position}]"
        ends = {(proof.first, proof.first_root), (proof.second, proof.second_root)}
        if (newest.size, newest.root) not in ends:
            raise InvalidProof(place, "must lead to or from the newest size and root")
        try:
            verify_consistency(
                proof.first, proof.second, proof.proof, proof.first_root, proof.second_root
            )
        except InvalidProof as error:
            raise error.under(place) from error
        reached |= ends
    return reached


def _leads_to(known: int, newest: int) -> Told:
    if known > newest:
        return Told(
            f"the log known at size {known} continues this one of size {newest}",
            f"大小 {known} 的已知日志延续本证据包所示大小 {newest} 的日志",
        )
    return Told(f"continues the log known at size {known}", f"延续已知大小 {known} 的日志")


def _signed_roots(case: Case) -> set[tuple[int, bytes]]:
    """Sizes and roots that headers with commits name.

    Those and what they continue, which a proof fixes, can contradict a checkpoint. The far end of
    a proof that leads on from them is in nobody's name: whoever holds a bundle can make one up.
    """
    return {(roots.size, roots.root) for roots in case.roots.values()}
