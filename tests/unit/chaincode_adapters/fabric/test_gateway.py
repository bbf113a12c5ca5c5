"""The gateway client against the replay of a recorded network."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator

import grpc
import pytest
from builders.fabric import exchanges, recorded
from builders.fabric_replay import Replay, identity, recorded_proposal
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from fabric_protos.gateway import gateway_pb2

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.fabric.gateway import Gateway, GatewayError
from chaincode_adapters.fabric.signing import SigningIdentity
from node.core.signatures import P256_ORDER

PROPOSED = [
    exchange["name"]
    for exchange in recorded()["exchanges"]
    if exchange["rpc"].endswith(("/Endorse", "/Evaluate"))
    # made wrong on purpose: its transaction id is of something else
    and exchange["name"] != "wrong_txid.endorse"
]


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as running:
        yield running


@pytest.fixture
def gateway(replay: Replay) -> Iterator[Gateway]:
    with grpc.insecure_channel(replay.endpoint) as channel:
        yield Gateway(channel, identity(), 10.0, lambda: 1_795_346_291_000_000_000, bytes)


@pytest.mark.parametrize("name", PROPOSED)
def test_proposals_are_those_of_the_recording_byte_for_byte(name: str) -> None:
    raw = base64.b64decode(exchanges()[name]["request"])
    kind = gateway_pb2.EndorseRequest if name.endswith("endorse") else gateway_pb2.EvaluateRequest
    request = kind.FromString(raw)
    made = recorded_proposal(name)
    assert made.encoded == request.proposed_transaction.proposal_bytes
    assert made.tx_id == request.transaction_id


def test_whole_requests_are_those_of_the_recording_but_for_the_signature(
    replay: Replay, gateway: Gateway
) -> None:
    proposal = recorded_proposal("attest_first.endorse")
    payload = gateway.endorse(proposal)
    gateway.submit("evidence", proposal.tx_id, gateway.sign_envelope(payload))
    assert gateway.commit_status("evidence", proposal.tx_id, 5.0) == (0, 5)
    assert replay.asked == ["Endorse", "Submit", "CommitStatus"]
    names = ("attest_first.endorse", "attest_first.submit", "attest_first.commit_status")
    for name, request in zip(names, replay.requests, strict=True):
        kept = type(request).FromString(base64.b64decode(exchanges()[name]["request"]))
        for one in (kept, request):
            for holder in ("proposed_transaction", "prepared_transaction"):
                if holder in one.DESCRIPTOR.fields_by_name:
                    getattr(one, holder).signature = b""
            if "signature" in one.DESCRIPTOR.fields_by_name:
                one.signature = b""
        assert request.SerializeToString() == kept.SerializeToString()


def test_a_chaincode_answers_a_query(gateway: Gateway) -> None:
    with pytest.raises(GatewayError, match="response 500, not found: audit"):
        gateway.evaluate("evidence", "anchor", [b"GetAnchor", b"audit"])
    answer = gateway.evaluate("evidence", "anchor", [b"GetAnchor", b"audit"])
    assert answer.decode() == exchanges()["evaluate_get_anchor"]["result_utf8"]


def test_errors_bring_the_words_of_all_nodes(gateway: Gateway) -> None:
    with pytest.raises(GatewayError) as caught:
        gateway.endorse(recorded_proposal("conflict.endorse"))
    error = caught.value
    assert (error.call, error.code) == ("Endorse", "ABORTED")
    assert error.details[0].msp_id == "Org1MSP"
    assert error.details[0].message.startswith("chaincode response 500, conflict: audit size 1000")
    assert "Org1MSP chaincode response 500" in str(error)


def test_details_that_cannot_be_read_leave_code_and_message(
    replay: Replay, gateway: Gateway
) -> None:
    kept = exchanges()["conflict.endorse"]["error"]
    damaged = {**kept, "grpc_status_details_bin": base64.b64encode(b"\xff\xff").decode()}
    exchange = {**exchanges()["conflict.endorse"], "error": damaged}
    replay.answers_of(recorded_proposal("conflict.endorse"), exchange)
    with pytest.raises(GatewayError, match="ABORTED: failed to endorse") as caught:
        gateway.endorse(recorded_proposal("conflict.endorse"))
    assert caught.value.details == ()


def test_signatures_are_der_with_low_s() -> None:
    signer = identity()
    for number in range(64):
        _, s = decode_dss_signature(signer.sign(bytes((number,))))
        assert s <= P256_ORDER >> 1


def test_the_key_is_in_no_repr_and_no_error() -> None:
    client = recorded()["clients"]["User1@org1.test"]
    other = recorded()["clients"]["User1@org2.test"]
    secret = "".join(client["key_pem"].splitlines()[1:-1])
    signer = identity()
    assert secret not in repr(signer)
    assert secret not in str(vars(signer))
    wrong = [
        (client["cert_pem"], other["key_pem"]),
        (client["cert_pem"], client["key_pem"].replace("MIGH", "MIGI")),
        (client["cert_pem"], client["cert_pem"]),
        ("", client["key_pem"]),
        (client["cert_pem"], ""),
    ]
    for certificate, key in wrong:
        with pytest.raises(Misconfigured) as caught:
            SigningIdentity("Org1MSP", certificate.encode(), key.encode())
        chain: BaseException | None = caught.value
        while chain is not None:
            assert secret[20:60] not in str(chain)
            assert not any(secret[20:60] in repr(argument) for argument in chain.args)
            chain = chain.__cause__


def test_each_proposal_has_its_own_nonce_and_id(replay: Replay) -> None:
    with grpc.insecure_channel(replay.endpoint) as channel:
        gateway = Gateway(channel, identity(), 10.0, lambda: 5_000_000_123, secrets.token_bytes)
        first = gateway.propose("evidence", "anchor", [b"Attest"])
        second = gateway.propose("evidence", "anchor", [b"Attest"])
    assert first.tx_id != second.tx_id
    assert first.encoded != second.encoded
