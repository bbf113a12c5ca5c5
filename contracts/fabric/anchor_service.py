"""Runs the anchor chaincode as a service that peers connect to (fabric-chaincode-python 2.5.4).

    anchor_service.py --id anchor_1:<hash> --address 127.0.0.1:9999 \
        --member Org1MSP --member Org2MSP --threshold 2 [--tls-key F --tls-cert F --peer-ca F]

Every organisation that endorses runs one, each with the same members and threshold: a service that
was given others makes another first configuration, so that no endorsement of it comes about.

What the library does not do is done here: its handlers write to one stream at the same time and
lose answers by it; they leave out events; a peer's error passes for a value; and where chaincode
raises, the peer never hears of it.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
from anchor_reading import Refusal
from anchor_rules import Call, Outcome, Rule, check_configuration, initialise, invoke
from fabric_chaincode_python.fabric_shim.handler import Handler
from fabric_chaincode_python.fabric_shim.interfaces import Chaincode
from fabric_chaincode_python.fabric_shim.msg_queue_handler import QueueMessage
from fabric_chaincode_python.fabric_shim.response import error, success
from fabric_chaincode_python.fabric_shim.stub import ChaincodeStub
from fabric_protos.peer import chaincode_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim
from fabric_protos.peer.chaincode_shim_pb2_grpc import (
    ChaincodeServicer,
    add_ChaincodeServicer_to_server,
)

__all__ = ["AnchorChaincode", "main", "serve"]

_Message = shim.ChaincodeMessage
_GRACE_SECONDS = 3


class _PeerError(Exception):
    """The peer answered a question of this chaincode with an error."""


class AnchorChaincode(Chaincode):
    """The rules of `anchor_rules`, run against a peer's state."""

    def __init__(self, members: tuple[str, ...], threshold: int) -> None:
        self._members, self._threshold = members, threshold

    async def init(self, stub: ChaincodeStub) -> Any:
        """The one call of the function Init that a definition with --init-required asks for."""
        call = _call_of(stub)
        if (call.function, call.parameters) != ("Init", ()):
            raise Refusal("bad function: Init without arguments is asked for")
        return await self._run(stub, initialise(call, self._members, self._threshold))

    async def invoke(self, stub: ChaincodeStub) -> Any:
        """A transaction or a query."""
        return await self._run(stub, invoke(_call_of(stub)))

    async def _run(self, stub: ChaincodeStub, rule: Rule) -> Any:
        value: bytes | None = None
        while True:
            try:
                key = next(rule) if value is None else rule.send(value)
            except StopIteration as stopped:
                outcome: Outcome = stopped.value
                break
            value = await stub.get_state(key)
        for key, text in outcome.writes.items():
            await stub.put_state(key, text)
        if outcome.event is not None:
            stub.set_event(*outcome.event)
        return success(outcome.answer)


def _call_of(stub: ChaincodeStub) -> Call:
    function, parameters = stub.get_function_and_parameters()
    time = stub.get_tx_timestamp()
    return Call(
        function=function,
        parameters=tuple(parameters),
        msp_id=stub.get_creator()["mspid"],
        tx_id=stub.get_txid(),
        time=f"{time.seconds}.{time.nanos:09d}",
    )


class _OneAtATime:
    """A peer's stream on which one message is written at a time; grpc's must not be written to by
    two tasks at once."""

    def __init__(self, context: Any) -> None:
        self._context, self._lock = context, asyncio.Lock()

    async def write(self, message: Any) -> None:
        async with self._lock:
            await self._context.write(message)


