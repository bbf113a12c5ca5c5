"""A node whose chain continues another answers for both, and says which is which."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from builders.home import Home, make_home, steady_clock
from builders.second_opinion import both
from builders.served import ServedNode, served

from node.cli.chain_end import end_chain
from node.cli.home_migration import continue_home
from node.config import load_config
from node.core.encoding import canonical_json
from node.core.genesis import Genesis, encode_genesis
from node.core.merkle import leaf_hash, verify_inclusion
from node.core.trust import Trust

NEXT = "seal-test-next"
CASE = "case:platform-a:0001"


@dataclass(frozen=True)
class Continued:
    """A served node, and what was kept from before its chain began."""

    node: ServedNode
    genesis: Genesis
    old_genesis: Genesis
    old_bundle: bytes
    receipts: list[dict[str, Any]]


def successor(home: Home, other: Home) -> tuple[Home, Genesis]:
    """The home under a genesis in which every member has another key: those of ``other``."""
    end = end_chain(home.config)
    old, new = (json.loads((one.path / "genesis.json").read_bytes()) for one in (home, other))
    genesis = encode_genesis(
        {
            **new,
            "genesis_time": end.last.time.milliseconds + 1000,
            "initial_height": end.initial_height,
            "predecessor": end.predecessor.to_json(),
            "validators": old["validators"],
        }
    )
    continue_home(home.config, genesis, None, lambda *_: None)
    shutil.copy(other.path / "keys/operator.pem", home.path / "keys/operator.pem")
    return replace(other, path=home.path, config=load_config(home.path)), genesis


@pytest.fixture(scope="module")
def continued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Continued]:
    path = tmp_path_factory.mktemp("continued")
    home = make_home(path / "home")
    with served(home) as node:
        told = [*node.teller.seal(), *node.teller.case()[:2]]
        receipts: list[dict[str, Any]] = node.submit(*told)
        old_genesis = node.node.genesis
        with node.client("platform-a") as client:
            old_bundle = client.bundle(CASE)
    moved, genesis = successor(home, make_home(path / "other", chain_id=NEXT))
    with served(moved, steady_clock(genesis.genesis_time + 5000)) as node:
        node.submit(*node.teller.case()[2:])
        yield Continued(node, genesis, old_genesis, old_bundle, receipts)


def test_receipts_of_old_records_are_what_they_were(continued: Continued) -> None:
    for receipt in continued.receipts:
        answer = continued.node.get(f"/v1/transactions/{receipt['id']}").json()
        assert {name: answer[name] for name in receipt} == receipt
        assert answer["chain_id"] == continued.old_genesis.chain_id


def test_the_dossier_goes_on_and_is_proven(continued: Continued) -> None:
    with continued.node.client("court-a") as client:
        bundle, trust = client.bundle(CASE), client.trust()
        codes = [item["code"] for item in client.dossier(CASE)["entries"]]
    assert len(codes) == 5
    assert len({code[:-2] for code in codes}) == 1
    assert both(bundle, trust).accepted
    assert len(json.loads(bundle)["predecessors"]) == 1


def test_each_record_is_proven_alone(continued: Continued) -> None:
    with continued.node.client("court-a") as client:
        trust = client.trust()
        for receipt in continued.receipts:
            assert both(client.record_bundle(receipt["id"]), trust).accepted


def test_old_bundles_are_checked_under_the_chain_that_they_are_of(continued: Continued) -> None:
    with continued.node.client() as client:
        report = client.verify(continued.old_bundle)
        assert report["accepted"], report
        old = Trust(continued.old_genesis.chain_id, continued.old_genesis.hash)
        assert report["trust_fingerprint"] == old.fingerprint.hex()
        with continued.node.client("court-a") as court:
            bundle = court.bundle(CASE)
        assert client.verify(bundle)["accepted"]
        refused = client.verify(bundle, canonical_json(old.to_json()))
        assert not refused["accepted"]
        identity = next(step for step in refused["steps"] if step["id"] == "chain.identity")
        assert "this chain says that it continues that one" in identity["text"]


def test_the_log_holds_both_geneses(continued: Continued) -> None:
    node, size = continued.node, continued.node.get("/v1/node").json()["size"]
    content = node.get(f"/v1/log/tile/entries/000.p/{size}", "court-a").content
    entries = []
    while content:
        length = int.from_bytes(content[:2], "big")
        entries.append(content[2 : 2 + length])
        content = content[2 + length :]
    assert len(entries) == size
    assert entries[0] == continued.old_genesis.document
    assert entries[continued.genesis.index] == continued.genesis.document
    tile = node.get(f"/v1/log/tile/0/000.p/{size}").content
    assert b"".join(map(leaf_hash, entries)) == tile
    proof = node.get(f"/v1/log/proofs/inclusion?index={continued.genesis.index}").json()
    path = [bytes.fromhex(step) for step in proof["path"]]
    leaf, root = leaf_hash(continued.genesis.document), bytes.fromhex(proof["root"])
    verify_inclusion(leaf, continued.genesis.index, proof["size"], path, root)


def test_blocks_of_both_chains(continued: Continued) -> None:
    node, height = continued.node, continued.genesis.initial_height
    blocks = node.get("/v1/blocks?limit=100").json()["blocks"]
    assert [block["height"] for block in blocks] == list(range(len(blocks) - 1, -1, -1))
    assert node.get(f"/v1/blocks/{height - 2}").json()["header"]["chain_id"] == "seal-test"
    between = node.get(f"/v1/blocks/{height - 1}").json()
    assert (between["header"], between["size"]) == (None, continued.genesis.index + 1)
    assert node.get(f"/v1/blocks/{height}").json()["header"]["chain_id"] == NEXT


def test_the_node_is_of_the_new_chain(continued: Continued) -> None:
    node = continued.node
    assert node.get("/readyz").status_code == 200
    assert node.get("/v1/genesis").content == continued.genesis.document
    assert node.get("/v1/node").json()["chain_id"] == NEXT
    proof = node.get("/v1/state/member/platform-a").json()["proof"]
    assert json.loads(proof["value"])["since"] == continued.genesis.initial_height
    assert node.get("/metrics").status_code == 200


def test_what_was_private_before_can_be_shown_after(continued: Continued, tmp_path: Path) -> None:
    with continued.node.client("court-a") as client:
        answer = client.disclosures(CASE, purpose="审理", case_no="（2026）鲁01民初1号")
    names = {item["name"] for item in answer["disclosures"]}
    assert {"document_names", "serial_no", "page_rectangles"} <= names


def test_pages_show_both_chains(continued: Continued) -> None:
    node = continued.node
    with node.node.reader() as reader:
        state = reader.state(f"dossier/{CASE}")
        newest = reader.meta
        days = node.app.state.service.daily.days(reader)
    assert state is not None
    page = node.get(f"/d/CZ{state['code']}")
    assert page.status_code == 200
    assert page.text.count("<h4>") == 5
    for height in range(newest.height + 1):
        assert node.get(f"/b/{height}").status_code == 200, height
    assert node.get("/statistics").status_code == 200
    assert node.get("/status").status_code == 200
    assert sum(day.records for day in days) == newest.size - 2, "the geneses are no records"
