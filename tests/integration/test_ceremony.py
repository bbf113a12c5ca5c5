"""Four members found a consortium through the command line, and their real nodes record."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from builders.ceremony import ROLES, Ceremony, free_ports
from builders.commands import Ended
from builders.testnet import RunningNode, engine_binary, until

from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.client.records import build_submission
from node.core.signatures import load_backend
from node.core.verify import verify_bundle
from node.demo.testnet import TestnetNode
from node.wiring import system_time

pytestmark = pytest.mark.slow


def cli(*arguments: object, stdin: bytes = b"") -> Ended:
    """A command in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, arguments)], input=stdin, capture_output=True
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningNode]]:
    """All four nodes, running."""
    engine = engine_binary()
    ports = free_ports(2 * len(ROLES))
    peers = dict(zip(ROLES, ports))
    ceremony = Ceremony(cli, tmp_path_factory.mktemp("founding"), peers)
    ceremony.until_signed()
    nodes = {}
    for member, port in zip(ROLES, ports[len(ROLES) :]):
        assert ceremony.check(member, *ROLES).code == 0
        joined = ceremony.join(member, engine, "--api-port", port)
        assert joined.code == 0, joined.err
        home = ceremony.home(member)
        settings = home / "node.toml"
        text = re.sub(r"min_free_megabytes = \d+", "min_free_megabytes = 0", settings.read_text())
        text = re.sub(r"empty_block_ms = \d+", "empty_block_ms = 2000", text)
        settings.write_text(re.sub(r"(?m)^workers = 0", "workers = 1", text))
        nodes[member] = RunningNode(TestnetNode(member, home, port, peers[member], ""))
    try:
        for node in nodes.values():
            node.start()
        for node in nodes.values():
            node.ready()
        yield nodes
    finally:
        for node in nodes.values():
            if node.process is not None and node.process.poll() is None:
                node.end()


def test_what_they_founded_records_and_proves(founded: dict[str, RunningNode]) -> None:
    home = founded["jinan-data"].node.home
    key = SigningKey.load(home / "keys/operator.pem")
    now = system_time()
    submission = build_submission(
        key,
        member="jinan-data",
        chain_id="founded-1",
        event_id="event-1",
        event_type="record.imported",
        subject="record:jinan-data:1",
        data={
            "aliases": [],
            "document_hashes": [],
            "happened_at": 1_600_866_875_000,
            "record_hash": "b2" * 32,
            "source_system": "旧存证平台",
        },
        source={"method": "api", "system": "test"},
        occurred_at=now,
        issued_at=now,
    )
    with NodeClient(founded["jinan-data"].url) as client:
        receipt = client.submit(submission, timeout=60)
    assert receipt["status"] == "recorded", receipt
    court = founded["jinan-court"]
    trust = (court.node.home / "trust.json").read_bytes()
    until(lambda: court.get("/v1/statistics").json()["size"] >= 2)
    reader = NodeClient(
        court.url,
        key=SigningKey.load(court.node.home / "keys/operator.pem"),
        member="jinan-court",
        chain_id="founded-1",
        operator="jinan-court",
    )
    with reader:
        report = verify_bundle(reader.bundle("record:jinan-data:1"), trust, load_backend())
    assert report.accepted, report


def test_every_node_is_of_the_genesis_that_all_signed(founded: dict[str, RunningNode]) -> None:
    trusted = {
        json.loads((node.node.home / "trust.json").read_bytes())["genesis_hash"]
        for node in founded.values()
    }
    told = {node.get("/v1/node").json()["genesis_hash"] for node in founded.values()}
    assert trusted == told
    assert len(told) == 1


def examined(founded: dict[str, RunningNode], member: str, *others: str) -> tuple[int, Any]:
    urls = [part for other in others for part in ("--node", founded[other].url)]
    ended = cli("doctor", "--home", founded[member].node.home, "--json", *urls)
    return ended.code, {item["id"]: item for item in ended.document["checks"]}


def test_a_running_node_is_well(founded: dict[str, RunningNode]) -> None:
    """It holds its stores' locks, and its peers have proven their keys to its engine."""
    until(lambda: founded["jinan-court"].get("/readyz").status_code == 200)
    others = [member for member in ROLES if member != "jinan-court"]
    until(lambda: examined(founded, "jinan-court")[1]["peers"]["status"] == "ok")
    code, checks = examined(founded, "jinan-court", *others)
    assert not [item for item in checks.values() if item["status"] != "ok"]
    assert code == 0
    peers = [item["text"] for item in checks["peers"]["findings"]]
    assert len(peers) == 3
    assert all("is connected and is" in text for text in peers)
    assert len(checks["agreement"]["findings"]) == 3
    assert "the same app_hash" in checks["agreement"]["findings"][0]["text"]


def test_a_stopped_node_is_examined_by_its_files(founded: dict[str, RunningNode]) -> None:
    node = founded["jinan-maker"]
    assert node.end() == 0
    code, checks = examined(founded, "jinan-maker", "jinan-court", "jinan-data")
    assert code == 0, checks
    assert (checks["height"]["status"], checks["ready"]["status"]) == ("not checked",) * 2
    assert checks["agreement"]["status"] == "ok"
    assert "signed up to height" in str(checks["keys"])
    state = node.node.home / "engine/data/priv_validator_state.json"
    held = state.read_bytes()
    state.unlink()
    code, checks = examined(founded, "jinan-maker")
    assert (code, checks["keys"]["status"]) == (1, "failed")
    state.write_bytes(held)
    node.start()
    node.ready()
    _, checks = examined(founded, "jinan-court", "jinan-maker")
    assert checks["agreement"]["status"] == "ok"


def test_they_are_watched_and_one_that_is_down_is_told(founded: dict[str, RunningNode]) -> None:
    home = founded["jinan-court"].node.home
    state = home.parent / "state.json"
    urls = [node.url for node in founded.values()]
    watching = ("monitor", *urls, "--trust", home / "trust.json", "--state", state, "--once")
    first = cli(*watching, "--json")
    assert first.code == 0, first.out + first.err
    nodes = first.document["nodes"]
    assert {node["signer"] for node in nodes.values()} == set(ROLES)
    height = nodes[urls[0]]["height"]
    until(lambda: founded[next(iter(ROLES))].get("/v1/node").json()["height"] > height)
    again = cli(*watching, "--json")
    assert again.code == 0, again.out + again.err
    assert founded["jinan-maker"].end() == 0
    down = cli(*watching, "--json")
    assert down.code == 3, down.out + down.err
    (raised,) = [json.loads(line) for line in down.out.splitlines()][:1]
    assert (raised["event"], raised["kind"]) == ("raised", "unreachable")
