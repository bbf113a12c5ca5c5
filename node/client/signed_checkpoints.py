"""Signed checkpoints of one chain, two by two: are both of one log, or do they prove a fork?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.core.checkpoint import Checkpoint, NoteKey, decode_checkpoint, open_note
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.merkle import verify_consistency
from node.core.signatures import Backend

__all__ = [
    "Consistency",
    "Fork",
    "ProofUnavailable",
    "Prove",
    "Signed",
    "find_fork",
    "read_signed",
]


class ProofUnavailable(Exception):
    """Nobody gave a consistency proof; the text says why."""


@dataclass(frozen=True)
class Signed:
    """A checkpoint, the note that holds it, who signed it, and where it was seen."""

    note: bytes
    checkpoint: Checkpoint
    signer: str
    url: str


@dataclass(frozen=True)
class Consistency:
    """A node's answer: ``hashes`` lead from ``first_root`` to ``second_root``."""

    hashes: tuple[bytes, ...]
    first_root: bytes
    second_root: bytes


@dataclass(frozen=True)
class Fork:
    """Two signed checkpoints that cannot both be true.

    ``proof`` shows, where the sizes differ, that the larger log has another root at the smaller's
    size than the smaller was signed with; it is None where the notes alone show the fork.
    """

    smaller: Signed
    larger: Signed
    proof: Consistency | None
    reason: str


Prove = Callable[[str, int, int], Consistency]
"""Asks the node at a URL for the proof from one size to another. Raises ProofUnavailable."""


def read_signed(note: bytes, url: str, keys: Mapping[str, NoteKey], backend: Backend) -> Signed:
    """A checkpoint that one of ``keys`` (by member) has signed.

    Raises:
        InvalidInput: it is no note, of another log, or signed by none of them.
    """
    refused: InvalidSignature | None = None
    for member, key in sorted(keys.items()):
        try:
            text = open_note(note, key, backend)
        except InvalidSignature as error:
            refused = error
            continue
        checkpoint = decode_checkpoint(text)
        if checkpoint.origin != key.name:
            raise InvalidEncoding("checkpoint.origin", f"is {checkpoint.origin}, not {key.name}")
        return Signed(note, checkpoint, member, url)
    raise InvalidSignature("note", "none of the chain's keys has signed it") from refused


def find_fork(one: Signed, other: Signed, urls: Sequence[str], prove: Prove) -> Fork | None:
    """A fork, or None where both checkpoints are of one log.

    Args:
        one: a checkpoint.
        other: another of the same chain.
        urls: nodes that can be asked for a proof.
        prove: asks one of them.

    Raises:
        ProofUnavailable: nobody gave a proof that decides it.
    """
    smaller, larger = sorted((one, other), key=lambda item: item.checkpoint.size)
    first, second = smaller.checkpoint, larger.checkpoint
    if first.size == second.size and first.root != second.root:
        return Fork(smaller, larger, None, f"two roots of one size, {first.size}")
    if first.height == second.height and (
        first.size != second.size or first.state_root != second.state_root
    ):
        return Fork(smaller, larger, None, f"two logs or states of one height, {first.height}")
    if first.size < second.size and first.height > second.height:
        return Fork(smaller, larger, None, f"fewer entries at height {first.height} than before it")
    if first.size == second.size:
        return None
    proof = _proven(smaller, larger, urls, prove)
    if proof.first_root == first.root:
        return None
    reason = f"the log of {second.size} entries has another root at size {first.size}"
    return Fork(smaller, larger, proof, reason)


def _proven(smaller: Signed, larger: Signed, urls: Sequence[str], prove: Prove) -> Consistency:
    """A consistency proof that leads to the larger checkpoint's root, from whoever has one.

    It may begin at another root than that of the smaller one: then it proves a fork.

    Raises:
        ProofUnavailable: nobody has one that holds.
    """
    first, second = smaller.checkpoint, larger.checkpoint
    reasons = []
    for url in dict.fromkeys([larger.url, smaller.url, *urls]):
        if url not in urls:
            continue
        try:
            found = prove(url, first.size, second.size)
            if found.second_root != second.root:
                raise ProofUnavailable("its log of that size has another root than was signed")
            verify_consistency(first.size, second.size, found.hashes, found.first_root, second.root)
        except (ProofUnavailable, InvalidInput) as error:
            reasons.append(f"{url}: {error}")
        else:
            return found
    raise ProofUnavailable(
        f"no proof from size {first.size} ({smaller.url}) to {second.size} ({larger.url}): "
        + "; ".join(reasons)
    )
