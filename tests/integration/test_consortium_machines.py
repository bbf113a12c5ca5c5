"""Machines that go wrong under a node: altered store, wrong clock, full disk, another engine.
The node notices, says what to do, and the others go on. One net; each test leaves it whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from builders.acknowledged import Load, agree, calls_follow_the_grammar
from builders.clock import children_of, shift_clock
from builders.extra_node import extra_node
from builders.testnet import Net, RunningNode, net_of, set_option, until

from node.client.http import NodeClient
from node.core.encoding import canonical_json
from node.demo.generator import DemoGenerator
from node.ledger.rows import TILE, VALUE, decode_value_row, encode_value_row
from node.storage.leveldb import open_leveldb
from node.wiring import system_time

SMALL_DISK = 1
"""The node whose home is on a disk of its own."""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    path = tmp_path_factory.mktemp("net") / "net"
    mounted: list[Path] = []

    def prepare(net: Net) -> None:
        home = net.nodes[SMALL_DISK].node.home
        if put_on_own_disk(home):
            mounted.append(home)
        set_option(home, "storage", "min_free_megabytes", "24")

    try:
        with net_of(path, 4, empty_block_ms=500, prepare=prepare) as net:
            yield net
    finally:
        for home in mounted:
            subprocess.run(["umount", str(home)], check=True)


def put_on_own_disk(home: Path) -> bool:
    """Move a home to a small file system in memory; whether this machine allows that."""
    content = home.with_name(f"{home.name}.before")
    home.rename(content)
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96m", "evidence-test", str(home)]
    done = subprocess.run(mount, capture_output=True, text=True).returncode == 0
    shutil.copytree(content, home, dirs_exist_ok=True)
    return done


def fill(path: Path, leave: int) -> None:
    """Have a file take all of a disk but ``leave`` bytes."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(path.parent).free - leave))


def alter_count(node: RunningNode, subject: str) -> None:
    """Change how many records a dossier has, in the store of a node that has ended."""
    with open_leveldb(node.node.home / "ledger", kind="ledger", create=False) as store:
        for key, row in store.scan(VALUE, bytes([VALUE[0] + 1])):
            name, value = decode_value_row(row)
            if name == f"dossier/{subject}":
                changed = orjson.loads(value)
                changed["count"] += 1
                batch = store.batch()
                batch.put(key, encode_value_row(name, canonical_json(changed)))
                store.write(batch, sync=True)
                return
    raise AssertionError(f"there is no dossier {subject}")


def height_of(node: RunningNode) -> int:
    return int(node.get("/v1/blocks/latest").json()["header"]["height"])


def test_an_altered_store_is_noticed_and_the_node_can_join_anew(net: Net) -> None:
    victim, others, load = net.nodes[3], net.nodes[:3], Load(net)
    generator = DemoGenerator(net.made.keys, net.made.genesis.chain_id, 5, system_time)
    [life] = generator.base_seals(1)
    with NodeClient(others[0].url) as client:
        client.submit(generator.sign(life[0]))
        agree(net.nodes)
        victim.end(signal.SIGTERM)
        alter_count(victim, life[0].subject)
        victim.start()
        victim.ready()
        client.submit(generator.sign(life[1]))
    told = "this node's ledger is not what more than 2/3 of the validators signed"
    until(lambda: told in victim.unready())
    assert "evidence-node audit" in victim.unready()
    assert load.submit(victim, 1, timeout=1.0) == [503]
    assert load.submit(others[1], 2) == [201, 201]
    agree(others)
    victim.end(signal.SIGTERM)
    with pytest.raises(
        AssertionError, match="a value of the state map is not what the blocks give"
    ):
        victim.audit()
    victim.start()  # now the others' blocks come by block sync, which blames the peers
    until(lambda: told in victim.unready() or victim.process.poll() is not None)
    victim.end(signal.SIGTERM)
    join_anew(victim)
    agree(net.nodes)
    load.all_kept(net.nodes)


def test_a_damaged_log_is_not_opened(net: Net) -> None:
    victim = net.nodes[3]
    victim.end(signal.SIGTERM)
    flipped = flip_newest_tile(victim)
    victim.start()
    assert victim.wait() == 70
    assert "is not what the last block left" in victim.told()
    assert "run `evidence-node audit` to see where" in victim.told()
    assert flip_newest_tile(victim) == flipped
    victim.start()
    victim.ready()
    agree(net.nodes)


def flip_newest_tile(node: RunningNode) -> bytes:
    """Change a bit of the newest leaf in the log's tiles, or change it back; the tile's key."""
    with open_leveldb(node.node.home / "ledger", kind="ledger", create=False) as store:
        *_, (key, row) = store.scan(TILE + b"\0", TILE + b"\1")
        batch = store.batch()
        batch.put(key, row[:-1] + bytes([row[-1] ^ 1]))
        store.write(batch, sync=True)
    return key