class _Handler(Handler):
    """The library's handler of one peer's stream, with what it leaves out."""

    async def chat_with_peer(self, stream: Any, context: Any) -> None:
        await super().chat_with_peer(stream, _OneAtATime(context))

    async def handle_get_state(self, collection: str, key: str, channel_id: str, tx_id: str) -> Any:
        asked = shim.GetState(key=key, collection=collection).SerializeToString()
        answer = await self._ask(_Message.GET_STATE, asked, channel_id, tx_id)
        return answer.payload

    async def handle_put_state(
        self, collection: str, key: str, value: bytes, channel_id: str, tx_id: str
    ) -> Any:
        put = shim.PutState(key=key, value=value, collection=collection).SerializeToString()
        return await self._ask(_Message.PUT_STATE, put, channel_id, tx_id)

    async def _ask(self, kind: int, payload: bytes, channel_id: str, tx_id: str) -> Any:
        message = _Message(type=kind, payload=payload, txid=tx_id, channel_id=channel_id)
        future = asyncio.get_running_loop().create_future()
        await self.msg_queue_handler.queue_msg(QueueMessage(message, "", future))
        answer = await future
        if answer.type == _Message.ERROR:
            raise _PeerError(answer.payload.decode("utf-8", "replace"))
        return answer

    async def handle_stub_interaction(self, msg: Any, action: str = "Invoke") -> None:
        """Always answers, and with the event."""
        events: list[Any] = []
        try:
            given = chaincode_pb2.ChaincodeInput.FromString(msg.payload)
            stub = ChaincodeStub(self, msg.channel_id, msg.txid, given, msg.proposal)
            called = self.chaincode.init if action == "Init" else self.chaincode.invoke
            response = await called(stub)
            events = stub.get_events()
        except Refusal as refusal:
            response = error(str(refusal))
        except _PeerError as failure:
            response = error(f"the peer failed: {failure}")
        except Exception as failure:  # an answer must go out whatever happened
            logging.exception("call %s failed", msg.txid)
            response = error(f"the chaincode failed: {type(failure).__name__}")
        answer = _Message(
            type=_Message.COMPLETED,
            payload=response.SerializeToString(),
            txid=msg.txid,
            channel_id=msg.channel_id,
        )
        if events:
            # peers put the chaincode's name and the transaction's id there themselves
            last = events[-1]
            answer.chaincode_event.event_name = last.event_name
            answer.chaincode_event.payload = last.payload
        await self.context.write(answer)


class _Service(ChaincodeServicer):
    def __init__(self, chaincode_id: str, chaincode: AnchorChaincode) -> None:
        self._id, self._chaincode = chaincode_id, chaincode

    async def Connect(self, request_iterator: Any, context: Any) -> None:  # grpc's own name
        await _Handler(self._id, self._chaincode).chat_with_peer(request_iterator, context)


async def serve(
    chaincode_id: str,
    address: str,
    chaincode: AnchorChaincode,
    credentials: grpc.ServerCredentials | None,
) -> None:
    """Serve until SIGTERM or SIGINT; prints where it listens once it does."""
    server = grpc.aio.server()
    add_ChaincodeServicer_to_server(_Service(chaincode_id, chaincode), server)
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    await server.start()
    print(f"listening on {address.rpartition(':')[0]}:{port}", flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await server.stop(_GRACE_SECONDS)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _credentials(arguments: argparse.Namespace) -> grpc.ServerCredentials | None:
    if arguments.tls_key is None and arguments.tls_cert is None:
        return None
    key, certificate = arguments.tls_key.read_bytes(), arguments.tls_cert.read_bytes()
    peers = None if arguments.peer_ca is None else arguments.peer_ca.read_bytes()
    return grpc.ssl_server_credentials(((key, certificate),), peers, peers is not None)


def main(given: list[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(description="The anchor chaincode as a service")
    parser.add_argument("--id", required=True, help="the package id that the peer calls it by")
    parser.add_argument("--address", required=True, help="host:port to listen on")
    parser.add_argument("--member", action="append", required=True, help="MSP id; once a member")
    parser.add_argument("--threshold", type=int, required=True, help="attestations that confirm")
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument(
        "--peer-ca", type=Path, help="have peers show certificates by this authority"
    )
    parser.add_argument("--plain", action="store_true", help="no TLS, though not on loopback")
    arguments = parser.parse_args(given)
    if (arguments.tls_key is None) != (arguments.tls_cert is None):
        parser.error("--tls-key and --tls-cert go together")
    if arguments.tls_key is None and not (arguments.plain or _is_loopback(arguments.address)):
        parser.error("--tls-key and --tls-cert are needed, or --plain within one machine's network")
    members = tuple(arguments.member)
    try:
        check_configuration(members, arguments.threshold)
    except Refusal as refusal:
        parser.error(str(refusal))
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # the library logs every message there
    asyncio.run(
        serve(
            arguments.id,
            arguments.address,
            AnchorChaincode(members, arguments.threshold),
            _credentials(arguments),
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
