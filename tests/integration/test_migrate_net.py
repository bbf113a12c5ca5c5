"""The demonstration's chain of one node becomes the past of four nodes with four real engines."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from builders.second_opinion import both
from builders.testnet import Net, RunningNode, engine_binary, until

from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.core.encoding import canonical_json
from node.core.genesis import Genesis, encode_genesis
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify import Report, verify_bundle
from node.demo.generator import DemoGenerator, Event
from node.demo.members import DEMO_CHAIN, DEMO_OPERATOR, NodeKeys, demo_genesis
from node.demo.testnet import Testnet, create_testnet
from node.wiring import EdKey, system_time

FOUR = "jinan-evidence-four"
Receipt = dict[str, Any]


@dataclass
class Moved:
    """A net whose members were one node before, and what was kept from then."""

    net: Net
    solo: Genesis
    genesis: Genesis
    receipts: list[Receipt]
    old_bundle: bytes
    case: list[Event]
    generator: DemoGenerator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = DemoGenerator(self.net.made.keys, FOUR, 7, system_time)

    def bundle(self, node: RunningNode, subject: str) -> bytes:
        with reader_of(node, self.net.made.keys, FOUR) as client:
            return client.bundle(subject)


def cli(*arguments: object) -> str:
    """Run a command; its output."""
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def reader_of(node: RunningNode, keys: dict[str, SigningKey], chain_id: str) -> NodeClient:
    return NodeClient(
        node.url,
        key=keys["jinan-court"],
        member="jinan-court",
        chain_id=chain_id,
        operator=node.node.member,
    )


def trust_of(genesis: Genesis) -> bytes:
    return canonical_json(Trust(genesis.chain_id, genesis.hash).to_json())


def submit(node: RunningNode, generator: DemoGenerator, events: Sequence[Event]) -> list[Receipt]:
    with NodeClient(node.url) as client:
        receipts = [client.submit(generator.sign(event)) for event in events]
    assert {receipt["status"] for receipt in receipts} == {"recorded"}, receipts
    return receipts


def solo_home(made: Testnet) -> Genesis:
    """Make the first node's home one of a solo chain of the same members."""
    home = made.nodes[0].home
    assert made.nodes[0].member == DEMO_OPERATOR
    recovery = {
        member: SigningKey.load(home.parent / "members" / f"{member}.recovery.pem")
        for member in made.keys
    }
    validator, checkpoint = (EdKey.load(home / f"keys/{name}.pem") for name in KEYS)
    public = NodeKeys(validator.public_key, checkpoint.public_key)
    genesis = demo_genesis(
        made.keys, recovery, {DEMO_OPERATOR: public}, system_time() - 1000, chain_id=DEMO_CHAIN
    )
    (home / "genesis.json").write_bytes(genesis.document)
    (home / "node.toml").rename(home / "node.toml.four")
    port = made.nodes[0].port
    (home / "node.toml").write_text(
        f'[api]\nport = {port}\n[operator]\nmember = "{DEMO_OPERATOR}"\n'
        "[engine]\nempty_block_ms = 1000\n"
        "[submission]\nworkers = 1\n[storage]\nmin_free_megabytes = 0\n"
    )
    return genesis


KEYS = ("validator", "checkpoint")


def continue_as_four(made: Testnet, told: dict[str, Any]) -> Genesis:
    """The four members' genesis, in place of the one that the net was made with."""
    value = json.loads(made.genesis.document)
    return encode_genesis(
        {
            **value,
            "chain_id": FOUR,
            "genesis_time": max(told["genesis_time_after"] + 1, system_time() - 1000),
            "initial_height": told["initial_height"],
            "predecessor": told["predecessor"],
        }
    )


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    path = tmp_path_factory.mktemp("moved")
    made = create_testnet(
        path / "net", 4, engine_binary(), system_time, min_free=0, empty_block_ms=2_000
    )
    solo = solo_home(made)
    net = Net(made)
    first = net.nodes[0]
    first.start()
    try:
        first.ready()
        generator = DemoGenerator(made.keys, DEMO_CHAIN, 7, system_time)
        (seal,) = generator.base_seals(1)
        receipts = submit(first, generator, seal)
        case = next(life for life in generator.dossiers(50) if is_case(life))
        receipts += submit(first, generator, case[:2])
        with reader_of(first, made.keys, DEMO_CHAIN) as client:
            old_bundle = client.bundle(case[0].subject)
    finally:
        first.end()
        first.process = None  # the net starts it anew
    told = json.loads(cli("migrate", "prepare", "--home", first.node.home, "--json"))
    cli("backup", "--home", first.node.home, "--to", path / "backup")
    genesis = continue_as_four(made, told)
    (path / "genesis.json").write_bytes(genesis.document)
    for node in made.nodes:
        arguments: list[object] = ["--home", node.home, "--genesis", path / "genesis.json"]
        if node.member != DEMO_OPERATOR:
            shutil.copy(path / "genesis.json", node.home)
            arguments += ["--backup", path / "backup"]
        cli("migrate", "apply", *arguments)
    (first.node.home / "node.toml.four").replace(first.node.home / "node.toml")
    try:
        net.start()
        yield Moved(net, solo, genesis, receipts, old_bundle, case)
    finally:
        net.stop()


