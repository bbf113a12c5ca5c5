"""Anchoring on a channel of Hyperledger Fabric, through the gateway service of one peer.

sign endorses (the peers simulate, nothing is ordered) and signs the envelope; send submits it;
look_up asks qscc, the peer's query chaincode, by transaction id. A transaction is final once it is
in a block and VALID: Fabric has no reorganisations.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2
from google.protobuf.message import DecodeError

from chaincode_adapters.errors import AnchorError, Misconfigured, Refused, SignAnew, Unreachable
from chaincode_adapters.fabric import failures, receipts
from chaincode_adapters.fabric.gateway import Gateway, GatewayError
from chaincode_adapters.fabric.settings import FabricSettings
from chaincode_adapters.port import Final, Missing, Pending, Receipt, Signed, Standing
from node.core.anchors.fabric_transaction import attest_argument, read_attestation
from node.core.anchors.point import AnchorPoint
from node.core.errors import InvalidInput

__all__ = ["FabricAdapter"]

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between endorsements while one of the peers is a block behind the others."""
_COMMIT_WAIT = 3.0
"""Seconds that a look-up waits for a transaction sent just now: about ten of Fabric's blocks."""
_PENDING_MS = 30_000
"""How long a submitted envelope is waited for before it is taken to be lost."""
_LONGEST_NAME = 64
_VALID = transaction_pb2.TxValidationCode.Value("VALID")


