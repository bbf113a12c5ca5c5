"""The real chaincode process, called over its gRPC protocol by a driver in a peer's place."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from builders.fabric_chaincode import FOLDER, PeerDriver, chaincode_python, running_chaincode
from builders.fabric_keys import Authority, Member

ROOT, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_chaincode("Org1MSP", "Org2MSP", threshold=2) as where:
        yield where


@pytest.fixture
def bare(address: str) -> Iterator[PeerDriver]:
    driver = PeerDriver(address)
    yield driver
    driver.close()


@pytest.fixture
def peer(bare: PeerDriver) -> PeerDriver:
    assert bare.state.commit(bare.call("Init", init=True))
    return bare


def point(size: int = 1000, root: str = ROOT, chain_id: str = "audit") -> str:
    return json.dumps({"chain_id": chain_id, "size": size, "root": root})


def test_it_registers_by_its_package_id(bare: PeerDriver) -> None:
    assert bare.registered_as == "anchor_1:ab"


def test_its_first_configuration_is_that_of_its_operator(bare: PeerDriver) -> None:
    done = bare.call("Init", init=True)
    assert json.loads(done.answer) == {
        "members": ["Org1MSP", "Org2MSP"],
        "threshold": 2,
        "version": 1,
    }
    assert set(done.writes) == {"c"}


def test_init_takes_nothing_from_the_caller(bare: PeerDriver) -> None:
    for parameters in (("Org9MSP",), (point(),)):
        assert bare.call("Init", *parameters, init=True).message.startswith("bad function")
    assert bare.call("Attest", point(), init=True).message.startswith("bad function")
    assert bare.call("Init").message.startswith("bad function")


def test_two_members_anchor_a_point(peer: PeerDriver) -> None:
    first = peer.call("Attest", point(), by="Org1MSP")
    assert first.event is None
    assert peer.state.commit(first)
    second = peer.call("Attest", point(), by="Org2MSP", at=7)
    assert peer.state.commit(second)
    assert second.event is not None
    name, payload = second.event
    assert name == "Anchored"
    assert json.loads(payload)["confirmed_time"] == "1700000007.000000000"
    assert peer.call("GetAnchor", "audit").answer == payload
    again = peer.call("Attest", point(), by="Org1MSP")
    assert (again.status, again.writes) == (200, {})
    assert again.reads["p|audit|00000000000000001000"] == 3


def test_refusals_come_back_as_the_adapter_reads_them(peer: PeerDriver) -> None:
    assert peer.state.commit(peer.call("Attest", point()))
    conflict = peer.call("Attest", point(root=OTHER), by="Org2MSP")
    assert (conflict.status, conflict.message) == (
        500,
        f"conflict: audit size 1000 known root {ROOT} given {OTHER}",
    )
    assert peer.call("Attest", point(999)).message == "stale: audit size 999 is not above 1000"
    assert peer.call("Attest", "{}").message.startswith("bad point")
    assert peer.call("Attest", point(), by="Org9MSP").message == "not a member: Org9MSP"
    assert peer.call("Attest", b"\xff\xfe").status == 500
    assert peer.call("Nothing").message.startswith("bad function")


def test_no_answer_is_lost_under_concurrent_calls(peer: PeerDriver) -> None:
    """The library writes to one stream from several tasks at once and loses answers by it."""
    with ThreadPoolExecutor(16) as pool:
        calls = [
            pool.submit(peer.call, "Attest", point(size, chain_id=f"chain-{size}"), at=size)
            for size in range(1, 401)
        ]
        done = [call.result() for call in calls]
    assert {one.status for one in done} == {200}
    assert [json.loads(one.answer)["size"] for one in done] == list(range(1, 401))


def test_a_peer_that_fails_is_not_taken_for_a_value(peer: PeerDriver) -> None:
    peer.failing_keys.add("p|audit|00000000000000001000")
    done = peer.call("Attest", point())
    assert (done.status, done.message) == (500, "the peer failed: the state database is away")
    peer.failing_keys.clear()
    peer.failing_keys.add("m|audit|Org1MSP")
    assert peer.call("Attest", point()).status == 500
    peer.failing_keys.clear()
    assert peer.call("Attest", point()).status == 200


def test_two_peers_may_be_served_at_once(address: str, peer: PeerDriver) -> None:
    other = PeerDriver(address)
    try:
        assert other.call("Attest", point()).message == "not initialised"
        assert peer.call("Attest", point()).status == 200
    finally:
        other.close()


def test_with_tls_only_peers_of_the_authority_are_served(tmp_path: Path) -> None:
    authority = Authority("tls")
    own, peer, stranger = (
        authority.member("chaincode"),
        authority.member("peer"),
        Authority("other").member("peer"),
    )
    files = {"key": own.key_pem, "cert": own.pem, "ca": authority.pem}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    options = ("--tls-key", str(tmp_path / "key"), "--tls-cert", str(tmp_path / "cert"))
    options += ("--peer-ca", str(tmp_path / "ca"))

    def channel(address: str, client: Member) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(authority.pem, client.key_pem, client.pem)
        named = [("grpc.ssl_target_name_override", "localhost")]
        return grpc.secure_channel(address, credentials, named)

    with running_chaincode("Org1MSP", threshold=1, options=options) as address:
        driver = PeerDriver(address, channel(address, peer))
        assert driver.state.commit(driver.call("Init", init=True))
        assert driver.call("Attest", point()).status == 200
        driver.close()
        for refused in (channel(address, stranger), grpc.insecure_channel(address)):
            with refused:
                assert PeerDriver.is_refused(refused)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (["--threshold", "3"], "bad configuration"),
        (["--member", "Org1MSP"], "bad configuration"),
        (["--address", "0.0.0.0:0"], "--tls-key and --tls-cert are needed"),
        (["--tls-key", "x"], "go together"),
    ],
)
def test_what_cannot_be_right_is_refused_at_start(changes: list[str], text: str) -> None:
    command = [chaincode_python(), str(FOLDER / "anchor_service.py"), "--id", "anchor_1:ab"]
    command += ["--address", "127.0.0.1:0", "--threshold", "2"]
    command += ["--member", "Org1MSP", "--member", "Org2MSP", *changes]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert text in ended.stderr
