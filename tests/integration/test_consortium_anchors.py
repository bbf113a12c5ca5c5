"""Members of a consortium attest the same points; receipts reach the node that anchors nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.anvil import ANVIL_CHAIN, ANVIL_KEYS, Anvil, anvil
from builders.testnet import Net, net_of, until

from chaincode_adapters.evm.account import load_account
from chaincode_adapters.evm.deploying import deploy
from node.client.http import NodeClient
from node.core.encoding import canonical_json
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify import NOT_CHECKED, verify_bundle
from node.demo.generator import DemoGenerator
from node.wiring import system_time

_ADAPTER = """
[[anchors.to]]
kind = "evm"
name = "quancheng"
operator = "泉城链（测试）"
url = "{url}"
chain_id = {chain_id}
contract = "{contract}"
key = "{key}"
depth = 1
poll_ms = 200
"""


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    with anvil("--block-time", "1", "--slots-in-an-epoch", "1") as node:
        yield node


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, chain: Anvil) -> Iterator[Net]:
    """Four nodes, of which two anchor, and both must for a point to be confirmed."""
    folder = tmp_path_factory.mktemp("anchored")
    keys = []
    for number, key in enumerate(ANVIL_KEYS):
        keys.append(folder / f"account-{number}.key")
        keys[-1].touch(0o600)
        keys[-1].write_text(key)

    def prepare(net: Net) -> None:
        deployed = deploy(
            url=chain.url,
            chain_id=ANVIL_CHAIN,
            key=keys[2],
            ledger=net.made.genesis.hash,
            members=[load_account(path).address for path in keys[:2]],
            threshold=2,
        )
        for node, key in zip(net.nodes, keys[:2]):
            config = _ADAPTER.format(
                url=chain.url,
                chain_id=ANVIL_CHAIN,
                contract=f"0x{deployed.contract.hex()}",
                key=key,
            )
            with (node.node.home / "node.toml").open("a", encoding="utf-8") as file:
                file.write(config)

    parameters = {"anchor_every_ms": 1_000}
    with net_of(
        folder / "net", 4, prepare=prepare, empty_block_ms=1_000, parameters=parameters
    ) as net:
        yield net


def test_two_members_attest_the_same_points_and_every_node_shows_them(
    net: Net, chain: Anvil
) -> None:
    genesis = net.made.genesis
    generator = DemoGenerator(net.made.keys, genesis.chain_id, 5, system_time)
    (life,) = generator.base_seals(1)
    with NodeClient(net.nodes[0].url) as client:
        index = max(client.submit(generator.sign(event))["index"] for event in life)
    for node in net.nodes[:2]:
        until(lambda node=node: newest_size(node.get("/v1/anchors").json()) > index)  # type: ignore[misc]
    silent = net.nodes[3]
    trust = canonical_json(Trust(genesis.chain_id, genesis.hash).to_json())
    with NodeClient(
        silent.url,
        key=net.made.keys["jinan-court"],
        member="jinan-court",
        chain_id=genesis.chain_id,
        operator=silent.node.member,
    ) as client:

        def covers_all() -> bool:
            items = json.loads(client.bundle(life[0].subject))["anchors"]
            return any(item["point"]["size"] > index for item in items)

        until(covers_all)
        bundle = client.bundle(life[0].subject)
    report = verify_bundle(bundle, trust, load_backend())
    assert report.accepted
    parts = [step for step in report.steps if step.number == 16 and step.part]
    assert {part.status for part in parts} == {NOT_CHECKED}, "its trust file names no chain"
    assert "threshold" in json.dumps([part.text for part in parts])


def newest_size(told: dict[str, list[dict[str, dict[str, int] | None]]]) -> int:
    [adapter] = told["adapters"]
    newest = adapter["newest"]
    return 0 if newest is None else newest["size"]


def test_every_node_has_the_same_points(net: Net) -> None:
    points = [
        {point["point"]["height"]: point for point in node.get("/v1/anchors").json()["points"]}
        for node in net.nodes
    ]
    common = set.intersection(*map(set, points))
    assert len(common) >= 2
    for height in common:
        assert all(told[height] == points[0][height] for told in points)


def test_both_put_their_anchors_on_the_ledger(net: Net) -> None:
    """Their receipts may be the same bytes: the proof of one block."""

    def recorded() -> int:
        told = net.nodes[3].get("/v1/statistics").json()
        return int(told["records"].get("anchor.confirmed", 0))

    finals = 0
    for node in net.nodes[:2]:
        [adapter] = node.get("/v1/anchors").json()["adapters"]
        finals += adapter["jobs"]["final"]
    until(lambda: recorded() >= finals >= 2)


def test_keys_of_accounts_are_in_no_log(net: Net) -> None:
    for node in net.nodes:
        text = Path(node.log).read_text("utf-8")
        assert not any(key in text for key in ANVIL_KEYS)