class FabricAdapter:
    """See `chaincode_adapters.port.AnchorAdapter`.

    ``connect`` makes a Gateway and what closes it; ``now`` is the clock in ms, ``pause`` waits for
    so many seconds.
    """

    kind = "fabric"

    def __init__(
        self,
        settings: FabricSettings,
        connect: Callable[[], tuple[Gateway, Callable[[], None]]],
        now: Callable[[], int],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = settings.name
        self.chain = _chain_name(settings.channel, settings.chaincode)
        self.in_flight = settings.in_flight
        self.poll_ms = settings.poll_ms
        self._settings, self._connect, self._now, self._pause = settings, connect, now, pause
        self._gateway: Gateway | None = None
        self._disconnect: Callable[[], None] = lambda: None
        self._trust_entry: dict[str, Any] | None = None

    def open(self) -> None:
        """Connect, and read the channel's configuration and its block 0."""
        self.close()
        self._gateway, self._disconnect = self._connect()
        self._trust_entry = self._read_channel()

    def close(self) -> None:
        """Let go of the connection."""
        self._gateway = None
        self._disconnect()
        self._disconnect = lambda: None

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        """Have ``point`` endorsed and sign the envelope.

        Beside earlier attempts a new one does no harm: it writes what they write, so that of all
        of them only one counts, or it finds the point there and writes nothing.
        """
        tx_id, payload = self._endorse(point)
        return Signed(tx_id, self._opened().sign_envelope(payload))

    def send(self, point: AnchorPoint, signed: Signed) -> bytes:
        """Submit the envelope. Returns when, in ms, as text."""
        try:
            self._opened().submit(self._settings.channel, signed.external_tx, signed.payload)
        except GatewayError as error:
            if not failures.is_already_ordered(error):
                raise failures.to_error(error) from error
        return str(self._now()).encode("ascii")

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes) -> Standing:
        """Where the newest attempt stands, or that an earlier one is VALID.

        A transaction just submitted is waited for, for some seconds.
        """
        if not attempts:
            return Missing()
        newest = attempts[-1].external_tx
        sent_ago = self._now() - int(answer) if answer else _PENDING_MS
        if 0 <= sent_ago < _PENDING_MS:
            self._await_commit(newest)
        failure: AnchorError | None = None
        for tx_id in reversed([attempt.external_tx for attempt in attempts]):
            code = self._validation_code(tx_id)
            if code == _VALID:
                return self._final(tx_id)
            if tx_id == newest and code is not None:
                failure = failures.from_validation_code(_code_name(code), code, tx_id)
        if failure is not None:
            raise failure
        return Pending() if 0 <= sent_ago < _PENDING_MS else Missing()

    def receipt(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes, final: Final
    ) -> Receipt:
        """The block with its orderers' signatures; and, where that is configured, the endorsers'
        signatures that their ledgers hold the point."""
        block = self._block_of(final.external_tx)
        position = receipts.tx_position(block, final.external_tx)
        content: dict[str, Any] = {
            "block": receipts.block_member(block),
            "position": position,
            "transaction": final.external_tx,
        }
        if block.header.number <= self._settings.link_blocks:
            content["link"] = self._link(block)
        if self._settings.confirm:
            content["confirmation"] = self._confirmation(point)
        return Receipt(
            kind=self.kind,
            content=content,
            external_tx=final.external_tx,
            height=block.header.number,
            time=final.time + self._settings.time_window_ms,
        )

    def trust_entry(self) -> dict[str, Any]:
        """The channel as its peer describes it; whoever pins it compares it with the operators'."""
        if self._trust_entry is None:
            self.open()
        assert self._trust_entry is not None
        return self._trust_entry

    def _opened(self) -> Gateway:
        if self._gateway is None:
            raise Unreachable("not connected")
        return self._gateway

    def _endorse(self, point: AnchorPoint) -> tuple[str, bytes]:
        """The transaction's id and the payload of its envelope.

        Peers commit a block at different moments; what they answer about it differs until then.
        """
        settings, gateway = self._settings, self._opened()
        pauses: Iterator[float] = iter(_PAUSES)
        while True:
            arguments = (b"Attest", attest_argument(point))
            proposal = gateway.propose(settings.channel, settings.chaincode, arguments)
            try:
                payload = gateway.endorse(proposal, settings.endorsers)
                return proposal.tx_id, self._own(payload, proposal.tx_id, point)
            except GatewayError as error:
                pause = next(pauses, None)
                if pause is None or not failures.is_mismatch(error):
                    raise failures.to_error(error) from error
                self._pause(pause)

    def _own(self, payload: bytes, tx_id: str, point: AnchorPoint) -> bytes:
        """``payload``, which is about to be signed: it must be of the call that was proposed."""
        try:
            read = read_attestation(payload, "endorsement")
            read.check_point(point, "endorsement")
        except InvalidInput as error:
            raise Refused(
                f"the gateway's answer is no endorsement of the point: {error}"
            ) from error
        proposed = (tx_id, self._settings.channel, self._settings.chaincode)
        if (read.tx_id, read.channel, read.chaincode) != proposed:
            raise Refused("the gateway answered with another transaction than was proposed")
        return payload

    def _confirmation(self, point: AnchorPoint) -> str:
        """An endorsement of the same call again, which is never submitted: it shows what the
        endorsers' ledgers hold."""
        try:
            _, payload = self._endorse(point)
        except (Refused, SignAnew) as error:  # what is final stays so, whatever this says
            raise Unreachable(f"the endorsers do not confirm it: {error}") from error
        reading = read_attestation(payload, "confirmation")
        if reading.held is None or reading.writes:
            raise Unreachable("the endorsing peers do not hold the point yet")
        return base64.b64encode(payload).decode("ascii")

    def _query(self, chaincode: str, *arguments: str) -> bytes | None:
        """What a system chaincode of the peer answers; None where it knows no such transaction."""
        try:
            encoded = [argument.encode("utf-8") for argument in arguments]
            return self._opened().evaluate(self._settings.channel, chaincode, encoded)
        except GatewayError as error:
            if failures.is_unknown(error):
                return None
            raise failures.to_error(error) from error

    def _await_commit(self, tx_id: str) -> None:
        """Come back when the peer has committed it, or after a while."""
        try:
            self._opened().commit_status(self._settings.channel, tx_id, _COMMIT_WAIT)
        except GatewayError as error:
            if error.code != "DEADLINE_EXCEEDED":
                raise failures.to_error(error) from error

    def _validation_code(self, tx_id: str) -> int | None:
        """What the peer made of a transaction; None where it has none."""
        answer = self._query("qscc", "GetTransactionByID", self._settings.channel, tx_id)
        if answer is None:
            return None
        try:
            return int(transaction_pb2.ProcessedTransaction.FromString(answer).validationCode)
        except DecodeError as error:
            raise Unreachable("qscc answered with something that is no transaction") from error

    def _block_of(self, tx_id: str) -> common_pb2.Block:
        answer = self._query("qscc", "GetBlockByTxID", self._settings.channel, tx_id)
        if answer is None:
            raise Unreachable(f"the peer does not know {tx_id} any more")
        return receipts.decode_block(answer)

    def _final(self, tx_id: str) -> Final:
        block = self._block_of(tx_id)
        moment = receipts.tx_time(block, receipts.tx_position(block, tx_id))
        return Final(tx_id, block.header.number, receipts.block_hash(block).hex(), moment)

    def _block(self, number: int) -> common_pb2.Block:
        answer = self._query("qscc", "GetBlockByNumber", self._settings.channel, str(number))
        return receipts.decode_block(answer or b"")

    def _link(self, block: common_pb2.Block) -> dict[str, Any]:
        """The hashes that lead from block 0 to ``block``."""
        between = (self._block(number) for number in range(1, block.header.number))
        return {"data_hashes": [one.header.data_hash.hex() for one in between], "from": 0}

    def _read_channel(self) -> dict[str, Any]:
        settings = self._settings
        answer = self._query("cscc", "GetConfigBlock", settings.channel)
        members = receipts.channel_members(receipts.decode_block(answer or b""))
        genesis = receipts.block_hash(self._block(0)).hex()
        if settings.genesis not in (None, genesis):
            raise Misconfigured(f"genesis: block 0 of {settings.channel} has the hash {genesis}")
        known = [member["msp_id"] for member in members["endorsers"]]
        for named in settings.endorsers:
            if named not in known:
                raise Misconfigured(f"endorsers: {named} is not on the channel, but {known} are")
        if settings.endorsers:
            members["endorsers"] = [
                member for member in members["endorsers"] if member["msp_id"] in settings.endorsers
            ]
        needed = settings.endorsements_needed or (
            len(settings.endorsers) or len(members["endorsers"]) // 2 + 1
        )
        if needed > len(members["endorsers"]):
            raise Misconfigured(
                f"endorsements_needed: only {len(members['endorsers'])} can endorse"
            )
        return {
            **members,
            "chaincode": settings.chaincode,
            "channel": settings.channel,
            "endorsements_needed": needed,
            "genesis": genesis,
            "kind": self.kind,
            "name": settings.name,
            "operator": settings.operator,
            "time_window_ms": settings.time_window_ms,
        }


def _code_name(code: int) -> str:
    """A validation code as Fabric calls it; one that is newer than its protos by its number."""
    names = {number: name for name, number in transaction_pb2.TxValidationCode.items()}
    return str(names.get(code, f"invalid, code {code}"))


def _chain_name(channel: str, chaincode: str) -> str:
    """As the ledger's records name the chain; a long name by its hash."""
    name = f"fabric:{channel}:{chaincode}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"fabric:{hashlib.sha256(name.encode('ascii')).hexdigest()[:40]}"
