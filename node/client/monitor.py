"""Watching a chain's nodes by the checkpoints that they sign: rules, without clock or network.

A signed checkpoint binds its signer: two of one log that cannot both be true prove, to anybody,
that it was forked. So each checkpoint is held against the *line*, the newest one that is consistent
with all before it, by a consistency proof (RFC 9162 §2.1.4), and is remembered until that is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from node.core.checkpoint import Checkpoint, NoteKey, decode_checkpoint, open_note
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.merkle import verify_consistency
from node.core.signatures import Backend

__all__ = [
    "KINDS",
    "Alarm",
    "Consistency",
    "Fork",
    "Limits",
    "Memory",
    "NodeMemory",
    "Observation",
    "ProofUnavailable",
    "Signed",
    "Watch",
    "read_signed",
]

KINDS = ("fork", "invalid", "unproven", "rollback", "stall", "behind", "clock", "unreachable")
"""Alarms, gravest first. ``invalid``: no checkpoint that a known key has signed. ``unproven``: what
was signed could not be shown to be consistent yet."""
_MOST_PENDING = 8


class ProofUnavailable(Exception):
    """Nobody gave a consistency proof; the text says why."""


@dataclass(frozen=True)
class Limits:
    """From when on something is an alarm. Times in ms, ``behind`` in blocks."""

    interval_ms: int = 30_000
    stall_intervals: int = 3
    clock_ms: int = 5_000
    behind: int = 100


@dataclass(frozen=True)
class Observation:
    """What came of asking a node: its signed note, or the ``error``.

    ``ahead_ms``: how far its clock is ahead of the one here; None where it told none.
    """

    url: str
    note: bytes | None
    error: str = ""
    ahead_ms: int | None = None


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


@dataclass(frozen=True)
class Alarm:
    """Something is wrong with the node at ``url``."""

    kind: str
    url: str
    text: str


@dataclass
class NodeMemory:
    """A node as it was last: its newest checkpoint, and when its height was last seen to grow."""

    signed: Signed
    grown_at: int


@dataclass
class Memory:
    """What must not be forgotten. ``pending`` are signed checkpoints not yet held to the line."""

    line: Signed | None = None
    nodes: dict[str, NodeMemory] = field(default_factory=dict)
    pending: list[Signed] = field(default_factory=list)
    forks: list[Fork] = field(default_factory=list)


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


class Watch:
    """Judges one round of observations after another; ``memory`` is changed meanwhile."""

    def __init__(
        self, keys: Mapping[str, NoteKey], limits: Limits, backend: Backend, memory: Memory
    ) -> None:
        self.memory = memory
        self._keys = dict(keys)
        self._limits = limits
        self._backend = backend

    def judge(self, seen: Sequence[Observation], prove: Prove, now: int) -> list[Alarm]:
        """What is wrong after one round. ``now`` in ms.

        Args:
            seen: one observation of each node.
            prove: how to ask for a consistency proof.
            now: when the round was made.
        """
        alarms, signed = [], []
        for item in seen:
            try:
                if item.note is None:
                    alarms.append(Alarm("unreachable", item.url, item.error))
                else:
                    signed.append(read_signed(item.note, item.url, self._keys, self._backend))
            except InvalidInput as error:
                alarms.append(Alarm("invalid", item.url, str(error)))
        alarms += self._hold_to_line(signed, [item.url for item in seen], prove)
        for one in signed:
            alarms += self._remember(one, now)
        alarms += self._fell_behind(signed)
        alarms += self._stalled(signed, now)
        alarms += self._clocks(seen)
        alarms += [_fork_alarm(fork) for fork in self.memory.forks]
        return sorted(alarms, key=lambda alarm: (KINDS.index(alarm.kind), alarm.url, alarm.text))

    # -- the line -------------------------------------------------------------------------------

    def _hold_to_line(
        self, signed: Iterable[Signed], urls: Sequence[str], prove: Prove
    ) -> Iterator[Alarm]:
        """Compare what was signed now, and what could not be compared before, with the line."""
        memory = self.memory
        waiting = {(item.url, item.note): item for item in [*memory.pending, *signed]}
        kept: list[Signed] = []
        for item in sorted(waiting.values(), key=lambda item: item.checkpoint.size):
            if memory.line is None:
                memory.line = item
                continue
            try:
                fork = self._compare(memory.line, item, urls, prove)
            except ProofUnavailable as error:
                kept.append(item)
                yield Alarm("unproven", item.url, str(error))
                continue
            if fork is not None:
                self._keep_fork(fork)
            elif _is_newer(item.checkpoint, memory.line.checkpoint):
                memory.line = item
        memory.pending = _bounded(kept)

    def _compare(
        self, line: Signed, item: Signed, urls: Sequence[str], prove: Prove
    ) -> Fork | None:
        """A fork, or None where both are of one log. Raises ProofUnavailable."""
        smaller, larger = sorted((line, item), key=lambda one: one.checkpoint.size)
        first, second = smaller.checkpoint, larger.checkpoint
        if first.size == second.size and first.root != second.root:
            return Fork(smaller, larger, None, f"two roots of one size, {first.size}")
        if first.height == second.height and (
            first.size != second.size or first.state_root != second.state_root
        ):
            return Fork(smaller, larger, None, f"two logs or states of one height, {first.height}")
        if first.size < second.size and first.height > second.height:
            return Fork(
                smaller, larger, None, f"fewer entries at height {first.height} than before it"
            )
        if first.size == second.size:
            return None
        proof = _proven(smaller, larger, urls, prove)
        if proof.first_root == first.root:
            return None
        reason = f"the log of {second.size} entries has another root at size {first.size}"
        return Fork(smaller, larger, proof, reason)

    def _keep_fork(self, fork: Fork) -> None:
        """One of each pair of places and signers; a node that forks once goes on doing so."""
        told = {_parties(known) for known in self.memory.forks}
        if _parties(fork) not in told:
            self.memory.forks.append(fork)

    # -- nodes ----------------------------------------------------------------------------------

    def _remember(self, signed: Signed, now: int) -> Iterator[Alarm]:
        """Keep a node's newest checkpoint, and say so where it went back."""
        before = self.memory.nodes.get(signed.url)
        if before is None:
            self.memory.nodes[signed.url] = NodeMemory(signed, now)
            return
        old, new = before.signed.checkpoint, signed.checkpoint
        if new.height < old.height or new.size < old.size:
            yield Alarm(
                "rollback",
                signed.url,
                f"shows height {new.height}, size {new.size}; it had signed height {old.height}, "
                f"size {old.size}",
            )
        elif new.height > old.height:
            self.memory.nodes[signed.url] = NodeMemory(signed, now)

    def _fell_behind(self, signed: Sequence[Signed]) -> Iterator[Alarm]:
        top = max((item.checkpoint.height for item in signed), default=0)
        for item in signed:
            missing = top - item.checkpoint.height
            if missing > self._limits.behind:
                yield Alarm("behind", item.url, f"is {missing} blocks behind height {top}")

    def _stalled(self, signed: Sequence[Signed], now: int) -> Iterator[Alarm]:
        longest = self._limits.stall_intervals * self._limits.interval_ms
        for item in signed:
            known = self.memory.nodes[item.url]
            silent = now - known.grown_at
            if silent >= longest:
                height = known.signed.checkpoint.height
                yield Alarm("stall", item.url, f"height {height} for {silent // 1000} s")

    def _clocks(self, seen: Sequence[Observation]) -> Iterator[Alarm]:
        """Each node's clock by the middle of all and of the one here: most clocks are right."""
        ahead = {item.url: item.ahead_ms for item in seen if item.ahead_ms is not None}
        middle = median([0, *ahead.values()])
        for url, value in ahead.items():
            away = round(value - middle)
            if abs(away) > self._limits.clock_ms:
                side = "ahead of" if away > 0 else "behind"
                yield Alarm("clock", url, f"its clock is {abs(away)} ms {side} the others'")


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


def _is_newer(one: Checkpoint, other: Checkpoint) -> bool:
    return (one.size, one.height) > (other.size, other.height)


def _bounded(pending: Iterable[Signed]) -> list[Signed]:
    """The oldest few of each node: a node that never proves anything must not fill the memory."""
    counts: dict[str, int] = {}
    kept = []
    for item in pending:
        counts[item.url] = counts.get(item.url, 0) + 1
        if counts[item.url] <= _MOST_PENDING:
            kept.append(item)
    return kept


def _parties(fork: Fork) -> frozenset[Any]:
    return frozenset({(item.url, item.signer) for item in (fork.smaller, fork.larger)})


def _fork_alarm(fork: Fork) -> Alarm:
    one, other = fork.smaller, fork.larger
    return Alarm(
        "fork",
        other.url,
        f"{fork.reason}: {one.signer} at {one.url} signed size {one.checkpoint.size}, root "
        f"{one.checkpoint.root.hex()}; {other.signer} at {other.url} signed size "
        f"{other.checkpoint.size}, root {other.checkpoint.root.hex()}",
    )
