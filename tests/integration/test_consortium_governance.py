"""A consortium that changes while it runs: validators, members, keys, parameters, by vote."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.governing import Governing
from builders.second_opinion import both
from builders.testnet import Net, RunningNode, net_of, until

from node.client.errors import NodeError, RecordRefused
from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.core.block import consensus_hash
from node.core.encoding import canonical_json
from node.core.genesis import ed25519_jwk
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify import Report

NEXT_RELEASE = Path(__file__).parents[1] / "builders" / "next_release.py"
RECORD = {
    "aliases": [],
    "document_hashes": [],
    "happened_at": 1_600_866_875_000,
    "record_hash": "cd" * 32,
    "source_system": "旧存证平台",
}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "net", 4, empty_block_ms=1_000) as net:
        yield net


@pytest.fixture(scope="module")
def members(net: Net) -> Governing:
    return Governing(net, net.nodes[0].node.home.parent / "members")


def header(node: RunningNode, height: int) -> Any:
    return node.get(f"/v1/blocks/{height}").json()["header"]


def refusal(members: Governing, signed: bytes) -> str:
    with pytest.raises(RecordRefused) as caught:
        members.client.submit(signed)
    return str(caught.value.problem["name"])


def verified(members: Governing, subject: str, node: RunningNode) -> Report:
    """The report on a dossier's bundle, as a node makes it; both verifiers agree on it."""
    genesis = members.net.made.genesis
    with NodeClient(
        node.url,
        key=members.keys["jinan-court"],
        member="jinan-court",
        chain_id=genesis.chain_id,
        operator=node.node.member,
    ) as client:
        bundle = client.bundle(subject)
    trust = canonical_json(Trust(genesis.chain_id, genesis.hash).to_json())
    report = both(bundle, trust, load_backend())
    assert report.accepted, report
    return report


class Traffic:
    """Records that go on being submitted to one node; every one of them must be recorded."""

    def __init__(self, members: Governing, node: RunningNode) -> None:
        self._members = members
        self._node = node
        self._stop = threading.Event()
        self.recorded: list[str] = []
        self.pending: list[str] = []
        self.failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with NodeClient(self._node.url) as client:
            while not self._stop.is_set():
                signed = self._members.signed("anyunyin", "record.imported", RECORD)
                try:
                    answer = client.submit(signed)
                    if answer["status"] == "recorded":
                        self.recorded.append(answer["code"])
                    else:
                        self.pending.append(answer["id"])
                except BaseException as error:
                    self.failed.append(error)
                    return


def test_a_validator_goes_and_comes_back_while_traffic_runs(net: Net, members: Governing) -> None:
    """The bundles of what was recorded before, between and after show every change."""
    leaving = net.made.nodes[3]
    own = next(v for v in net.made.genesis.validators if v.member == leaving.member)
    change = {
        "kind": "validator.set",
        "member": leaving.member,
        "power": 0,
        "public_key": ed25519_jwk(own.validator.public_key),
    }
    before = members.record("anyunyin", "record.imported", RECORD)
    with Traffic(members, net.nodes[1]) as traffic:
        gone = members.decide(change)
        one = header(net.nodes[0], gone - 1)
        assert one["validators_hash"] != one["next_validators_hash"]
        shown = net.nodes[2].get(f"/v1/blocks/{gone}").json()
        assert len(shown["validators"]) == 3
        between = members.record("anyunyin", "record.imported", RECORD)
        net.nodes[3].end()  # the three that are left are enough
        members.record("anyunyin", "record.imported", RECORD)
        net.nodes[3].start()
        net.nodes[3].ready()
        back = members.decide({**change, "power": 7})
        assert len(net.nodes[0].get(f"/v1/blocks/{back}").json()["validators"]) == 4
    assert not traffic.failed
    assert not traffic.pending
    assert len(traffic.recorded) > 3
    after = members.record("anyunyin", "record.imported", RECORD)
    for receipt, sets in ((before, 3), (between, 3), (after, 3)):
        report = verified(members, _subject(net, receipt), net.nodes[3])
        last = report.steps[-1]
        assert "4 operators" in last.text
        assert f"after {sets - 1} other" in last.text


def _subject(net: Net, receipt: dict[str, Any]) -> str:
    found = net.nodes[0].get(f"/v1/lookup?q={receipt['code']}").json()
    return str(found["dossiers"][0]["sub"])


def test_a_member_is_admitted_and_records(net: Net, members: Governing) -> None:
    key, recovery = SigningKey.generate(), SigningKey.generate()
    early = members.signed("dongying-platform", "record.imported", RECORD, key=key)
    assert members_status(members, early) == 400
    members.decide(
        {
            "divisions": [],
            "keys": [key.jwk.to_json()],
            "kind": "member.admit",
            "member": "dongying-platform",
            "name": "东营签约平台（演示）",
            "recovery_key": recovery.jwk.to_json(),
            "roles": ["platform"],
        }
    )
    members.keys["dongying-platform"], members.recovery["dongying-platform"] = key, recovery
    for node in net.nodes:
        with NodeClient(node.url) as client:
            signed = members.signed("dongying-platform", "record.imported", RECORD)
            receipt = client.submit(signed)
            assert receipt["status"] == "recorded"
    assert verified(members, _subject(net, receipt), net.nodes[0])