def join_anew(node: RunningNode) -> None:
    """What docs/consortium.md says."""
    home = node.node.home
    for name in ("ledger", "blocks"):
        shutil.rmtree(home / name)
    for item in (home / "engine/data").iterdir():
        if item.name != "priv_validator_state.json":
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    node.start()
    node.ready()


def test_a_wrong_clock_is_told_and_does_no_harm(net: Net) -> None:
    """One too fast and one too slow: the median of four is between the two that are right."""
    fast, slow, load = net.nodes[2], net.nodes[3], Load(net)
    shift_clock(children_of(fast.pid), 600)
    shift_clock(children_of(slow.pid), -30)
    until(lambda: "ms ahead of the validators'" in fast.unready())
    until(lambda: "ms behind the last block" in slow.unready())
    assert "set it, best by NTP" in fast.unready()
    assert "set it, best by NTP" in slow.unready()
    for node in net.nodes:
        assert load.submit(node, 2) == [201, 201], "blocks go on, with records of this node too"
    stamp = net.nodes[0].get("/v1/blocks/latest").json()["time"]
    assert abs(stamp - system_time()) < 60_000, "the median of the validators' clocks"
    agree(net.nodes)
    load.all_kept(net.nodes)
    for victim in (fast, slow):
        victim.end(signal.SIGTERM)
        victim.start()
    for victim in (fast, slow):
        victim.ready()
        until(lambda victim=victim: not victim.unready())  # type: ignore[misc]


def test_a_clock_ten_minutes_behind_ends_the_engine_and_no_other(net: Net) -> None:
    """CometBFT takes no block, not even one that 2/3 have signed, that is more than a minute ahead
    of the machine's clock."""
    victim, others, load = net.nodes[2], net.nodes[:2], Load(net)
    assert load.submit(victim, 2) == [201, 201]
    shift_clock(children_of(victim.pid), -600)
    until(lambda: "the machine's clock is more than a minute behind" in victim.unready())
    assert load.submit(victim, 1, timeout=1.0) == [503]
    assert load.submit(others[1], 2) == [201, 201]
    victim.end(signal.SIGTERM)
    victim.start()
    victim.ready()
    load.all_kept(net.nodes)
    agree(net.nodes)
    until(lambda: not victim.unready())


def test_a_full_disk(net: Net) -> None:
    victim, others, load = net.nodes[SMALL_DISK], net.nodes[2:], Load(net)
    home = victim.node.home
    if not os.path.ismount(home):
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail("no file system can be mounted")
        pytest.skip("mounting a small file system (root)")
    assert load.submit(victim, 2) == [201, 201]
    filler = home / "filler"
    fill(filler, leave=16 << 20)
    until(lambda: "MiB are free on the disk" in victim.unready())
    assert load.submit(victim, 1, timeout=1.0) == [503]
    before = height_of(victim)
    assert load.submit(others[0], 2) == [201, 201]
    until(lambda: height_of(victim) > before)
    fill(home / "more", leave=0)
    until(lambda: load.submit(others[0], 1)[0] == 201 and "no more blocks" in victim.unready())
    assert "space" in victim.unready()
    assert load.submit(others[1], 2) == [201, 201]
    agree(others)
    victim.end(signal.SIGTERM)
    filler.unlink()
    (home / "more").unlink()
    victim.start()
    victim.ready()
    agree(net.nodes)
    load.all_kept(net.nodes)
    until(lambda: not victim.unready())


def test_another_engine_is_not_started(net: Net, tmp_path: Path) -> None:
    older = tmp_path / "older-engine"
    older.write_text("#!/bin/sh\necho 0.37.4\n")
    older.chmod(0o700)
    node = extra_node(net, net.nodes[0], "older", same_validator=False)
    set_option(node.node.home, "consortium", "binary", f'"{older}"')
    node.start()
    assert node.wait() == 65
    assert f"{older} is not CometBFT 0.38.25" in node.told()
    assert "it says that it is version 0.37.4" in node.told()
    assert "`scripts/build-engine` builds the right one" in node.told()
    assert "leaked" not in node.told(), "what the start had begun was ended"


def test_calls_follow_the_grammar_and_the_ledgers_are_what_the_blocks_give(net: Net) -> None:
    """Ends the net."""
    net.stop()
    for node in net.nodes:
        if node is not net.nodes[3]:  # its application forgot, and began anew
            assert calls_follow_the_grammar(node) > 50
        node.audit()
