"""A stand-in for a Fabric channel, for what the recording cannot give: points of ours, any order of
calls, faults at any step.

It is no Fabric. Keys of the tests endorse and order; the chaincode's rules run in this process; a
block is cut for every envelope. Formats, hashes, signatures and the rule about read sets are
Fabric's, as the recording shows them; how a network behaves is not tested by this.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from builders.fabric_chaincode import State, rules
from builders.fabric_keys import Authority, Member
from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.common import configuration_pb2 as common_configuration
from fabric_protos.gateway import gateway_pb2
from fabric_protos.gateway.gateway_pb2_grpc import GatewayServicer, add_GatewayServicer_to_server
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_configuration
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from google.rpc import status_pb2

from chaincode_adapters.fabric.building import build
from chaincode_adapters.fabric.gateway import Gateway
from chaincode_adapters.fabric.settings import FabricSettings
from chaincode_adapters.fabric.signing import SigningIdentity
from chaincode_adapters.port import AnchorAdapter, Surroundings
from node.core.anchors.fabric_block import header_der
from node.core.anchors.fabric_transaction import attest_argument
from node.core.anchors.fabric_trust import quorum_of
from node.core.anchors.point import AnchorPoint

__all__ = ["NOW", "Channel"]

NOW = 1_800_000_000_000
"""ms; the channel's certificates are valid then."""
VALID, MVCC_READ_CONFLICT, DUPLICATE_TXID = 0, 11, 9
ORGANISATIONS = ("Org1MSP", "Org2MSP")