def is_case(life: Sequence[Event]) -> bool:
    return life[0].type == "signing.initiated" and len(life) > 4


def verify_offline(bundle: bytes, genesis: Genesis) -> Report:
    """By the pure-Python verifier, and by the second one."""
    report = verify_bundle(bundle, trust_of(genesis), load_backend("ecdsa"))
    assert report.accepted, report
    assert both(bundle, trust_of(genesis)).accepted
    return report


def test_an_old_case_goes_on_and_its_bundle_spans_both_chains(moved: Moved) -> None:
    nodes, rest = moved.net.nodes, moved.case[2:]
    for position, event in enumerate(rest):
        (receipt,) = submit(nodes[position % 4], moved.generator, [event])
        assert receipt["code"].partition("-")[0] == moved.receipts[-1]["code"].partition("-")[0]
        assert receipt["chain_id"] == FOUR
    size = int(nodes[0].get("/v1/statistics").json()["size"])
    for node in nodes:
        until(lambda node=node: node.get("/v1/statistics").json()["size"] >= size)  # type: ignore[misc]
        bundle = moved.bundle(node, moved.case[0].subject)
        value = json.loads(bundle)
        assert len(value["entries"]) == len(moved.case)
        assert {entry["chain_id"] for entry in value["chain"]["headers"]} == {FOUR}
        assert {entry["chain_id"] for entry in value["predecessors"][0]["headers"]} == {DEMO_CHAIN}
        report = verify_offline(bundle, moved.genesis)
    operators = next(step for step in report.steps if step.id == "operators")
    assert operators.text.startswith("4 operators: ")
    assert f"the chain {DEMO_CHAIN}, one operator ({DEMO_OPERATOR})" in operators.details[0]


def test_what_was_kept_from_before_stays_good(moved: Moved) -> None:
    """Receipts and codes lead to the same records at every node; old bundles still verify."""
    for node in moved.net.nodes:
        for receipt in moved.receipts:
            answer = node.get(f"/v1/transactions/{receipt['id']}").json()
            assert {name: answer[name] for name in receipt} == receipt
            with NodeClient(node.url) as client:
                assert client.lookup(receipt["code"])["outcome"] == "found"
    verify_offline(moved.old_bundle, moved.solo)


def test_blocks_of_both_chains_are_told_of(moved: Moved) -> None:
    last = moved.genesis.initial_height - 2
    hashes = set()
    for node in moved.net.nodes:
        with NodeClient(node.url) as client:
            assert client.block(last)["header"]["chain_id"] == DEMO_CHAIN
            assert client.block(last + 1)["header"] is None, "the genesis, and no block"
            assert client.block(last + 2)["header"]["chain_id"] == FOUR
            hashes.add(client.block(last + 1)["app_hash"])
            assert client.block(last + 2)["header"]["app_hash"] in hashes
    assert len(hashes) == 1


def test_a_bundle_of_the_new_chain_alone(moved: Moved) -> None:
    life = next(life for life in moved.generator.dossiers(50) if life[0].type == "record.imported")
    submit(moved.net.nodes[1], moved.generator, life)
    verify_offline(moved.bundle(moved.net.nodes[1], life[0].subject), moved.genesis)


def test_a_killed_node_comes_back(moved: Moved) -> None:
    victim, others = moved.net.nodes[2], [moved.net.nodes[0], moved.net.nodes[3]]
    victim.end(signal.SIGKILL)
    records = [life for life in moved.generator.dossiers(60) if life[0].type == "record.imported"]
    submit(others[0], moved.generator, records[-1])
    victim.start()
    victim.ready()
    size = others[0].get("/v1/statistics").json()["size"]
    until(lambda: victim.get("/v1/statistics").json()["size"] >= size)
    verify_offline(moved.bundle(victim, moved.case[0].subject), moved.genesis)


def test_every_ledger_is_what_both_chains_give(moved: Moved) -> None:
    """Ends the net."""
    moved.net.stop()
    for node in moved.net.nodes:
        assert "Nothing is wrong." in cli("audit", "--home", node.node.home)
