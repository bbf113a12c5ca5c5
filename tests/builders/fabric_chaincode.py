"""The anchor chaincode in tests: its rules in this process, and its real process with a driver in
the place of a peer.

The driver is no peer. It speaks the chaincode protocol (fabric-protos peer/chaincode_shim.proto)
as one: it connects to the service, hands calls on, answers what the chaincode asks about the state,
and keeps read and write sets, which it commits by Fabric's rule (a read that is out of date makes a
transaction invalid).
"""

from __future__ import annotations

import importlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim

__all__ = ["PeerDriver", "Simulated", "State", "chaincode_python", "rules", "running_chaincode"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "contracts" / "fabric"
_Message = shim.ChaincodeMessage
_SECONDS = 30.0


def _load_rules() -> ModuleType:
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module("anchor_rules")


rules = _load_rules()
"""The module contracts/fabric/anchor_rules.py."""


@dataclass
class Simulated:
    """What a call came to: its response, and the keys that it read (with their versions) and would
    write. Nothing is committed yet."""

    tx_id: str
    status: int = 0
    message: str = ""
    answer: str = ""
    reads: dict[str, int] = field(default_factory=dict)
    writes: dict[str, bytes] = field(default_factory=dict)
    event: tuple[str, str] | None = None


@dataclass
class State:
    """A ledger's state: values with the number of the commit that wrote them."""

    values: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    commits: int = 0

    def get(self, key: str) -> bytes:
        return self.values.get(key, (b"", 0))[0]

    def version(self, key: str) -> int:
        return self.values.get(key, (b"", 0))[1]

    def commit(self, one: Simulated) -> bool:
        """Whether it counted: no key that it read was written since."""
        assert one.status == 200, one.message
        if any(self.version(key) != version for key, version in one.reads.items()):
            return False
        self.commits += 1
        for key, value in one.writes.items():
            self.values[key] = (value, self.commits)
        return True

    def call(self, function: str, *parameters: str, by: str = "Org1MSP", at: int = 0) -> Simulated:
        """Simulate a call of the rules in this process."""
        tx_id = f"tx-{self.commits}-{by}-{function}"
        call = rules.Call(function, parameters, by, tx_id, f"{1_700_000_000 + at}.000000000")
        return self.run(tx_id, lambda: rules.invoke(call))

    def run(self, tx_id: str, begin: Any) -> Simulated:
        """Simulate a rule."""
        out = Simulated(tx_id)
        try:
            rule = begin()
            key = next(rule)
            while True:
                out.reads[key] = self.version(key)
                key = rule.send(self.get(key))
        except StopIteration as stopped:
            outcome = stopped.value
        except rules.Refusal as refusal:
            out.status, out.message = 500, str(refusal)
            return out
        out.status, out.answer, out.event = 200, outcome.answer, outcome.event
        out.writes = {key: text.encode() for key, text in outcome.writes.items()}
        return out

    def initialise(self, members: tuple[str, ...], threshold: int) -> None:
        """Commit a first configuration."""
        call = rules.Call("Init", (), members[0], "tx-init", "1700000000.000000000")
        done = self.run("tx-init", lambda: rules.initialise(call, members, threshold))
        assert self.commit(done)


def chaincode_python() -> str:
    """The Python of the chaincode's environment; the test fails in CI and is skipped elsewhere
    where it cannot be made."""
    made = subprocess.run(
        [ROOT / "scripts" / "install-fabric-chaincode"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHON": sys.executable, "VENV": sys.prefix},
    )
    if made.returncode == 0:
        return made.stdout.strip()
    text = f"the chaincode's environment cannot be made: {made.stderr.strip()[-500:]}"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@contextmanager
def running_chaincode(
    *members: str, threshold: int, options: tuple[str, ...] = ()
) -> Iterator[str]:
    """The real chaincode process; gives its address."""
    command = [chaincode_python(), str(FOLDER / "anchor_service.py"), "--id", "anchor_1:ab"]
    command += ["--address", "127.0.0.1:0", "--threshold", str(threshold), *options]
    for member in members:
        command += ["--member", member]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        try:
            assert it.stdout is not None
            line = it.stdout.readline()
            if not line.startswith("listening on "):
                it.kill()
                raise AssertionError(f"the chaincode did not start: {it.communicate()[1]}")
            yield line.split()[-1]
        finally:
            it.terminate()
            it.communicate(timeout=_SECONDS)


class PeerDriver:
    """One stream to a chaincode process. Calls may be made from several threads at once."""

    def __init__(self, address: str, channel: grpc.Channel | None = None) -> None:
        self.state = State()
        self._out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._calls: dict[str, tuple[Simulated, threading.Event]] = {}
        self.registered_as = ""
        self.failing_keys: set[str] = set()
        self._ready = threading.Event()
        self._channel = channel or grpc.insecure_channel(address)
        connect = self._channel.stream_stream(
            "/protos.Chaincode/Connect",
            request_serializer=_Message.SerializeToString,
            response_deserializer=_Message.FromString,
        )
        self._stream = connect(iter(self._out.get, None))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(_SECONDS), "the chaincode did not register"

    @classmethod
    def is_refused(cls, channel: grpc.Channel) -> bool:
        """Whether the service ends a stream before it registers."""
        connect = channel.stream_stream(
            "/protos.Chaincode/Connect",
            request_serializer=_Message.SerializeToString,
            response_deserializer=_Message.FromString,
        )
        try:
            next(iter(connect(iter(()), timeout=_SECONDS)))
        except grpc.RpcError:
            return True
        return False

    def close(self) -> None:
        """End the stream."""
        self._out.put(None)
        self._stream.cancel()
        self._channel.close()
        self._reader.join(_SECONDS)

    def call(
        self,
        function: str,
        *parameters: str | bytes,
        by: str = "Org1MSP",
        at: int = 0,
        init: bool = False,
        tx_id: str | None = None,
    ) -> Simulated:
        """Simulate a call; returns when the chaincode has answered."""
        encoded = [one.encode() if isinstance(one, str) else one for one in parameters]
        given = chaincode_pb2.ChaincodeInput(args=[function.encode(), *encoded])
        out = Simulated(tx_id or os.urandom(16).hex())
        done = threading.Event()
        self._calls[out.tx_id] = (out, done)
        self._out.put(
            _Message(
                type=_Message.INIT if init else _Message.TRANSACTION,
                payload=given.SerializeToString(),
                txid=out.tx_id,
                channel_id="evidence",
                proposal=_signed_proposal(by, 1_700_000_000 + at),
            )
        )
        assert done.wait(_SECONDS), f"the chaincode never answered {function}"
        return out

    def _read(self) -> None:
        try:
            for message in self._stream:
                self._handle(message)
        except grpc.RpcError:
            return

    def _handle(self, message: Any) -> None:
        if message.type == _Message.REGISTER:
            self.registered_as = chaincode_pb2.ChaincodeID.FromString(message.payload).name
            self._out.put(_Message(type=_Message.REGISTERED))
            self._out.put(_Message(type=_Message.READY))
            self._ready.set()
            return
        out, done = self._calls[message.txid]
        if message.type == _Message.GET_STATE:
            key = shim.GetState.FromString(message.payload).key
            out.reads[key] = self.state.version(key)
            self._answer(message, key, self.state.get(key))
        elif message.type == _Message.PUT_STATE:
            put = shim.PutState.FromString(message.payload)
            out.writes[put.key] = put.value
            self._answer(message, put.key, b"")
        elif message.type == _Message.COMPLETED:
            response = proposal_response_pb2.Response.FromString(message.payload)
            out.status, out.message = response.status, response.message
            out.answer = response.payload.decode()
            if message.HasField("chaincode_event"):
                event = message.chaincode_event
                out.event = (event.event_name, event.payload.decode())
            done.set()
        else:
            raise AssertionError(f"unexpected {message}")

    def _answer(self, message: Any, key: str, payload: bytes) -> None:
        failing = key in self.failing_keys
        self._out.put(
            _Message(
                type=_Message.ERROR if failing else _Message.RESPONSE,
                payload=b"the state database is away" if failing else payload,
                txid=message.txid,
                channel_id=message.channel_id,
            )
        )


def _signed_proposal(msp_id: str, seconds: int) -> proposal_pb2.SignedProposal:
    creator = identities_pb2.SerializedIdentity(mspid=msp_id, id_bytes=b"certificate")
    channel_header = common_pb2.ChannelHeader(channel_id="evidence")
    channel_header.timestamp.seconds = seconds
    header = common_pb2.Header(
        channel_header=channel_header.SerializeToString(),
        signature_header=common_pb2.SignatureHeader(
            creator=creator.SerializeToString(), nonce=b"nonce"
        ).SerializeToString(),
    )
    payload = proposal_pb2.ChaincodeProposalPayload(input=b"input").SerializeToString()
    proposal = proposal_pb2.Proposal(header=header.SerializeToString(), payload=payload)
    return proposal_pb2.SignedProposal(proposal_bytes=proposal.SerializeToString())
