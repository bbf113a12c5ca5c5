"""The EVM contract against the core's Merkle tree, and against a model of its rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from builders.anchor_contract import NOBODY, AnchorContract, Chain, Refused
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from node.core.errors import InvalidProof
from node.core.merkle import (
    append_leaves,
    inclusion_path,
    leaf_hash,
    root_hash,
    verify_inclusion,
)

LARGEST = 3000
DIGEST = b"\x0d" * 32
ENTRIES = [number.to_bytes(4, "big") for number in range(LARGEST)]
HASHES: dict[tuple[int, int], bytes] = {}
for level, first, row in append_leaves(0, lambda *_: b"", [leaf_hash(item) for item in ENTRIES]):
    HASHES.update({(level, first + offset): value for offset, value in enumerate(row)})

CHAIN = Chain()


def read(level: int, index: int) -> bytes:
    return HASHES[level, index]


class Logs:
    """A contract that gets each size when it is first asked of, by a member of its own each."""

    def __init__(self) -> None:
        self.contracts: dict[int, AnchorContract] = {}

    def at(self, size: int) -> AnchorContract:
        if size not in self.contracts:
            contract = CHAIN.deploy(CHAIN.accounts[:1], 1)
            contract.attest(CHAIN.accounts[0], size, root_hash(size, read), DIGEST)
            self.contracts[size] = contract
        return self.contracts[size]


LOGS = Logs()
SIZES = st.one_of(
    st.integers(1, 40),
    st.integers(1, LARGEST),
    st.sampled_from([1, 2, 255, 256, 257, 1023, 1024, 1025, 2048, LARGEST]),
)


def holds(leaf: bytes, index: int, size: int, path: list[bytes]) -> bool:
    try:
        verify_inclusion(leaf, index, size, path, root_hash(size, read))
    except InvalidProof:
        return False
    return True


@settings(max_examples=40)
@given(data=st.data(), size=SIZES)
def test_what_the_core_proves_the_contract_finds_recorded(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, read)
    contract = LOGS.at(size)
    assert contract.see("isRecorded", size, read(0, index), index, path)
    assert contract.see("isEntryRecorded", size, ENTRIES[index], index, path)


@settings(max_examples=60)
@given(data=st.data(), size=SIZES)
def test_what_the_core_refuses_the_contract_does_not_find(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, read)
    leaf = read(0, index)
    kind = data.draw(st.sampled_from(["leaf", "index", "flip", "cut", "grow", "swap"]))
    if kind == "leaf":
        leaf = read(0, data.draw(st.integers(0, size - 1)))
    elif kind == "index":
        index = data.draw(st.one_of(st.integers(0, size + 2), st.integers(0, 2**64 - 1)))
    elif kind == "grow":
        path = [*path, data.draw(st.sampled_from([leaf, *path]))]
    elif path and kind == "cut":
        path.pop(data.draw(st.integers(0, len(path) - 1)))
    elif path and kind == "flip":
        place = data.draw(st.integers(0, len(path) - 1))
        path[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
    elif path and kind == "swap":
        first, second = (data.draw(st.integers(0, len(path) - 1)) for _ in range(2))
        path[first], path[second] = path[second], path[first]
    found = LOGS.at(size).see("isRecorded", size, leaf, index, path)
    assert found == holds(leaf, index, size, path)


ACCOUNTS = CHAIN.accounts[:5]
Pair = tuple[bytes, bytes]
PAIRS: list[Pair] = [(bytes([a]) * 32, bytes([b]) * 32) for a, b in ((1, 1), (1, 2), (2, 1))]


@dataclass
class Held:
    """What the model holds of a size."""

    pair: Pair
    by: set[str] = field(default_factory=set)
    confirmed: int = 0
    attestations: int = 0


def outcome(
    send: Callable[[], list[tuple[Any, ...]]],
) -> tuple[tuple[Any, ...] | None, list[str]]:
    """The error that the contract answered with, and the names of its events."""
    try:
        events = send()
    except Refused as error:
        return (error.name, *error.values), []
    return None, [event[0] for event in events]


class Rules(RuleBasedStateMachine):
    """The rules of docs/adr/0033 in plain Python, beside the contract."""

    def __init__(self) -> None:
        super().__init__()
        self.contract = CHAIN.deploy(ACCOUNTS[:3], 2)
        self.members = set(ACCOUNTS[:3])
        self.threshold, self.term = 2, 0
        self.held: dict[int, Held] = {}
        self.last = dict.fromkeys(ACCOUNTS, 0)
        self.votes: dict[tuple[Any, ...], set[str]] = {}

    def expected_attest(self, account: str, size: int, pair: Pair) -> tuple[Any, ...] | None:
        """The error, or None."""
        if account not in self.members:
            return ("NotMember", account.lower())
        known = self.held.get(size)
        if known and known.pair != pair and (known.confirmed or known.by & self.members):
            return ("Conflict", size, *known.pair)
        if known and known.pair == pair and account in known.by:
            return None
        if size <= self.last[account]:
            return ("NotRising", size, self.last[account])
        return None

    def apply_attest(self, account: str, size: int, pair: Pair) -> list[str]:
        """The names of the events. What is called first in a block of its own has its time."""
        known = self.held.get(size)
        if known is None or known.pair != pair:
            known = self.held[size] = Held(pair)
        if account in known.by:
            return []
        known.by.add(account)
        self.last[account] = size
        if known.confirmed:
            known.attestations += 1
            return ["Attested"]
        known.attestations = len(known.by & self.members)
        if known.attestations < self.threshold:
            return ["Attested"]
        known.confirmed = CHAIN.time()
        return ["Attested", "Anchored"]

    @rule(
        account=st.sampled_from(ACCOUNTS),
        size=st.integers(0, 5),
        pair=st.sampled_from([PAIRS[0], *PAIRS]),
    )
    def attest(self, account: str, size: int, pair: Pair) -> None:
        expected = self.expected_attest(account, size, pair)
        refused, events = outcome(lambda: self.contract.attest(account, size, *pair))
        assert refused == expected
        if expected is None:
            assert events == self.apply_attest(account, size, pair)

    def expected_vote(
        self, account: str, admitted: str, removed: str, threshold: int
    ) -> str | None:
        if account not in self.members:
            return "NotMember"
        if admitted == removed == NOBODY and threshold == self.threshold:
            return "NoChange"
        if removed != NOBODY and removed not in self.members:
            return "NotMember"
        if admitted in self.members:
            return "AlreadyMember"
        members = self.members - {removed} | {admitted} - {NOBODY}
        return None if 1 <= threshold <= len(members) else "ThresholdOutOfRange"

    @rule(
        account=st.sampled_from(ACCOUNTS),
        admitted=st.sampled_from([NOBODY, *ACCOUNTS]),
        removed=st.sampled_from([NOBODY, *ACCOUNTS]),
        threshold=st.integers(0, 4),
        everybody=st.booleans(),
    )
    def vote(
        self, account: str, admitted: str, removed: str, threshold: int, everybody: bool
    ) -> None:
        change = (self.term, admitted, removed, threshold)
        for voter in [account, *sorted(self.members - {account})] if everybody else [account]:
            if self.term != change[0]:
                return
            self.vote_once(voter, *change)

    def vote_once(
        self, account: str, term: int, admitted: str, removed: str, threshold: int
    ) -> None:
        expected = self.expected_vote(account, admitted, removed, threshold)
        refused, events = outcome(
            lambda: self.contract.vote(
                account, admitted=admitted, removed=removed, threshold=threshold
            )
        )
        assert (refused and refused[0]) == expected
        if expected is not None:
            return
        voters = self.votes.setdefault((term, admitted, removed, threshold), set())
        names = [] if account in voters else ["Voted"]
        voters.add(account)
        if names and len(voters) >= max(self.threshold, len(self.members) // 2 + 1):
            names.append("MembersChanged")
            self.members = self.members - {removed} | {admitted} - {NOBODY}
            self.threshold, self.term = threshold, term + 1
        assert events == names

    def teardown(self) -> None:
        """What the contract holds in the end; each step has looked at its events and errors."""
        see = self.contract.see
        assert set(see("members")) == self.members
        assert (see("threshold"), see("term")) == (self.threshold, self.term)
        for account, size in self.last.items():
            assert see("lastSizeOf", account) == size
        for size, held in self.held.items():
            assert see("anchorOf", size) == [*held.pair, held.confirmed, held.attestations]
            for account in ACCOUNTS:
                assert see("hasAttested", size, account) == (account in held.by)


TestRules = Rules.TestCase
TestRules.settings = settings(max_examples=10, stateful_step_count=20)
