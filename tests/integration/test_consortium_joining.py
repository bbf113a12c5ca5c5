"""Nodes that join a running consortium late: by a snapshot, or by replaying all; and what they can
show then."""

from __future__ import annotations

import itertools
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.testnet import Net, RunningNode, net_of, until

from node.client.http import NodeClient
from node.core.encoding import canonical_json
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify import verify_bundle
from node.demo.generator import DemoGenerator, Event
from node.wiring import system_time

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    path = tmp_path_factory.mktemp("net") / "net"
    options = {"empty_block_ms": 500, "snapshot_every": 0, "keep_blocks": 5, "guests": 3}
    with net_of(path, 4, **options) as net:
        yield net


@pytest.fixture(scope="module")
def generator(net: Net) -> DemoGenerator:
    return DemoGenerator(net.made.keys, net.made.genesis.chain_id, 5, system_time)


@pytest.fixture(scope="module")
def old(net: Net, generator: DemoGenerator) -> list[str]:
    """Subjects of dossiers recorded before anybody joins."""
    dossiers = [*generator.base_seals(2), *generator.dossiers(3)]
    play(generator, dossiers, net.nodes)
    return [dossier[0].subject for dossier in dossiers]


def play(
    generator: DemoGenerator, dossiers: Sequence[Sequence[Event]], nodes: Sequence[RunningNode]
) -> None:
    clients = [NodeClient(node.url) for node in nodes]
    turn = itertools.cycle(clients)
    for step in itertools.zip_longest(*dossiers):
        for event in step:
            if event is not None:
                receipt = next(turn).submit(generator.sign(event), timeout=30.0)
                assert receipt["status"] == "recorded", receipt
    for client in clients:
        client.close()


def run(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *arguments], capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def height_of(node: RunningNode) -> int:
    return int(node.get("/readyz").json()["height"])


def snapshot(node: RunningNode) -> int:
    """Have one taken; its height."""
    told = run("snapshot", "--home", str(node.node.home))
    found = re.search(r"Snapshot of height (\d+)", told)
    assert found, told
    return int(found[1])


def trust_in(node: RunningNode, servers: Sequence[RunningNode], height: int) -> str:
    """What an operator puts into node.toml, having heard of a header from ``node``."""
    digest = node.get(f"/v1/blocks/{height}").json()["commit"]["block_id"]["hash"]
    urls = ", ".join(f'"{server.url}"' for server in servers)
    return (
        f"\n[consortium.sync]\nservers = [{urls}]\n"
        f'trust_height = {height}\ntrust_hash = "{digest}"\n'
    )


def configure(node: RunningNode, text: str) -> None:
    path = node.node.home / "node.toml"
    path.write_text(path.read_text("utf-8") + text, encoding="utf-8")


def check_bundles(net: Net, node: RunningNode, subjects: Sequence[str]) -> None:
    trust = canonical_json(Trust(net.made.genesis.chain_id, net.made.genesis.hash).to_json())
    reader = NodeClient(
        node.url,
        key=net.made.keys["jinan-court"],
        member="jinan-court",
        chain_id=net.made.genesis.chain_id,
        operator=node.node.member,
    )
    with reader as client:
        for subject in subjects:
            report = verify_bundle(client.bundle(subject), trust, load_backend())
            assert report.accepted, report


def call(node: RunningNode, method: str, **parameters: str) -> dict[str, Any]:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    answer = httpx.post(node.url + "/v1/engine/rpc", json=request, timeout=30)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_fifth_node_joins_by_a_snapshot(
    net: Net, generator: DemoGenerator, old: list[str]
) -> None:
    """It is an observer: no validator, yet it follows, proves what is old, and takes records."""
    fifth = net.guests[0]
    configure(fifth, trust_in(net.nodes[2], net.nodes[2:4], 3))
    fifth.start()
    until(lambda: "the peers are asked for a snapshot" in fifth.told())
    assert "it joins the others" in fifth.get("/readyz").text
    assert fifth.end() == 0, "there is none yet"
    height = snapshot(net.nodes[0])
    fifth.start()
    fifth.ready()
    assert "a snapshot has been restored" in fifth.told(), "it replayed"
    check_bundles(net, fifth, old)
    size = net.nodes[0].get("/v1/statistics").json()["size"]
    until(lambda: fifth.get("/v1/statistics").json()["size"] == size)
    for path in (
        "/v1/blocks/1",
        f"/v1/blocks/{height}",
        f"/v1/log/proofs/consistency?first=2&second={size}",
        "/v1/genesis",
        f"/v1/log/proofs/inclusion?index=1&size={size}",
    ):
        one, other = (node.get(path) for node in (net.nodes[0], fifth))
        assert (one.status_code, one.content) == (other.status_code, other.content), path
    (life,) = generator.base_seals(1)
    play(generator, [life], [fifth])
    check_bundles(net, net.nodes[1], [life[0].subject])


