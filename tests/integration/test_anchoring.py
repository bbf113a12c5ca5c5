"""A node that anchors: from a record to the outside chain, the ledger and the bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.anchored import Miner, fake_kind, settled, to_chains
from builders.fake_chain import FakeChain, unreachable
from builders.home import Home, make_home
from builders.running import record_of, running, submit

from node.core.anchors.receipts import read_anchor_receipt
from node.core.encoding import canonical_json
from node.core.trust import Trust
from node.core.verify import verify_bundle
from node.evidence.bundle import bundle_record
from node.ledger.indexes import find
from node.wiring import Node

EACH_RECORD = {"anchor_every_records": 1}


def anchors_recorded(node: Node) -> list[dict[str, object]]:
    with node.reader() as reader:
        found = list(find(reader.rows, "anchor", "", limit=100))
        return [entry.transaction.data for entry in reader.entries(found)]


def anchored(tmp_path: Path, *names: str) -> Home:
    return make_home(tmp_path / "home", parameters=EACH_RECORD, more=to_chains(*names))


def test_a_record_gets_to_the_chain_to_the_ledger_and_into_its_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = FakeChain(name="fake:7")
    adapters = fake_kind(monkeypatch, {"court": chain})
    home = anchored(tmp_path, "court")
    node = running(home)
    try:
        with Miner(chain):
            [ticket] = submit(node, [record_of(home).encode()]).tickets
            settled(lambda: len(anchors_recorded(node)) == 2)  # of the genesis, of the record
        assert ticket.position is not None
        with node.reader() as reader:
            points = list(reader.anchor_points())
            bundle = bundle_record(reader, ticket.position.index, anchors=node.receipts.items)
        assert chain.anchored == {point.digest(): 1 for point in points}
        [item] = bundle["anchors"]
        receipt = read_anchor_receipt(item, "item")
        assert receipt.point == points[1]
        assert ticket.position.index < receipt.point.size
        first, second = anchors_recorded(node)
        assert second["receipt_hash"] == receipt.hash().hex()
        assert (first["size"], second["size"]) == (points[0].size, points[1].size)
        assert adapters["court"].is_open
    finally:
        node.stop()
    assert not adapters["court"].is_open
    node = running(home)
    try:
        settled(lambda: node.anchoring is not None and node.anchoring.workers["court"].thread)
        assert len(anchors_recorded(node)) == 2, "it is recorded once"
        assert node.receipts.items([ticket.position.index], points[1].size) == [item]
    finally:
        node.stop()


def test_a_dead_chain_delays_neither_records_nor_another_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, alive = FakeChain(name="fake:dead"), FakeChain(name="fake:alive")
    adapters = fake_kind(monkeypatch, {"dead": dead, "alive": alive})
    home = anchored(tmp_path, "dead", "alive")
    node = Node(home.config)
    adapters["dead"].fault = unreachable
    node.start()
    try:
        with Miner(dead, alive):
            for _ in range(3):
                submit(node, [record_of(home).encode()])
            settled(lambda: len(anchors_recorded(node)) >= 4)
        assert node.anchoring is not None
        told = {one["name"]: one for one in node.anchoring.standing()}
        assert told["dead"]["state"] == "unreachable"
        assert told["dead"]["lag"]["points"] >= 4
        assert told["alive"]["state"] == "up to date"
        assert not dead.anchored
    finally:
        node.stop()


def test_without_outside_chains_nothing_of_them_runs(tmp_path: Path) -> None:
    node = running(make_home(tmp_path / "home"))
    try:
        assert node.anchoring is None
    finally:
        node.stop()


def test_the_embedded_chain_from_configuration_to_the_offline_verifier(tmp_path: Path) -> None:
    """The wiring builds a real adapter, and its receipt stands in a bundle that verifies."""
    home = anchored(tmp_path, "trial")
    node = running(home)
    try:
        [ticket] = submit(node, [record_of(home).encode()]).tickets
        assert node.anchoring is not None
        settled(lambda: len(anchors_recorded(node)) == 2, 60)
        with node.reader() as reader:
            assert ticket.position is not None
            bundle = bundle_record(reader, ticket.position.index, anchors=node.receipts.items)
        entry = node.anchoring.trust_entry("trial").result(10)
        proof = node.anchoring.stands("trial", bundle["anchors"][0]["point"]["size"]).result(10)
    finally:
        node.stop()
    assert proof["stands"] is True
    trust = Trust(node.genesis.chain_id, node.genesis.hash, anchors=(entry,))
    report = verify_bundle(canonical_json(bundle), canonical_json(trust.to_json()))
    assert report.accepted
    [step] = [step for step in report.steps if step.id.startswith("anchors") and step.part]
    assert step.status == "not checked", "a development chain vouches to nobody"
    assert "development" in step.text