@dataclass
class Channel:
    """Two organisations that must both endorse, and one orderer, or ``consenters`` of SmartBFT.

    ``held`` keeps submitted envelopes waiting instead of ordering them; ``lose`` names calls that
    are carried out and whose answers are lost, ``refuse`` calls that fail before, each once.
    """

    consenters: int = 0
    held: bool = False
    lose: list[str] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)
    tamper: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    blocks: list[common_pb2.Block] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    tls: tuple[bytes, bytes, bytes | None] | None = None

    def __post_init__(self) -> None:
        self.authorities = {name: Authority(name) for name in (*ORGANISATIONS, "OrdererMSP")}
        self.peers = [self.authorities[name].member("peer") for name in ORGANISATIONS]
        count = self.consenters or 1
        self.orderers = [self.authorities["OrdererMSP"].member("orderer") for _ in range(count)]
        self.state = State()
        self.places: dict[int, tuple[int, int]] = {}
        self.codes: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._cut([_config_envelope(self)])
        self.state.initialise(ORGANISATIONS, len(ORGANISATIONS))
        self.places[self.state.commits] = (0, 0)

    def __enter__(self) -> Channel:
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        add_GatewayServicer_to_server(_Servicer(self), self._server)
        if self.tls is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            key, certificate, clients = self.tls
            credentials = grpc.ssl_server_credentials(
                ((key, certificate),), clients, clients is not None
            )
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def adapter(
        self, home: Path, msp_id: str = "Org1MSP", now: Callable[[], int] | None = None, **more: Any
    ) -> AnchorAdapter:
        """An opened adapter of a client of ``msp_id``, whose files go to ``home``."""
        client = self.authorities[msp_id].member("client")
        (home / "client.pem").write_bytes(client.pem)
        (home / "client.key").write_bytes(client.key_pem)
        settings = FabricSettings(
            name="court-channel",
            operator="Court consortium",
            endpoint=f"127.0.0.1:{self.port}",
            channel="evidence",
            chaincode="anchor",
            msp_id=msp_id,
            certificate="client.pem",
            key="client.key",
            endorsements_needed=2,
            **more,
        )
        around = Surroundings(home, "audit", bytes(32), "platform-a", now or (lambda: NOW))
        made = build(settings, around)
        made.open()
        return made

    def careless(self, point: AnchorPoint) -> None:
        """Anchor ``point`` by a client that signs whatever the gateway answers."""
        client = self.authorities["Org1MSP"].member("client")
        identity = SigningIdentity(client.msp_id, client.pem, client.key_pem)
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            gateway = Gateway(channel, identity, 10.0, lambda: NOW * 10**6, secrets.token_bytes)
            proposal = gateway.propose("evidence", "anchor", [b"Attest", attest_argument(point)])
            envelope = gateway.sign_envelope(gateway.endorse(proposal))
            gateway.submit("evidence", proposal.tx_id, envelope)

    def order(self) -> None:
        """Put the envelopes that wait into one block."""
        with self._lock:
            waiting, self.waiting = self.waiting, []
            if waiting:
                self._cut(waiting)

    def answer(self, call: str, request: Any, context: Any) -> Any:
        """Answer a call of the gateway service; grpc's abort raises."""
        with self._lock:
            self.asked.append(call)
            if call in self.refuse:
                self.refuse.remove(call)
                context.abort(grpc.StatusCode.UNAVAILABLE, "the test refuses the call")
            answer = getattr(self, f"_{call.lower()}")(request, context)
            if call in self.lose:
                self.lose.remove(call)
                context.abort(grpc.StatusCode.UNAVAILABLE, "the test lost the answer")
            return answer

    def _endorse(self, request: Any, context: Any) -> Any:
        signed = request.proposed_transaction
        proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
        header = common_pb2.Header.FromString(proposal.header)
        self._tampered("header", header)
        done = self._simulate(proposal, header)
        if done.status != 200:
            _abort(context, grpc.StatusCode.ABORTED, f"chaincode response 500, {done.message}")
        return gateway_pb2.EndorseResponse(
            prepared_transaction=common_pb2.Envelope(
                payload=self._endorsed(proposal, header, done).SerializeToString()
            )
        )

    def _simulate(self, proposal: proposal_pb2.Proposal, header: common_pb2.Header) -> Any:
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
        spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
        channel = common_pb2.ChannelHeader.FromString(header.channel_header)
        signer = common_pb2.SignatureHeader.FromString(header.signature_header)
        creator = identities_pb2.SerializedIdentity.FromString(signer.creator)
        name, *parameters = (argument.decode() for argument in spec.input.args)
        time = f"{channel.timestamp.seconds}.{channel.timestamp.nanos:09d}"
        call = rules.Call(name, tuple(parameters), creator.mspid, channel.tx_id, time)
        return self.state.run(channel.tx_id, lambda: rules.invoke(call))

    def _endorsed(
        self, proposal: proposal_pb2.Proposal, header: common_pb2.Header, done: Any
    ) -> common_pb2.Payload:
        hashed = header.channel_header + header.signature_header + proposal.payload
        response = proposal_response_pb2.ProposalResponsePayload(
            proposal_hash=hashlib.sha256(hashed).digest(),
            extension=self._action(done).SerializeToString(),
        )
        response = self._tampered("response", response).SerializeToString()
        endorsed = transaction_pb2.ChaincodeEndorsedAction(proposal_response_payload=response)
        for peer in self.peers:
            endorsed.endorsements.add(
                endorser=peer.identity, signature=peer.sign(response + peer.identity)
            )
        self._tampered("endorsed", endorsed)
        body = transaction_pb2.ChaincodeActionPayload(
            chaincode_proposal_payload=proposal.payload, action=endorsed
        )
        transaction = transaction_pb2.Transaction()
        transaction.actions.add(header=header.signature_header, payload=body.SerializeToString())
        self._tampered("transaction", transaction)
        return common_pb2.Payload(header=header, data=transaction.SerializeToString())

    def _action(self, done: Any) -> proposal_pb2.ChaincodeAction:
        values = kv_rwset_pb2.KVRWSet()
        for key in sorted(done.reads):
            read = values.reads.add(key=key)
            if done.reads[key]:
                block, place = self.places[done.reads[key]]
                read.version.SetInParent()
                read.version.block_num, read.version.tx_num = block, place
        for key in sorted(done.writes):
            values.writes.add(key=key, value=done.writes[key])
        self._tampered("values", values)
        sets = rwset_pb2.TxReadWriteSet()
        sets.ns_rwset.add(namespace="anchor", rwset=values.SerializeToString())
        self._tampered("sets", sets)
        event = b""
        if done.event is not None:
            event = chaincode_event_pb2.ChaincodeEvent(
                chaincode_id="anchor",
                tx_id=done.tx_id,
                event_name=done.event[0],
                payload=done.event[1].encode(),
            ).SerializeToString()
        action = proposal_pb2.ChaincodeAction(
            results=sets.SerializeToString(),
            events=event,
            response={"status": done.status, "payload": done.answer.encode()},
            chaincode_id={"name": "anchor", "version": "1"},
        )
        return self._tampered("action", action)

    def _tampered(self, name: str, message: Any) -> Any:
        self.tamper.get(name, lambda message: None)(message)
        return message

    def _submit(self, request: Any, context: Any) -> Any:
        envelope = request.prepared_transaction.SerializeToString()
        if self.consenters and request.transaction_id in self.codes:
            _abort(context, grpc.StatusCode.UNAVAILABLE, "request already processed")
        self.waiting.append(envelope)
        if not self.held:
            waiting, self.waiting = self.waiting, []
            self._cut(waiting)
        return gateway_pb2.SubmitResponse()

    def _commitstatus(self, request: Any, context: Any) -> Any:
        inner = gateway_pb2.CommitStatusRequest.FromString(request.request)
        if inner.transaction_id not in self.codes:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        code, block = self.codes[inner.transaction_id]
        return gateway_pb2.CommitStatusResponse(result=code, block_number=block)

    def _evaluate(self, request: Any, context: Any) -> Any:
        proposal = proposal_pb2.Proposal.FromString(request.proposed_transaction.proposal_bytes)
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
        spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
        name, *parameters = (argument.decode() for argument in spec.input.args)
        if name == "GetConfigBlock":
            found = self.blocks[0].SerializeToString()
        elif name == "GetBlockByNumber":
            found = self.blocks[int(parameters[1])].SerializeToString()
        else:
            if parameters[1] not in self.codes:
                text = f"chaincode response 500, no such transaction ID [{parameters[1]}] in index"
                _abort(context, grpc.StatusCode.UNKNOWN, text)
            code, number = self.codes[parameters[1]]
            found = self.blocks[number].SerializeToString()
            if name == "GetTransactionByID":
                found = transaction_pb2.ProcessedTransaction(
                    validationCode=code
                ).SerializeToString()
        return gateway_pb2.EvaluateResponse(result={"status": 200, "payload": found})

    def _cut(self, envelopes: list[bytes]) -> None:
        number = len(self.blocks)
        for place, envelope in enumerate(envelopes if number else []):
            self._commit(envelope, number, place)
        data_hash = hashlib.sha256(b"".join(envelopes)).digest()
        before = b""
        if number:
            last = self.blocks[-1].header
            before = hashlib.sha256(
                header_der(last.number, last.previous_hash, last.data_hash)
            ).digest()
        signed = header_der(number, before, data_hash)
        metadata = common_pb2.Metadata(value=b"\x0a\x00\x12\x02\x08\x01")
        for identifier, orderer in self._signers():
            nonce = hashlib.sha256(b"nonce %d" % number).digest()[:24]
            if self.consenters:
                named = {
                    "identifier_header": common_pb2.IdentifierHeader(
                        identifier=identifier, nonce=nonce
                    ).SerializeToString()
                }
            else:
                named = {
                    "signature_header": common_pb2.SignatureHeader(
                        creator=orderer.identity, nonce=nonce
                    ).SerializeToString()
                }
            message = metadata.value + next(iter(named.values())) + signed
            metadata.signatures.add(signature=orderer.sign(message), **named)
        self.blocks.append(
            common_pb2.Block(
                header={"number": number, "previous_hash": before, "data_hash": data_hash},
                data={"data": envelopes},
                metadata={"metadata": [metadata.SerializeToString() if number else b""]},
            )
        )

    def _signers(self) -> list[tuple[int, Member]]:
        wanted = quorum_of(self.consenters) if self.consenters else 1
        return list(enumerate(self.orderers, 1))[:wanted]

    def _commit(self, envelope: bytes, number: int, place: int) -> None:
        """Validate as peers do: ids are used once, reads must be up to date."""
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
        channel = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        if channel.tx_id in self.codes:
            return
        body = transaction_pb2.ChaincodeActionPayload.FromString(
            transaction_pb2.Transaction.FromString(payload.data).actions[0].payload
        )
        response = proposal_response_pb2.ProposalResponsePayload.FromString(
            body.action.proposal_response_payload
        )
        action = proposal_pb2.ChaincodeAction.FromString(response.extension)
        sets = rwset_pb2.TxReadWriteSet.FromString(action.results)
        values = kv_rwset_pb2.KVRWSet.FromString(sets.ns_rwset[0].rwset)
        for read in values.reads:
            now = self.places.get(self.state.version(read.key))
            then = (read.version.block_num, read.version.tx_num)
            if now != (then if read.HasField("version") else None):
                self.codes[channel.tx_id] = (MVCC_READ_CONFLICT, number)
                return
        self.codes[channel.tx_id] = (VALID, number)
        self.state.commits += 1
        self.places[self.state.commits] = (number, place)
        for write in values.writes:
            self.state.values[write.key] = (write.value, self.state.commits)