def test_a_chunk_that_was_altered_is_fetched_from_somebody_else(
    net: Net, generator: DemoGenerator, old: list[str]
) -> None:
    """Three of four nodes send altered chunks of the same snapshot. Who sends which follows from
    chance: where none of theirs is asked for, once in 256 times, it is tried again."""
    sixth, lied = net.guests[1], False
    configure(sixth, trust_in(net.nodes[1], net.nodes[1:3], 2))
    while not lied:
        honest = net.nodes[3].node.home / "snapshots" / str(snapshot(net.nodes[3]))
        for liar in net.nodes[:3]:
            shelf = liar.node.home / "snapshots"
            shelf.mkdir(exist_ok=True)
            shutil.copytree(honest, shelf / honest.name)
            for chunk in shelf.joinpath(honest.name).glob("[0-9]*"):
                content = bytearray(chunk.read_bytes())
                content[len(content) // 2] ^= 0x20
                chunk.write_bytes(content)
        sixth.start()
        sixth.ready()
        told = sixth.log.read_text("utf-8")
        assert "a snapshot has been restored" in told
        lied = "a chunk of a snapshot was altered; its sender is not asked" in told
        check_bundles(net, sixth, old)
        assert sixth.end() == 0
        for liar in net.nodes[:3]:
            shutil.rmtree(liar.node.home / "snapshots" / honest.name)
        if not lied:
            for folder in ("ledger", "blocks", "engine"):
                shutil.rmtree(sixth.node.home / folder)


def test_a_node_killed_in_the_middle_of_a_snapshot_begins_anew(net: Net, old: list[str]) -> None:
    seventh = net.guests[2]
    configure(seventh, trust_in(net.nodes[0], [net.nodes[1], net.nodes[3]], 2))
    seventh.start(program=_ROOT / "tests/builders/dying_joiner.py")
    assert seventh.ended() == -signal.SIGKILL
    seventh.start()
    seventh.ready()
    told = seventh.log.read_text("utf-8")
    assert "a snapshot was restored only in part; the node begins anew" in told
    assert "a snapshot has been restored" in told
    check_bundles(net, seventh, old)


def test_the_engine_s_store_is_pruned_and_evidence_is_not(
    net: Net, generator: DemoGenerator, old: list[str]
) -> None:
    pruned = net.nodes[0]

    def earliest() -> int:
        answer = call(pruned, "status")["result"]
        return int(answer["sync_info"]["earliest_block_height"])

    until(lambda: earliest() > 3)
    kept = [int(entry.name) for entry in (pruned.node.home / "snapshots").iterdir()]
    assert earliest() <= min(kept), "who joins by a snapshot needs the blocks behind it"
    check_bundles(net, pruned, old)


def test_the_engine_s_own_calls_are_not_offered(net: Net) -> None:
    node = net.nodes[0]
    for method in (
        "broadcast_tx_sync",
        "net_info",
        "dial_peers",
        "genesis",
        "unsafe_flush_mempool",
    ):
        answer = httpx.post(
            node.url + "/v1/engine/rpc", json={"jsonrpc": "2.0", "id": 1, "method": method}
        )
        assert answer.status_code == 400, method
    assert "error" in call(node, "commit", height="999999999")
    assert "result" in call(net.nodes[1], "commit", height="1")


def test_a_node_that_was_down_catches_up(net: Net, generator: DemoGenerator) -> None:
    node = net.guests[0]
    assert node.end() == 0
    missed = list(generator.base_seals(2))
    play(generator, missed, net.nodes)
    height = height_of(net.nodes[0]) + 5
    until(lambda: height_of(net.nodes[0]) >= height)
    node.start()
    node.ready()
    until(lambda: height_of(node) >= height)
    check_bundles(net, node, [life[0].subject for life in missed])


def begin_again(node: RunningNode, sync: str) -> None:
    """Empty a node's home of all but its keys, and change how it joins."""
    for folder in ("ledger", "blocks", "engine"):
        shutil.rmtree(node.node.home / folder)
    path = node.node.home / "node.toml"
    text = path.read_text("utf-8").partition("\n[consortium.sync]")[0]
    path.write_text(text + sync, encoding="utf-8")


def test_a_header_that_is_not_the_chain_s_keeps_a_node_from_joining(net: Net) -> None:
    node = net.guests[2]
    assert node.end() == 0
    right = trust_in(net.nodes[1], [net.nodes[1], net.nodes[3]], 2)
    begin_again(node, re.sub(r'trust_hash = "\w{64}"', f'trust_hash = "{"ab" * 32}"', right))
    node.start()
    assert node.ended() != 0
    assert "failed to set up light client" in node.told()


def test_a_node_without_a_snapshot_replays_all_from_its_peers(net: Net, old: list[str]) -> None:
    node = net.guests[2]
    begin_again(node, "")
    before = node.log.stat().st_size
    node.start()
    node.ready()
    height = height_of(net.nodes[1])
    until(lambda: height_of(node) >= height)
    assert b"snapshot" not in node.log.read_bytes()[before:]
    check_bundles(net, node, old)


def test_every_ledger_is_what_its_blocks_give(net: Net, tmp_path: Path) -> None:
    """Ends the net: those that joined, by a snapshot or not, and those whose engine was pruned."""
    net.stop()
    for node in [net.nodes[0], net.nodes[3], *net.guests]:
        assert "Nothing is wrong." in run("audit", "--home", str(node.node.home))
    fifth = net.guests[0]
    home = fifth.node.home
    assert "Made anew up to height" in run("reindex", "--home", str(home))
    run("backup", "--home", str(home), "--to", str(tmp_path / "backup"), "--keys")
    assert not (tmp_path / "backup" / "engine").exists()
    told = run("restore", "--from", str(tmp_path / "backup"), "--home", str(tmp_path / "again"))
    assert "docs/consortium.md" in told
    assert "Nothing is wrong." in told
    assert "priv_validator_state.json is gone" in run(
        "run", "--home", str(tmp_path / "again"), code=70
    )
