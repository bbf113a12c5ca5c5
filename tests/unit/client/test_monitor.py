"""The watch's rules, on nodes that are well, fork, lie, stall, lag, or go back."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpx
import pytest
from builders.fake_nodes import GENESIS, KEYS, FakeNode, transport_of
from builders.signing import BlockSigner

from node.client.monitor import Alarm, Limits, Memory, Watch
from node.client.monitor_fetch import Fetcher
from node.client.monitor_memory import decode_memory, encode_fork, encode_memory
from node.client.signed_checkpoints import read_signed
from node.core.checkpoint import open_note, parse_verifier_key
from node.core.encoding import decode_json_object
from node.core.errors import InvalidInput
from node.core.genesis import decode_genesis
from node.core.merkle import verify_consistency
from node.core.signatures import load_backend

BACKEND = load_backend()
LIMITS = Limits(interval_ms=30_000, stall_intervals=3, clock_ms=5_000, behind=20)
NOW = 1_790_000_000_000


class Watching:
    """A watch over fake nodes; each round takes half a minute."""

    def __init__(self, *nodes: FakeNode) -> None:
        self.nodes = nodes
        self.now = NOW
        self.watch = Watch(KEYS, LIMITS, BACKEND, Memory())
        self.fetcher = Fetcher(5.0, transport=transport_of(nodes))

    def round(self, urls: Sequence[str] = ()) -> list[Alarm]:
        self.now += LIMITS.interval_ms
        asked = list(urls) or [node.url for node in self.nodes]
        return self.watch.judge(self.fetcher.observe(asked), self.fetcher.prove, self.now)

    def kinds(self) -> list[tuple[str, str]]:
        return [(alarm.kind, alarm.url.removeprefix("http://")) for alarm in self.round()]

    def grow(self, by: int = 3) -> None:
        for node in self.nodes:
            node.size += by
            node.height += by

    def restart(self) -> None:
        """A new process, with the state's file."""
        content = encode_memory(self.watch.memory, GENESIS.hash)
        memory = decode_memory(content, GENESIS.hash, KEYS, BACKEND)
        assert memory == self.watch.memory
        self.watch = Watch(KEYS, LIMITS, BACKEND, memory)


def four(**changes: int) -> list[FakeNode]:
    return [FakeNode(name, **changes) for name in KEYS]


def test_nodes_at_different_sizes_of_one_log() -> None:
    nodes = [FakeNode(name, 10 + 3 * at) for at, name in enumerate(KEYS)]
    watching = Watching(*nodes)
    for _ in range(5):
        assert watching.kinds() == []
        watching.grow()
    line = watching.watch.memory.line
    assert line is not None
    assert line.checkpoint.size == nodes[-1].size - 3


def test_two_roots_of_one_size_are_a_fork() -> None:
    watching = Watching(FakeNode("court-a"), FakeNode("data-a", forks_at=8))
    assert watching.kinds() == [("fork", "data-a")]
    (fork,) = watching.watch.memory.forks
    assert fork.proof is None
    assert {fork.smaller.signer, fork.larger.signer} == {"court-a", "data-a"}


@pytest.mark.parametrize(("honest", "forked"), [(10, 13), (13, 10), (16, 17), (8, 16)])
def test_another_log_of_another_size_is_a_fork_with_its_proof(honest: int, forked: int) -> None:
    watching = Watching(FakeNode("court-a", honest), FakeNode("data-a", forked, forks_at=5))
    assert [kind for kind, _ in watching.kinds()] == ["fork"]
    (fork,) = watching.watch.memory.forks
    assert fork.proof is not None
    first, second = fork.smaller.checkpoint, fork.larger.checkpoint
    assert fork.proof.first_root != first.root
    verify_consistency(
        first.size, second.size, fork.proof.hashes, fork.proof.first_root, second.root
    )


def test_two_states_of_one_height_are_a_fork() -> None:
    other = FakeNode("data-a")
    other.state = b"another state"
    assert Watching(FakeNode("court-a"), other).kinds() == [("fork", "data-a")]


def test_an_entry_less_at_a_greater_height_is_a_fork() -> None:
    other = FakeNode("data-a", 9)
    other.height = 11
    assert [kind for kind, _ in Watching(FakeNode("court-a", 10), other).kinds()] == ["fork"]


def test_a_node_that_shows_one_log_now_and_another_later() -> None:
    """It is asked alone; what it signed before a restart of the monitor convicts it."""
    node = FakeNode("court-a")
    watching = Watching(node)
    assert watching.kinds() == []
    watching.restart()
    node.forks_at = 4
    watching.grow()
    assert watching.kinds() == [("fork", "court-a")]
    (fork,) = watching.watch.memory.forks
    assert (fork.smaller.signer, fork.larger.signer) == ("court-a", "court-a")


