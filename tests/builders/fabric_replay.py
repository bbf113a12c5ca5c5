"""A replay of the recorded Fabric network as a gRPC server on the loopback interface.

It is no network: nothing is simulated, ordered or validated here. What was recorded is answered
when the same is asked. Requests are compared without the parts that every client makes anew:
signatures, which are verified instead, and nonce and time of queries. Queries of blocks are
answered from the recorded blocks. Anything else is an error that a test sees.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
from builders.fabric import blocks, exchanges, recorded
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.gateway.gateway_pb2_grpc import GatewayServicer, add_GatewayServicer_to_server
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, transaction_pb2

from chaincode_adapters.fabric.adapter import FabricAdapter
from chaincode_adapters.fabric.gateway import Gateway, Proposal, make_proposal
from chaincode_adapters.fabric.settings import FabricSettings
from chaincode_adapters.fabric.signing import SigningIdentity
from node.core.signatures import P256_ORDER

__all__ = ["RecordedGateway", "Replay", "adapter", "identity", "recorded_proposal"]

_VALIDATION_FLAGS = 2


def identity(msp_id: str = "Org1MSP") -> SigningIdentity:
    """The recording's throwaway client of an organisation."""
    clients = {client["msp"]: client for client in recorded()["clients"].values()}
    client = clients[msp_id]
    return SigningIdentity(msp_id, client["cert_pem"].encode(), client["key_pem"].encode())


class RecordedGateway(Gateway):
    """The gateway client, but its attestations are proposed with the nonces and times of those
    recorded under ``names``, one after the other: others the replay could not answer."""

    names: ClassVar[list[str]]

    def propose(self, channel: str, chaincode: str, arguments: Sequence[bytes]) -> Proposal:
        if arguments[0] != b"Attest":
            return super().propose(channel, chaincode, arguments)
        made = recorded_proposal(self.names.pop(0))
        assert made.encoded.endswith(arguments[1]), "asked for another point than was recorded"
        return made


def adapter(
    replay: Replay,
    names: Sequence[str] = (),
    msp_id: str = "Org1MSP",
    now: Callable[[], int] = lambda: 1_795_346_291_000,
    **settings: Any,
) -> FabricAdapter:
    """An opened adapter on a replay that attests by the recorded endorsements ``names``."""

    def connect() -> tuple[Gateway, Callable[[], None]]:
        channel = grpc.insecure_channel(replay.endpoint)
        gateway = RecordedGateway(
            channel, identity(msp_id), 10.0, lambda: now() * 1_000_000, secrets.token_bytes
        )
        gateway.names = list(names)  # type: ignore[misc]
        return gateway, channel.close

    made = FabricAdapter(
        FabricSettings(
            **{
                "name": "court-channel",
                "operator": "Court consortium",
                "endpoint": replay.endpoint,
                "channel": replay.channel,
                "chaincode": "anchor",
                "msp_id": msp_id,
                "certificate": "client.pem",
                "key": "client.key",
                "endorsements_needed": 2,
                **settings,
            }
        ),
        connect,
        now,
        pause=lambda seconds: None,
    )
    made.open()
    return made