def members_status(members: Governing, signed: bytes) -> int:
    """The status of the answer to a submission."""
    kind = {"content-type": "application/sd-jwt"}
    url = f"{members.net.nodes[0].url}/v1/submissions"
    return httpx.post(url, content=signed, headers=kind, timeout=30).status_code


def test_a_suspended_member_records_nothing_until_it_is_readmitted(members: Governing) -> None:
    before = members.record("qilu-platform", "record.imported", RECORD)
    members.decide({"kind": "member.suspend", "member": "qilu-platform"})
    signed = members.signed("qilu-platform", "record.imported", RECORD)
    assert refusal(members, signed) == "member_not_active"
    verified(members, _subject(members.net, before), members.net.nodes[1])
    members.decide({"kind": "member.readmit", "member": "qilu-platform"})
    members.record("qilu-platform", "record.imported", RECORD)


def test_a_stolen_key_is_reported_and_replaced(net: Net, members: Governing) -> None:
    stolen, fresh = members.keys["anyunyin"], SigningKey.generate()
    doubtful = members.record("anyunyin", "record.imported", RECORD)
    rotation = {
        "jwk": fresh.jwk.to_json(),
        "overlap_blocks": 0,
        "proof": fresh.prove(net.made.genesis.chain_id, "anyunyin"),
        "replaces": stolen.kid,
    }
    signed = members.signed("anyunyin", "key.rotated", rotation)
    assert refusal(members, signed) == "recovery_key_needed", "a thief could rotate first"
    recovery = members.recovery["anyunyin"]
    members.record("anyunyin", "key.rotated", rotation, key=recovery)
    report = {"kid": stolen.kid, "suspect_from": doubtful["time"]}
    receipt = members.record("anyunyin", "key.compromised", report, key=recovery)
    members.until_height(receipt["height"] + 1)
    signed = members.signed("anyunyin", "record.imported", RECORD)
    assert refusal(members, signed) == "key_not_in_force"
    members.keys["anyunyin"] = fresh
    members.record("anyunyin", "record.imported", RECORD)
    told = verified(members, _subject(net, doubtful), net.nodes[2])
    (step,) = [step for step in told.steps if step.id == "transactions.keys"]
    assert step.status == "not checked"
    assert "reported compromised" in step.text


def test_a_parameter_of_the_headers_changes_on_every_node(net: Net, members: Governing) -> None:
    size = 3 << 20
    height = members.decide({"kind": "parameter.set", "name": "max_block_bytes", "value": size})
    for node in net.nodes:
        assert header(node, height)["consensus_hash"] == consensus_hash(size).hex()
        assert header(node, height - 1)["consensus_hash"] != consensus_hash(size).hex()


def test_what_too_few_approve_does_not_come_about(members: Governing) -> None:
    subject = members.propose({"kind": "member.suspend", "member": "jinan-notary"})
    for member in ("jinan-notary", "qilu-platform", "shandong-ca", "zhongfu-seals"):
        members.vote(subject, member, "reject")
    assert members.client.proposal(subject)["status"] == "rejected"
    late = members.signed("jinan-court", "governance.voted", {"vote": "approve"}, subject=subject)
    assert refusal(members, late) == "proposal_closed"


def restart(node: RunningNode, program: Path | None = NEXT_RELEASE) -> None:
    node.end()
    node.start(program=program)
    node.ready()


def test_a_rolling_upgrade_and_rules_that_come_into_force(net: Net, members: Governing) -> None:
    """Node by node gets the next release while records go on; then its rules are put in force."""
    with Traffic(members, net.nodes[3]) as traffic:
        for node in net.nodes[:3]:
            restart(node)
        later = int(net.nodes[0].get("/readyz").json()["height"]) + 20
        subject = members.propose({"kind": "rules.set", "version": 2}, **{"from": later})
        assert members.approve(subject) == later
        before = members.record("anyunyin", "record.imported", RECORD)
        assert before["height"] < later
        late = net.nodes[3]
        until(lambda: late.get("/readyz").status_code == 503)
        until(lambda: "install a release" in late.get("/readyz").text)
    for error in traffic.failed:
        assert isinstance(error, NodeError), "it was told that no more is taken"
    for node in net.nodes[:3]:
        until(lambda node=node: node.get("/readyz").json()["height"] > later)  # type: ignore[misc]
    assert late.get("/v1/blocks/latest").json()["height"] < later, "it can still be read"
    after = members.record("anyunyin", "record.imported", RECORD)
    restart(late)
    with NodeClient(late.url) as client:  # what it had acknowledged before it stopped
        for identifier in traffic.pending:
            assert client.wait(identifier)["status"] == "recorded"
    until(lambda: late.get("/readyz").json()["height"] > after["height"])
    for node in net.nodes:
        versions = [header(node, height)["version"]["app"] for height in (later - 1, later)]
        assert versions == [1, 2]
    found = [node.get(f"/v1/lookup?q={after['code']}").json()["dossiers"] for node in net.nodes]
    assert all(item == found[0] for item in found)
    told = [node.get(f"/v1/blocks/{later + 1}").json()["app_hash"] for node in net.nodes]
    assert len(set(told)) == 1


def test_every_ledger_is_what_its_blocks_give(net: Net) -> None:
    """Every header, commit, set of validators, frame and row computed again from the genesis."""
    net.stop()
    for node in net.nodes:
        command = [sys.executable, str(NEXT_RELEASE), "audit", "--home", str(node.node.home)]
        audit = subprocess.run(command, capture_output=True, text=True)
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert "Nothing is wrong." in audit.stdout
