"""The gateway service of a Fabric peer (fabric-protos gateway/gateway.proto), as a client calls it.

A call of a chaincode is a Proposal that the client signs; its transaction id is the SHA-256 of a
nonce and the client's identity. Endorse brings back an envelope that the client signs for Submit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.gateway.gateway_pb2_grpc import GatewayStub
from fabric_protos.peer import chaincode_pb2, proposal_pb2
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from chaincode_adapters.fabric.signing import SigningIdentity

__all__ = ["Detail", "Gateway", "GatewayError", "Proposal", "make_proposal"]

_MAX_ANSWER = 64 << 20
_NONCE_BYTES = 24
_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class Detail:
    """What one node behind the gateway said."""

    address: str
    msp_id: str
    message: str


class GatewayError(Exception):
    """A call that failed: ``call`` is its name, ``code`` gRPC's, ``details`` the nodes' words."""

    def __init__(self, call: str, code: str, message: str, details: tuple[Detail, ...]) -> None:
        self.call, self.code, self.message, self.details = call, code, message, details
        said = "; ".join(f"{detail.msp_id} {detail.message}" for detail in details)
        super().__init__(f"{call}: {code}: {message}" + (f" ({said})" if said else ""))

    def texts(self) -> tuple[str, ...]:
        """Everything that was said."""
        return (*(detail.message for detail in self.details), self.message)


@dataclass(frozen=True)
class Proposal:
    """A call of a chaincode, not signed yet."""

    tx_id: str
    channel: str
    encoded: bytes


def make_proposal(
    creator: bytes,
    channel: str,
    chaincode: str,
    arguments: Sequence[bytes],
    nonce: bytes,
    time_ns: int,
) -> Proposal:
    """A Proposal to call ``chaincode`` with ``arguments``, the function's name first.

    ``time_ns`` is since the Unix epoch; peers compare it with their clocks.
    """
    tx_id = hashlib.sha256(nonce + creator).hexdigest()
    called = chaincode_pb2.ChaincodeID(name=chaincode)
    channel_header = common_pb2.ChannelHeader(
        type=common_pb2.ENDORSER_TRANSACTION,
        channel_id=channel,
        tx_id=tx_id,
        extension=proposal_pb2.ChaincodeHeaderExtension(chaincode_id=called).SerializeToString(),
    )
    channel_header.timestamp.FromNanoseconds(time_ns)
    header = common_pb2.Header(
        channel_header=channel_header.SerializeToString(),
        signature_header=common_pb2.SignatureHeader(
            creator=creator, nonce=nonce
        ).SerializeToString(),
    )
    invocation = chaincode_pb2.ChaincodeInvocationSpec(
        chaincode_spec=chaincode_pb2.ChaincodeSpec(
            type=chaincode_pb2.ChaincodeSpec.NODE,
            chaincode_id=called,
            input=chaincode_pb2.ChaincodeInput(args=list(arguments)),
        )
    )
    payload = proposal_pb2.ChaincodeProposalPayload(input=invocation.SerializeToString())
    proposal = proposal_pb2.Proposal(
        header=header.SerializeToString(), payload=payload.SerializeToString()
    )
    return Proposal(tx_id, channel, proposal.SerializeToString())


class Gateway:
    """Calls over one gRPC channel. ``clock`` gives ns since the Unix epoch, ``entropy(n)`` n
    unpredictable bytes; ``timeout`` in seconds bounds every call.

    All calls raise GatewayError.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        identity: SigningIdentity,
        timeout: float,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._stub = GatewayStub(channel)
        self._identity, self._timeout = identity, timeout
        self._clock, self._entropy = clock, entropy

    def propose(self, channel: str, chaincode: str, arguments: Sequence[bytes]) -> Proposal:
        """A proposal of now."""
        nonce = self._entropy(_NONCE_BYTES)
        creator = self._identity.serialized
        return make_proposal(creator, channel, chaincode, arguments, nonce, self._clock())

    def evaluate(self, channel: str, chaincode: str, arguments: Sequence[bytes]) -> bytes:
        """What the chaincode answers; nothing is ordered."""
        proposal = self.propose(channel, chaincode, arguments)
        request = gateway_pb2.EvaluateRequest(
            transaction_id=proposal.tx_id,
            channel_id=channel,
            proposed_transaction=self._signed(proposal),
        )
        return bytes(self._call("Evaluate", request, self._timeout).result.payload)

    def endorse(self, proposal: Proposal, organisations: Sequence[str] = ()) -> bytes:
        """The payload of the envelope that carries the endorsements. Nothing is ordered yet."""
        request = gateway_pb2.EndorseRequest(
            transaction_id=proposal.tx_id,
            channel_id=proposal.channel,
            proposed_transaction=self._signed(proposal),
            endorsing_organizations=list(organisations),
        )
        answer = self._call("Endorse", request, self._timeout)
        return bytes(answer.prepared_transaction.payload)

    def sign_envelope(self, payload: bytes) -> bytes:
        """An envelope of ``payload``, signed."""
        envelope = common_pb2.Envelope(payload=payload, signature=self._identity.sign(payload))
        return bytes(envelope.SerializeToString())

    def submit(self, channel: str, tx_id: str, envelope: bytes) -> None:
        """Have a signed envelope ordered."""
        request = gateway_pb2.SubmitRequest(
            transaction_id=tx_id,
            channel_id=channel,
            prepared_transaction=common_pb2.Envelope.FromString(envelope),
        )
        self._call("Submit", request, self._timeout)

    def commit_status(self, channel: str, tx_id: str, timeout: float) -> tuple[int, int]:
        """The validation code and the block of a transaction, once the peer has committed it.

        It waits for a transaction that the peer does not know, until ``timeout`` (seconds).
        """
        inner = gateway_pb2.CommitStatusRequest(
            transaction_id=tx_id, channel_id=channel, identity=self._identity.serialized
        ).SerializeToString()
        request = gateway_pb2.SignedCommitStatusRequest(
            request=inner, signature=self._identity.sign(inner)
        )
        answer = self._call("CommitStatus", request, min(timeout, self._timeout))
        return int(answer.result), int(answer.block_number)

    def _signed(self, proposal: Proposal) -> proposal_pb2.SignedProposal:
        return proposal_pb2.SignedProposal(
            proposal_bytes=proposal.encoded, signature=self._identity.sign(proposal.encoded)
        )

    def _call(self, name: str, request: Any, timeout: float) -> Any:
        try:
            return getattr(self._stub, name)(request, timeout=timeout)
        except grpc.RpcError as error:
            raise _gateway_error(name, error) from error


def _gateway_error(call: str, error: grpc.RpcError) -> GatewayError:
    code, message = error.code().name, (error.details() or "")
    details = []
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            details.extend(_read_details(value))
    return GatewayError(call, code, message, tuple(details))


def _read_details(value: bytes) -> list[Detail]:
    out = []
    try:
        for item in status_pb2.Status.FromString(value).details:
            detail = gateway_pb2.ErrorDetail()
            if item.Unpack(detail):
                out.append(Detail(detail.address, detail.msp_id, detail.message))
    except DecodeError:  # the code and the message say enough to go on
        return []
    return out