def recorded_proposal(name: str) -> Proposal:
    """The proposal of a recorded Endorse or Evaluate, made anew from its nonce and time."""
    request = _decoded(exchanges()[name])
    proposal = proposal_pb2.Proposal.FromString(request.proposed_transaction.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    channel = common_pb2.ChannelHeader.FromString(header.channel_header)
    signer = common_pb2.SignatureHeader.FromString(header.signature_header)
    spec = _invocation(proposal)
    return make_proposal(
        signer.creator,
        channel.channel_id,
        spec.chaincode_id.name,
        list(spec.input.args),
        signer.nonce,
        channel.timestamp.ToNanoseconds(),
    )


def _decoded(exchange: dict[str, Any]) -> Any:
    kinds = {
        "Endorse": gateway_pb2.EndorseRequest,
        "Evaluate": gateway_pb2.EvaluateRequest,
        "Submit": gateway_pb2.SubmitRequest,
        "CommitStatus": gateway_pb2.SignedCommitStatusRequest,
    }
    return kinds[_call(exchange)].FromString(base64.b64decode(exchange["request"]))


def _call(exchange: dict[str, Any]) -> str:
    return str(exchange["rpc"]).rpartition("/")[2]


def _invocation(proposal: proposal_pb2.Proposal) -> chaincode_pb2.ChaincodeSpec:
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
    return chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec


def _creator_of(header: common_pb2.Header) -> bytes:
    return bytes(common_pb2.SignatureHeader.FromString(header.signature_header).creator)


def _holds(creator: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a client's signature is one that Fabric takes: ECDSA, SHA-256, DER, low s."""
    identity = identities_pb2.SerializedIdentity.FromString(creator)
    key = x509.load_pem_x509_certificate(identity.id_bytes).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        return decode_dss_signature(signature)[1] <= P256_ORDER >> 1
    except (InvalidSignature, ValueError):
        return False


def _signed_parts(call: str, request: Any) -> tuple[bytes, bytes, bytes]:
    """Creator, message and signature of a request."""
    if call == "Submit":
        envelope = request.prepared_transaction
        header = common_pb2.Payload.FromString(envelope.payload).header
        return _creator_of(header), envelope.payload, envelope.signature
    if call == "CommitStatus":
        inner = gateway_pb2.CommitStatusRequest.FromString(request.request)
        return inner.identity, request.request, request.signature
    signed = request.proposed_transaction
    header = common_pb2.Header.FromString(
        proposal_pb2.Proposal.FromString(signed.proposal_bytes).header
    )
    return _creator_of(header), signed.proposal_bytes, signed.signature


def _key(call: str, request: Any) -> tuple[Any, ...]:
    """What two requests have in common that are the same but for what is made anew."""
    creator, message, signature = _signed_parts(call, request)
    sound = _holds(creator, message, signature)
    if call == "Evaluate":
        proposal = proposal_pb2.Proposal.FromString(message)
        spec = _invocation(proposal)
        named = (request.channel_id, spec.chaincode_id.name)
        return (call, *named, tuple(spec.input.args), sound)
    organisations = tuple(request.endorsing_organizations) if call == "Endorse" else ()
    return (call, message, organisations, sound)


@dataclass
class Replay:
    """A server that replays one channel of the recording, as the gateways of all its peers.

    ``asked`` are the calls so far. ``committed`` are ids of transactions whose Submit was
    replayed: the queries of transactions and their blocks know no others. ``faults`` holds, by
    call, names of recorded failures to answer with first, or None for a lost answer: the call is
    carried out, then the connection fails.
    """

    channel: str = "evidence"
    committed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    faults: dict[str, list[str | None]] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Replay:
        self._lock = threading.Lock()
        self._answers: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for exchange in recorded()["exchanges"]:
            if exchange["name"].startswith("bft.") == (self.channel == "evidencebft"):
                request = _decoded(exchange)
                self._answers.setdefault(_key(_call(exchange), request), []).append(exchange)
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        add_GatewayServicer_to_server(_Servicer(self), self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server; calls then find nobody listening."""
        self._server.stop(None).wait()

    @property
    def endpoint(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def answers_of(self, proposal: Proposal, exchange: dict[str, Any]) -> None:
        """Have an endorsement of ``proposal`` answered by ``exchange`` instead."""
        self._answers[("Endorse", proposal.encoded, (), True)] = [exchange]

    def answer(self, call: str, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer one call; grpc's abort raises."""
        with self._lock:
            self.asked.append(call)
            self.requests.append(request)
            fault: str | None = ""
            if self.faults.get(call):
                fault = self.faults[call].pop(0)
            if fault:
                return self._replay(call, exchanges()[fault], request, context)
            answer = self._answer(call, request, context)
            if fault is None:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost (by the test)")
            return answer

    def _answer(self, call: str, request: Any, context: grpc.ServicerContext) -> Any:
        if call == "Evaluate":
            answer = self._query(request, context)
            if answer is not None:
                return answer
        found = self._answers.get(_key(call, request))
        if not found:
            context.abort(grpc.StatusCode.INTERNAL, f"the replay has no such {call}")
        assert found is not None
        exchange = found.pop(0) if len(found) > 1 else found[0]
        return self._replay(call, exchange, request, context)

    def _replay(
        self, call: str, exchange: dict[str, Any], request: Any, context: grpc.ServicerContext
    ) -> Any:
        error = exchange.get("error")
        if error is not None:
            details = error.get("grpc_status_details_bin")
            if details:
                raw = base64.b64decode(details)
                context.set_trailing_metadata((("grpc-status-details-bin", raw),))
            context.abort(grpc.StatusCode[error["code"]], error["message"])
        if call == "Submit":
            self.committed.add(request.transaction_id)
        kinds = {
            "Endorse": gateway_pb2.EndorseResponse,
            "Evaluate": gateway_pb2.EvaluateResponse,
            "Submit": gateway_pb2.SubmitResponse,
            "CommitStatus": gateway_pb2.CommitStatusResponse,
        }
        return kinds[call].FromString(base64.b64decode(exchange["response"]))

    def _query(self, request: Any, context: grpc.ServicerContext) -> Any:
        """From the recorded blocks; None where something else is asked."""
        signed = request.proposed_transaction
        spec = _invocation(proposal_pb2.Proposal.FromString(signed.proposal_bytes))
        arguments = [argument.decode("utf-8") for argument in spec.input.args]
        name = f"{spec.chaincode_id.name}.{arguments[0]}"
        if not _holds(*_signed_parts("Evaluate", request)):
            context.abort(grpc.StatusCode.INTERNAL, "the replay saw a bad signature")
        if name == "cscc.GetConfigBlock":
            return _result(blocks(self.channel)[0].SerializeToString())
        if name == "qscc.GetBlockByNumber":
            return _result(blocks(self.channel)[int(arguments[2])].SerializeToString())
        if name in ("qscc.GetTransactionByID", "qscc.GetBlockByTxID"):
            if arguments[2] not in self.committed:
                unknown = exchanges()[f"{name}.unknown"]
                return self._replay("Evaluate", unknown, request, context)
            block, position = self._find(arguments[2])
            if name.endswith("GetBlockByTxID"):
                return _result(block.SerializeToString())
            processed = transaction_pb2.ProcessedTransaction(
                transactionEnvelope=common_pb2.Envelope.FromString(block.data.data[position]),
                validationCode=block.metadata.metadata[_VALIDATION_FLAGS][position],
            )
            return _result(processed.SerializeToString())
        return None

    def _find(self, tx_id: str) -> tuple[common_pb2.Block, int]:
        for block in blocks(self.channel):
            for position, item in enumerate(block.data.data):
                payload = common_pb2.Payload.FromString(
                    common_pb2.Envelope.FromString(item).payload
                )
                header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
                if header.tx_id == tx_id:
                    return block, position
        raise KeyError(tx_id)


def _result(payload: bytes) -> gateway_pb2.EvaluateResponse:
    return gateway_pb2.EvaluateResponse(result={"status": 200, "payload": payload})


class _Servicer(GatewayServicer):  # type: ignore[misc]
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def Endorse(self, request: Any, context: Any) -> Any:
        return self._replay.answer("Endorse", request, context)

    def Evaluate(self, request: Any, context: Any) -> Any:
        return self._replay.answer("Evaluate", request, context)

    def Submit(self, request: Any, context: Any) -> Any:
        return self._replay.answer("Submit", request, context)

    def CommitStatus(self, request: Any, context: Any) -> Any:
        return self._replay.answer("CommitStatus", request, context)
