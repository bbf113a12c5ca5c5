"""The operator's way with a real EVM node: deploy, anchor, prove, pin, verify offline."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.anchored import administered, settled
from builders.anvil import ANVIL_CHAIN, ANVIL_KEYS, Anvil, anvil
from builders.commands import Cli, in_process
from builders.home import Home, make_home
from builders.node_process import running_node
from builders.running import record_of, submit
from builders.served import ServedNode, served

from chaincode_adapters.evm.account import load_account
from node.cli.exit_codes import ExitCode
from node.client.http import NodeClient
from node.config import load_config
from node.core.encoding import canonical_json
from node.core.verify import verify_bundle
from node.evidence.bundle import bundle_record
from node.wiring import system_time

CONFIG = """
[[anchors.to]]
kind = "evm"
name = "judicial"
operator = "某司法链运营方"
url = "{url}"
chain_id = {chain}
contract = "{contract}"
key = "keys/anchor.key"
depth = 1
poll_ms = 20
from = "first"
"""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return in_process(capsys, monkeypatch)


@dataclass
class Case:
    chain: Anvil
    home: Home

    @property
    def key(self) -> Path:
        return self.home.path / "keys/anchor.key"


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    home = make_home(tmp_path / "home", parameters={"anchor_every_records": 1})
    with anvil() as chain:
        case = Case(chain, home)
        case.key.touch(0o600)
        case.key.write_text(ANVIL_KEYS[0])
        yield case


def deployed(case: Case, cli: Cli) -> str:
    """The contract's address, once it is on the chain."""
    ended = cli(
        *("anchor", "deploy", "--url", case.chain.url, "--chain-id", ANVIL_CHAIN),
        *("--key", case.key, "--genesis", case.home.path / "genesis.json", "--json"),
        *("--member", f"0x{load_account(case.key).address.hex()}", "--threshold", 1),
    )
    assert ended.code == ExitCode.OK, ended.err
    assert ANVIL_KEYS[0] not in ended.out
    return str(ended.document["contract"])


def with_chain(case: Case, contract: str) -> Home:
    text = CONFIG.format(url=case.chain.url, chain=ANVIL_CHAIN, contract=contract)
    with (case.home.path / "node.toml").open("a", encoding="utf-8") as file:
        file.write(text)
    return Home(
        case.home.path,
        case.home.chain_id,
        case.home.keys,
        case.home.future_key,
        load_config(case.home.path),
    )


def anchored(running: ServedNode, chain: Anvil) -> int:
    """Record something and have it anchored; the index of the record."""
    node = running.node
    [ticket] = submit(node, [record_of(running.home).encode()]).tickets
    assert ticket.position is not None
    index = ticket.position.index

    def covered() -> bool:
        chain.mine(1)
        return bool(node.receipts.items([index], 1 << 40))

    settled(covered, 60)
    return index


def test_deploy_anchor_prove_pin_and_verify(case: Case, cli: Cli, tmp_path: Path) -> None:
    home = with_chain(case, deployed(case, cli))
    trust, pinned, out = tmp_path / "trust.json", tmp_path / "pinned.json", tmp_path / "proof"
    cli("trust", "make", "--genesis", home.path / "genesis.json", "--out", trust)
    with served(home, system_time) as running, administered(running):
        index = anchored(running, case.chain)
        proof = cli(
            *("anchor", "prove", "--home", home.path, "--size", index + 1, "--out", out, "--json")
        )
        assert proof.code == ExitCode.OK, proof.err + proof.out
        with running.node.reader() as reader:
            items = running.node.receipts.items
            bundle = canonical_json(bundle_record(reader, index, anchors=items))
        logged = json.dumps(running.get("/v1/anchors").json()) + running.get("/metrics").text
    assert ANVIL_KEYS[0] not in logged + proof.out
    [receipt] = proof.document["receipts"]
    assert receipt["live"]["stands"] is True
    entry = receipt["live"]["trust_entry"]
    [block] = entry["blocks"]
    there = case.chain.ask("eth_getBlockByNumber", hex(block["number"]), False)
    assert there["hash"] == f"0x{block['hash']}"
    (tmp_path / "entry.json").write_text(json.dumps(entry))
    made = cli(
        *("trust", "make", "--genesis", home.path / "genesis.json"),
        *("--anchor", tmp_path / "entry.json", "--out", pinned),
    )
    assert made.code == ExitCode.OK, made.err
    report = verify_bundle(bundle, pinned.read_bytes())
    assert report.accepted
    [step] = [step for step in report.steps if step.id.startswith("anchors") and step.part]
    assert step.status == "passed", step.text
    assert "某司法链运营方" in step.title + step.text


