"""Hyperledger's own gateway client (npm) as a second client of the replay: it must get what ours
gets, and ask as ours asks."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from builders.fabric import exchanges, recorded
from builders.fabric_replay import Replay, identity, recorded_proposal
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_pb2

from chaincode_adapters.fabric.gateway import Gateway, GatewayError

SCRIPT = Path(__file__).parents[2] / "scripts" / "install-fabric-gateway"
Client = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def folder() -> Path:
    def lacking(text: str) -> None:
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)

    if shutil.which("node") is None:
        lacking("node is missing: as root, apt-get install nodejs npm")
    made = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=300)
    if made.returncode != 0:
        lacking(f"the npm gateway client cannot be installed: {made.stderr.strip()[-500:]}")
    return Path(made.stdout.strip())


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as running:
        yield running


@pytest.fixture
def second_client(folder: Path, replay: Replay) -> Client:
    def run(
        evaluate: list[list[str]] | None = None,
        names: list[str] | None = None,
        msp_id: str = "Org1MSP",
    ) -> list[dict[str, Any]]:
        client = next(one for one in recorded()["clients"].values() if one["msp"] == msp_id)
        given = {
            "certificate": client["cert_pem"],
            "chaincode": "anchor",
            "channel": "evidence",
            "endpoint": replay.endpoint,
            "evaluate": evaluate or [],
            "key": client["key_pem"],
            "mspId": msp_id,
            "proposals": [proposed(name) for name in names or []],
        }
        done = subprocess.run(
            ["node", "client.js"],
            cwd=folder,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def proposed(name: str) -> str:
    """A recorded proposal, unsigned, as Hyperledger's client takes one."""
    request = gateway_pb2.EndorseRequest.FromString(base64.b64decode(exchanges()[name]["request"]))
    message = gateway_pb2.ProposedTransaction(
        transaction_id=request.transaction_id,
        proposal=proposal_pb2.SignedProposal(
            proposal_bytes=request.proposed_transaction.proposal_bytes
        ),
        endorsing_organizations=request.endorsing_organizations,
    )
    return base64.b64encode(message.SerializeToString()).decode()


def ours(replay: Replay, msp_id: str, name: str) -> dict[str, Any]:
    """What our client gets for a recorded proposal, in the second one's words."""
    with grpc.insecure_channel(replay.endpoint) as channel:
        gateway = Gateway(channel, identity(msp_id), 10.0, lambda: 0, os.urandom)
        proposal = recorded_proposal(name)
        try:
            payload = gateway.endorse(proposal)
        except GatewayError as error:
            return {
                "code": error.code,
                "details": [
                    {"address": one.address, "message": one.message, "mspId": one.msp_id}
                    for one in error.details
                ],
                "error": "EndorseError",
            }
        gateway.submit("evidence", proposal.tx_id, gateway.sign_envelope(payload))
        code, block = gateway.commit_status("evidence", proposal.tx_id, 5.0)
    return {"block": block, "code": code, "transaction": proposal.tx_id}


@pytest.mark.parametrize(
    ("msp_id", "name"),
    [
        ("Org1MSP", "attest_first.endorse"),
        ("Org2MSP", "attest_second_member.endorse"),
        ("Org1MSP", "attest_identical_repeat.endorse"),
        ("Org2MSP", "mvcc_b.endorse"),
        ("Org1MSP", "conflict.endorse"),
        ("Org1MSP", "stale_size.endorse"),
        ("Org1MSP", "bad_point.endorse"),
    ],
)
def test_both_clients_get_the_same(
    replay: Replay, second_client: Client, msp_id: str, name: str
) -> None:
    (theirs,) = second_client(names=[name], msp_id=msp_id)
    with Replay() as another:
        own = ours(another, msp_id, name)
        own_requests = [unsigned(request) for request in another.requests]
    assert {member: theirs[member] for member in own} == own
    assert [unsigned(request) for request in replay.requests] == own_requests
    assert len(own_requests) == (1 if "error" in own else 3)


def unsigned(request: Any) -> bytes:
    copy = type(request).FromString(request.SerializeToString())
    for holder in ("proposed_transaction", "prepared_transaction"):
        if holder in copy.DESCRIPTOR.fields_by_name:
            getattr(copy, holder).signature = b""
    if "signature" in copy.DESCRIPTOR.fields_by_name:
        copy.signature = b""
    return copy.SerializeToString()


def test_queries_differ_in_nonce_and_time_alone(replay: Replay, second_client: Client) -> None:
    missing, found = second_client(evaluate=[["GetAnchor", "audit"]] * 2)
    assert missing["details"][0]["message"] == "chaincode response 500, not found: audit"
    assert found["answer"] == exchanges()["evaluate_get_anchor"]["result_utf8"]
    with Replay() as another, grpc.insecure_channel(another.endpoint) as channel:
        gateway = Gateway(channel, identity(), 10.0, lambda: 10**18, os.urandom)
        with pytest.raises(GatewayError):
            gateway.evaluate("evidence", "anchor", [b"GetAnchor", b"audit"])
        own = [without_nonce_and_time(request) for request in another.requests]
    assert [without_nonce_and_time(request) for request in replay.requests] == own * 2


def without_nonce_and_time(request: Any) -> tuple[Any, ...]:
    proposal = proposal_pb2.Proposal.FromString(request.proposed_transaction.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    channel = common_pb2.ChannelHeader.FromString(header.channel_header)
    signer = common_pb2.SignatureHeader.FromString(header.signature_header)
    assert len(signer.nonce) == 24
    assert channel.tx_id == request.transaction_id
    channel.ClearField("timestamp")
    channel.tx_id = ""
    organisations = tuple(request.target_organizations)
    return channel.SerializeToString(), signer.creator, proposal.payload, organisations
