"""Honest nodes are never accused, however they lag; one that forks is, once the others pass it."""

from __future__ import annotations

from builders.fake_nodes import GENESIS, KEYS, FakeNode, transport_of
from hypothesis import given, settings
from hypothesis import strategies as st

from node.client.monitor import Limits, Memory, Watch
from node.client.monitor_fetch import Fetcher
from node.client.monitor_memory import decode_memory, encode_memory
from node.core.signatures import load_backend

BACKEND = load_backend()
NAMES = sorted(KEYS)
LIMITS = Limits(stall_intervals=1000, behind=10**6, clock_ms=10**9)

ROUNDS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 6), min_size=4, max_size=4),  # growth of each node
        st.sets(st.integers(0, 3), max_size=3),  # that are down
        st.booleans(),  # the monitor is started anew
    ),
    min_size=1,
    max_size=6,
)


def play(
    nodes: list[FakeNode], rounds: list[tuple[list[int], set[int], bool]]
) -> tuple[set[str], Watch]:
    """All kinds of alarms that were raised, and the watch."""
    watch = Watch(KEYS, LIMITS, BACKEND, Memory())
    kinds: set[str] = set()
    for number, (growth, down, restarted) in enumerate(rounds):
        for node, by in zip(nodes, growth):
            node.size += by
            node.height = node.size
        up = [node for at, node in enumerate(nodes) if at not in down]
        fetcher = Fetcher(5.0, transport=transport_of(up))
        seen = fetcher.observe([node.url for node in nodes])
        alarms = watch.judge(seen, fetcher.prove, 1_790_000_000_000 + number)
        kinds |= {alarm.kind for alarm in alarms}
        if restarted:
            content = encode_memory(watch.memory, GENESIS.hash)
            memory = decode_memory(content, GENESIS.hash, KEYS, BACKEND)
            watch = Watch(KEYS, LIMITS, BACKEND, memory)
    return kinds, watch


@settings(max_examples=25)
@given(st.lists(st.integers(1, 20), min_size=4, max_size=4), ROUNDS)
def test_honest_nodes_are_never_accused(
    sizes: list[int], rounds: list[tuple[list[int], set[int], bool]]
) -> None:
    nodes = [FakeNode(name, size) for name, size in zip(NAMES, sizes)]
    kinds, watch = play(nodes, rounds)
    assert kinds <= {"unreachable", "unproven"}
    kinds, watch = play(nodes, [*rounds, ([0] * 4, set(), False), ([1] * 4, set(), False)])
    assert not watch.memory.pending
    assert not watch.memory.forks


@settings(max_examples=25)
@given(
    st.lists(st.integers(5, 20), min_size=4, max_size=4),
    st.integers(0, 4),
    st.integers(0, 3),
    ROUNDS,
)
def test_a_fork_is_found(
    sizes: list[int],
    forks_at: int,
    which: int,
    rounds: list[tuple[list[int], set[int], bool]],
) -> None:
    nodes = [
        FakeNode(name, size, forks_at=forks_at if at == which else None)
        for at, (name, size) in enumerate(zip(NAMES, sizes))
    ]
    kinds, watch = play(nodes, [*rounds, ([3] * 4, set(), False)])
    assert "fork" in kinds
    guilty = NAMES[which]
    for fork in watch.memory.forks:
        assert guilty in (fork.smaller.signer, fork.larger.signer)