def test_a_conflicting_root_on_a_real_chain_is_the_alarm(case: Case, cli: Cli) -> None:
    """The same account has attested something else at the next point's size."""
    from chaincode_adapters.evm.building import build
    from chaincode_adapters.port import Surroundings
    from node.core.anchors.point import AnchorPoint

    home = with_chain(case, deployed(case, cli))
    with served(home, system_time) as running, administered(running):
        node = running.node
        index = anchored(running, case.chain)
        settled(lambda: not node.anchor_jobs.under_way("judicial"))
        settled(lambda: not node.anchor_jobs.unrecorded())
        with node.reader() as reader:
            size = reader.meta.size + 1
        here = Surroundings(home.path, home.chain_id, node.genesis.hash, "x", system_time)
        other = build(home.config.anchors.to[0], here)  # type: ignore[arg-type]
        other.open()
        false = AnchorPoint(home.chain_id, 9, size, b"\1" * 32, b"\2" * 32, b"\3" * 32)
        other.send(false, other.sign(false, []))
        other.close()
        case.chain.mine(2)
        submit(node, [record_of(running.home).encode()])
        settled(lambda: running.get("/v1/anchors").json()["alarms"], 60)
        [alarm] = running.get("/v1/anchors").json()["alarms"]
        assert alarm["adapter"] == "judicial"
        assert str(size) in alarm["text"]
        assert cli("anchor", "status", "--home", home.path).code == ExitCode.REFUSED
        assert node.receipts.items([index], 1 << 40), "what was anchored before stands"


def test_what_cannot_be_deployed(case: Case, cli: Cli) -> None:
    common = ("--key", case.key, "--genesis", case.home.path / "genesis.json", "--json")
    asked = ("anchor", "deploy", "--url", case.chain.url, *common, "--threshold", 1)
    address = "0x" + "11" * 20
    other = cli(*asked, "--chain-id", 1, "--member", address)
    assert other.code == ExitCode.REFUSED
    assert "not 1" in other.error["message"]
    wrong = cli(*asked, "--chain-id", ANVIL_CHAIN, "--member", "0x11")
    assert wrong.code == ExitCode.USAGE
    nobody = ("anchor", "deploy", "--url", "http://127.0.0.1:1", *common, "--threshold", 1)
    gone = cli(*nobody, "--chain-id", 1, "--member", address)
    assert gone.code == ExitCode.UNREACHABLE


@pytest.mark.slow
def test_killed_at_any_moment_each_point_is_attested_once(case: Case, cli: Cli) -> None:
    """A node's process, ended by SIGKILL: before it has sent anything, once the chain has what it
    sent, and once that is in a block. No number of the account is used in vain."""
    home = with_chain(case, deployed(case, cli))
    account = f"0x{load_account(case.key).address.hex()}"

    def used() -> int:
        return int(case.chain.ask("eth_getTransactionCount", account, "latest"), 16)

    begun = used()
    moments = (
        lambda before: True,
        lambda before: used() > before,
        lambda before: used() > before and case.chain.mine(1) is None,
    )
    for moment in moments:
        with running_node(home.path) as process:
            before = used()
            with NodeClient(process.url) as client:
                client.submit(record_of(home).encode())
            settled(lambda moment=moment, before=before: moment(before), 60)
            process.end(signal.SIGKILL)
    with running_node(home.path) as process:

        def told() -> dict[str, Any]:
            case.chain.mine(1)
            return dict(httpx.get(f"{process.url}/v1/anchors", timeout=30).json())

        settled(lambda: told()["adapters"][0]["state"] == "up to date", 60)
        points = told()["points"]
        [adapter] = told()["adapters"]
    assert adapter["jobs"]["final"] == len(points) > len(moments)
    assert used() - begun == len(points)