def test_a_fork_stays_an_alarm_and_is_kept_once() -> None:
    watching = Watching(FakeNode("court-a"), FakeNode("data-a", forks_at=8))
    for _ in range(3):
        assert ("fork", "data-a") in watching.kinds()
        watching.grow()
        watching.restart()
    assert len(watching.watch.memory.forks) == 1


def test_evidence_of_a_fork_convinces_who_has_it_alone() -> None:
    watching = Watching(FakeNode("court-a", 10), FakeNode("data-a", 13, forks_at=5))
    watching.round()
    content = encode_fork(watching.watch.memory.forks[0], GENESIS.document, KEYS)
    value = decode_json_object(content, place="fork", max_bytes=1 << 20)
    genesis = decode_genesis(value["genesis"].encode())
    known = {member.checkpoint_key for member in genesis.members}
    keys = [parse_verifier_key(text) for text in value["keys"]]
    assert {key.public_key for key in keys} <= known
    signed = [
        read_signed(
            value[name]["note"].encode(), "", {key.id.hex(): key for key in keys}, BACKEND
        ).checkpoint
        for name in ("smaller", "larger")
    ]
    proof = value["proof"]
    hashes = [bytes.fromhex(item) for item in proof["hashes"]]
    claimed = bytes.fromhex(proof["first_root"])
    verify_consistency(signed[0].size, signed[1].size, hashes, claimed, signed[1].root)
    assert claimed != signed[0].root


def no_proof(request: httpx.Request) -> httpx.Response | None:
    return httpx.Response(500) if "proofs" in request.url.path else None


def other_proof(request: httpx.Request) -> httpx.Response | None:
    """A whole, right proof, of another log."""
    if "proofs" not in request.url.path:
        return None
    first, second = (int(request.url.params[name]) for name in ("first", "second"))
    return httpx.Response(200, json=FakeNode("police-a", 50, forks_at=2).consistency(first, second))


def cut_proof(request: httpx.Request) -> httpx.Response | None:
    if "proofs" not in request.url.path:
        return None
    first, second = (int(request.url.params[name]) for name in ("first", "second"))
    value = FakeNode("court-a", 50).consistency(first, second)
    return httpx.Response(200, json={**value, "proof": value["proof"][1:]})  # type: ignore[index]


@pytest.mark.parametrize("lie", [no_proof, other_proof, cut_proof])
def test_a_forked_node_that_gives_no_proof_is_convicted_when_the_others_pass_it(
    lie: object,
) -> None:
    honest, forked = FakeNode("court-a", 10), FakeNode("data-a", 13, forks_at=5)
    forked.odd = lie  # type: ignore[assignment]
    watching = Watching(honest, forked)
    assert watching.kinds() == [("unproven", "data-a")], "not shown, and not accused"
    watching.restart()
    honest.size = honest.height = 16
    assert ("fork", "court-a") in watching.kinds()
    (fork, *_) = watching.watch.memory.forks
    assert fork.smaller.signer == "data-a"
    assert fork.proof is not None


def test_a_node_that_lies_in_proofs_alone_accuses_nobody() -> None:
    honest, liar, third = FakeNode("court-a", 10), FakeNode("data-a", 13), FakeNode("notary-a", 13)
    liar.odd = other_proof
    watching = Watching(honest, liar, third)
    assert watching.kinds() == [], "the third node has the proof"


def test_a_signer_that_lies_hides_no_fork_of_the_others() -> None:
    """It signs a height that nobody has: all others contradict it, and are held to each other."""
    liar, court, notary = FakeNode("data-a"), FakeNode("court-a"), FakeNode("notary-a")
    liar.height = 10**9
    watching = Watching(liar, court, notary)
    for _ in range(2):
        watching.round()
        watching.restart()
        for node in (court, notary):
            node.size += 3
            node.height += 3
    told = {
        frozenset({one.smaller.signer, one.larger.signer}) for one in watching.watch.memory.forks
    }
    assert told == {frozenset({"court-a", "data-a"}), frozenset({"notary-a", "data-a"})}
    notary.forks_at = 12
    watching.round()
    told = {
        frozenset({one.smaller.signer, one.larger.signer}) for one in watching.watch.memory.forks
    }
    assert frozenset({"court-a", "notary-a"}) in told


def test_stall_and_its_end() -> None:
    watching = Watching(*four())
    assert watching.kinds() == []
    assert watching.kinds() == []
    assert watching.kinds() == []
    assert [kind for kind, _ in watching.kinds()] == ["stall"] * 4
    watching.grow()
    assert watching.kinds() == []


def test_empty_blocks_are_growth() -> None:
    watching = Watching(*four())
    for _ in range(6):
        for node in watching.nodes:
            node.height += 1
        assert watching.kinds() == []