def _config_envelope(channel: Channel) -> bytes:
    """Block 0: who the organisations and orderers are."""
    group = configtx_pb2.ConfigGroup()
    for name in ORGANISATIONS:
        organisation = group.groups["Application"].groups[name]
        organisation.values["MSP"].value = channel.authorities[name].msp_config()
    orderer = group.groups["Orderer"]
    orderer.groups["OrdererMSP"].values["MSP"].value = channel.authorities[
        "OrdererMSP"
    ].msp_config()
    kind = "BFT" if channel.consenters else "etcdraft"
    orderer.values["ConsensusType"].value = orderer_configuration.ConsensusType(
        type=kind
    ).SerializeToString()
    if channel.consenters:
        mapping = common_configuration.Orderers()
        for number, one in enumerate(channel.orderers, 1):
            mapping.consenter_mapping.add(id=number, identity=one.pem, msp_id="OrdererMSP")
        orderer.values["Orderers"].value = mapping.SerializeToString()
    config = configtx_pb2.ConfigEnvelope(config={"channel_group": group})
    header = common_pb2.Header(
        channel_header=common_pb2.ChannelHeader(
            type=common_pb2.CONFIG, channel_id="evidence"
        ).SerializeToString()
    )
    payload = common_pb2.Payload(header=header, data=config.SerializeToString(deterministic=True))
    return bytes(common_pb2.Envelope(payload=payload.SerializeToString()).SerializeToString())


def _abort(context: Any, code: grpc.StatusCode, text: str) -> None:
    """Fail as a gateway does, with a peer's words as details."""
    status = status_pb2.Status(code=code.value[0], message="see attached details")
    status.details.add().Pack(
        gateway_pb2.ErrorDetail(address="127.0.0.1:7051", msp_id="Org1MSP", message=text)
    )
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, "see attached details")


class _Servicer(GatewayServicer):  # type: ignore[misc]
    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def Endorse(self, request: Any, context: Any) -> Any:
        return self._channel.answer("Endorse", request, context)

    def Evaluate(self, request: Any, context: Any) -> Any:
        return self._channel.answer("Evaluate", request, context)

    def Submit(self, request: Any, context: Any) -> Any:
        return self._channel.answer("Submit", request, context)

    def CommitStatus(self, request: Any, context: Any) -> Any:
        return self._channel.answer("CommitStatus", request, context)
