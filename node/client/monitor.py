"""Watching a chain's nodes by the checkpoints that they sign: rules, without clock or network.

A signed checkpoint binds its signer: of two of one log that cannot both be true one is a lie, which
anybody can see; whose, neither says. So each checkpoint is held against the *line*, the newest one
that is consistent with all before it, by a consistency proof (RFC 9162 §2.1.4), and is remembered
until that is done. One that contradicts the line is held against the *branches*, the newest
checkpoints of the others that did: else whoever lies first would hide what others do later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from node.client.signed_checkpoints import (
    Fork,
    ProofUnavailable,
    Prove,
    Signed,
    find_fork,
    read_signed,
)
from node.core.checkpoint import Checkpoint, NoteKey
from node.core.errors import InvalidInput
from node.core.signatures import Backend

__all__ = ["KINDS", "Alarm", "Limits", "Memory", "NodeMemory", "Observation", "Watch"]

KINDS = (
    *("fork", "anchor-conflict", "invalid", "unproven", "rollback"),
    *("stall", "behind", "clock", "unreachable"),
)
"""Alarms, gravest first. ``anchor-conflict``: the node says that an outside chain holds something
else than the ledger. ``invalid``: no checkpoint that a known key has signed. ``unproven``: what
was signed could not be shown to be consistent yet."""
_MOST_PENDING = 8
_MOST_BRANCHES = 8


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
    ``conflicts``: what it says of outside chains that contradict the ledger.
    """

    url: str
    note: bytes | None
    error: str = ""
    ahead_ms: int | None = None
    conflicts: tuple[str, ...] = ()


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
    """What must not be forgotten. ``pending`` are signed checkpoints not yet held to the line.

    ``branches`` contradict the line, and each other.
    """

    line: Signed | None = None
    branches: list[Signed] = field(default_factory=list)
    nodes: dict[str, NodeMemory] = field(default_factory=dict)
    pending: list[Signed] = field(default_factory=list)
    forks: list[Fork] = field(default_factory=list)


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
        alarms += [
            Alarm("anchor-conflict", item.url, text) for item in seen for text in item.conflicts
        ]
        alarms += [_fork_alarm(fork) for fork in self.memory.forks]
        return sorted(alarms, key=lambda alarm: (KINDS.index(alarm.kind), alarm.url, alarm.text))

    # -- the line -------------------------------------------------------------------------------

    def _hold_to_line(
        self, signed: Iterable[Signed], urls: Sequence[str], prove: Prove
    ) -> Iterator[Alarm]:
        """Compare what was signed now, and what could not be compared before, with the line."""
        memory = self.memory
        waiting = {(item.url, item.note): item for item in [*memory.pending, *signed]}
        left = sorted(waiting.values(), key=lambda item: item.checkpoint.size)
        refused: dict[Signed, str] = {}
        held: list[Signed] | None = None
        while left and held != self._lines():
            held = self._lines()  # what could not be held to old ones may be held to newer ones
            left, refused = self._pass(left, urls, prove)
        memory.pending = _bounded(left)
        for item, reason in refused.items():
            yield Alarm("unproven", item.url, reason)

    def _pass(
        self, waiting: Sequence[Signed], urls: Sequence[str], prove: Prove
    ) -> tuple[list[Signed], dict[Signed, str]]:
        """Hold each to the line; what could not be, and why."""
        refused: dict[Signed, str] = {}
        for item in waiting:
            try:
                self._place(item, urls, prove)
            except ProofUnavailable as error:
                refused[item] = str(error)
        return list(refused), refused

    def _lines(self) -> list[Signed]:
        line = self.memory.line
        return [] if line is None else [line, *self.memory.branches]

    def _place(self, item: Signed, urls: Sequence[str], prove: Prove) -> None:
        """Hold a checkpoint to the line and the branches, until one of them goes on to it.

        Raises:
            ProofUnavailable: nobody gave a proof that decides it.
        """
        memory = self.memory
        for at, known in enumerate(self._lines()):
            fork = find_fork(known, item, urls, prove)
            if fork is not None:
                self._keep_fork(fork)
                continue
            if _is_newer(item.checkpoint, known.checkpoint):
                if at:
                    memory.branches[at - 1] = item
                else:
                    memory.line = item
            return
        if memory.line is None:
            memory.line = item
        elif len(memory.branches) < _MOST_BRANCHES:
            memory.branches.append(item)

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