def test_one_node_that_stalls_falls_behind() -> None:
    watching = Watching(*four())
    watching.round()
    stuck = watching.nodes[0]
    for _ in range(3):
        watching.grow(10)
        stuck.size, stuck.height = 10, 10
        last = watching.kinds()
    assert last == [("stall", "court-a"), ("behind", "court-a")]


def test_stall_is_known_after_a_restart() -> None:
    watching = Watching(*four())
    for _ in range(3):
        assert watching.kinds() == []
        watching.restart()
    assert [kind for kind, _ in watching.kinds()] == ["stall"] * 4


def test_going_back() -> None:
    watching = Watching(*four(size=20))
    watching.round()
    watching.nodes[0].size = watching.nodes[0].height = 15
    assert ("rollback", "court-a") in watching.kinds()
    watching.restart()
    assert ("rollback", "court-a") in watching.kinds()


@pytest.mark.parametrize("off", [-600, 600])
def test_a_clock_that_is_off_accuses_its_own_node_alone(off: int) -> None:
    watching = Watching(*four())
    watching.nodes[1].clock = lambda: time.time() + off
    (alarm,) = watching.round()
    assert (alarm.kind, alarm.url) == ("clock", "http://data-a")
    assert ("ahead of" if off > 0 else "behind") in alarm.text


def test_of_two_nodes_the_clock_here_decides() -> None:
    watching = Watching(FakeNode("court-a"), FakeNode("data-a"))
    watching.nodes[1].clock = lambda: time.time() + 600
    assert watching.kinds() == [("clock", "data-a")]


def test_no_date_is_no_alarm() -> None:
    watching = Watching(*four())
    watching.nodes[1].clock = None
    assert watching.kinds() == []


def test_a_node_that_is_down_and_one_that_answers_html() -> None:
    watching = Watching(*four())
    watching.nodes[1].odd = lambda request: httpx.Response(200, text="<html>maintenance</html>")
    watching.nodes[2].odd = lambda request: httpx.Response(502, text="bad gateway")
    alarms = watching.round([*(node.url for node in watching.nodes), "http://nowhere"])
    assert [(alarm.kind, alarm.url) for alarm in alarms] == [
        ("invalid", "http://data-a"),
        ("unreachable", "http://notary-a"),
        ("unreachable", "http://nowhere"),
    ]
    assert "502" in alarms[1].text


def test_checkpoints_of_a_stranger_and_of_another_chain() -> None:
    watching = Watching(*four())
    watching.nodes[1].key = BlockSigner("stranger")
    watching.nodes[2].origin = "evidence-ledger/another"
    assert watching.kinds() == [("invalid", "data-a"), ("invalid", "notary-a")]


def test_a_checkpoint_that_was_altered() -> None:
    watching = Watching(*four())
    node = watching.nodes[0]
    altered = node.checkpoint().replace(b"height 10", b"height 99")
    node.odd = lambda request: httpx.Response(200, content=altered)
    assert watching.kinds() == [("invalid", "court-a")]


def test_a_node_may_show_anothers_checkpoint() -> None:
    """A mirror: what is signed counts, not who shows it."""
    watching = Watching(*four())
    other = watching.nodes[1].checkpoint()
    watching.nodes[0].odd = lambda request: httpx.Response(200, content=other)
    assert watching.kinds() == []


def test_unproven_checkpoints_do_not_fill_the_memory() -> None:
    honest, silent = FakeNode("court-a", 10), FakeNode("data-a", 13)
    silent.odd = no_proof
    watching = Watching(honest, silent)
    for _ in range(30):
        silent.size += 1
        silent.height += 1
        watching.round()
    assert len(watching.watch.memory.pending) == 8


def test_memory_is_checked_when_it_is_read() -> None:
    watching = Watching(FakeNode("court-a"), FakeNode("data-a", 13, forks_at=5))
    watching.round()
    content = encode_memory(watching.watch.memory, GENESIS.hash)
    assert decode_memory(content, GENESIS.hash, KEYS, BACKEND) == watching.watch.memory
    for old, new in (
        (b"height 10", b"height 11"),
        (b"evidence-monitor/1", b"evidence-monitor/2"),
        (GENESIS.hash.hex().encode(), b"00" * 32),
        (b'"pending"', b'"depending"'),
        (b"{", b"["),
    ):
        assert old in content
        with pytest.raises(InvalidInput):
            decode_memory(content.replace(old, new, 1), GENESIS.hash, KEYS, BACKEND)


def test_notes_open_under_the_keys_of_the_genesis() -> None:
    node = FakeNode("court-a")
    assert open_note(node.checkpoint(), KEYS["court-a"], BACKEND).startswith("evidence-ledger/")
