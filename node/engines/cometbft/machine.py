"""The application as CometBFT calls it: ABCI 2.0 over `node.ledger.application.Application`.

A transaction of the engine is a frame. CheckTx and ProcessProposal ask only what needs no state:
whether a frame can be opened. FinalizeBlock judges and writes nothing, Commit writes all at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from google.protobuf import timestamp_pb2

from node.core.block import Timestamp, Validator
from node.core.errors import InvalidInput, LedgerFault
from node.core.frame import MAX_FRAME_BYTES, BlockRoom
from node.core.genesis import Genesis
from node.engines.cometbft.genesis_file import app_state
from node.engines.cometbft.opened import OpenedFrames
from node.engines.cometbft.proto import abci_pb2 as abci
from node.engines.cometbft.proto import keys_pb2, params_pb2
from node.ledger.application import Application, Finalized, OpenedFrame
from node.rules.engine_updates import EngineUpdates
from node.rules.judgement import Misbehaviour

__all__ = ["Decided", "Machine"]

_SOFTWARE = "evidence-ledger-node"
_FLAWED = 1
_MISBEHAVIOURS = {
    abci.DUPLICATE_VOTE: "duplicate_vote",
    abci.LIGHT_CLIENT_ATTACK: "light_client_attack",
}
_FILTER_ADDRESS, _FILTER_ID = "/p2p/filter/addr/", "/p2p/filter/id/"

_ASLEEP_MS = 5_000
"""Longer than a round that fails (timeout_propose), shorter than the pause of empty blocks."""

T = TypeVar("T")


def _system_time() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Decided:
    """A block that the engine has decided, judged and not yet written."""

    block: Finalized
    frames: Sequence[OpenedFrame]
    header_hash: bytes


class Machine:
    """Answers the engine. ``consensus`` runs what reads and writes the ledger, one thing at a time;
    ``opened`` opens frames. ``peers`` are the ids of the nodes that may connect.

    ``decided`` is called in the event loop when a block has been judged, ``written`` in
    ``consensus`` when it is on disk. ``retain`` says below which height the engine may drop its own
    blocks then (0: none); ``now`` is the clock, in ms, by which this node makes its proposals.
    """

    def __init__(
        self,
        application: Application,
        genesis: Genesis,
        opened: OpenedFrames,
        consensus: Executor,
        peers: Collection[str],
        decided: Callable[[Decided], None],
        written: Callable[[Decided], None],
        retain: Callable[[], int] = lambda: 0,
        now: Callable[[], int] = _system_time,
    ) -> None:
        self._application = application
        self._genesis = genesis
        self._opened = opened
        self._consensus = consensus
        self._peers = peers
        self._tell_decided = decided
        self._tell_written = written
        self._retain = retain
        self._now = now
        self._block: Decided | None = None
        self._log = structlog.get_logger("abci")

    async def echo(self, request: abci.RequestEcho) -> abci.ResponseEcho:
        """Say the same."""
        return abci.ResponseEcho(message=request.message)

    async def info(self, request: abci.RequestInfo) -> abci.ResponseInfo:
        """How far the ledger has come: the engine replays what follows."""
        meta = self._application.need_meta()
        height = self._application.written_height
        started = height >= self._genesis.initial_height
        return abci.ResponseInfo(
            data=_SOFTWARE,
            app_version=await self._in_turn(self._application.parameter, "rules_version"),
            last_block_height=height if started else 0,
            last_block_app_hash=meta.app_hash if started else b"",
        )

    async def init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        """Begin: the engine must have been given the genesis that the ledger holds.

        Raises:
            LedgerFault: it has another.
        """
        genesis = self._genesis
        validators = {(update.pub_key.ed25519, update.power): None for update in request.validators}
        wanted = {(item.public_key, item.power): None for item in genesis.validator_set.validators}
        if (
            request.chain_id != genesis.chain_id
            or _parsed(request.app_state_bytes) != app_state(genesis)
            or request.initial_height != genesis.initial_height
            or _milliseconds(request.time) != genesis.genesis_time
            or validators != wanted
        ):
            raise LedgerFault(
                f"the engine was started with another genesis, of {request.chain_id}; remove its "
                "directory, and start the node again"
            )
        return abci.ResponseInitChain(app_hash=self._application.need_meta().app_hash)

    async def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        """Whether the engine may talk to a peer. Nothing else is asked this way: the node's own
        interface answers queries, with proofs."""
        path = request.path
        if path.startswith(_FILTER_ADDRESS):
            return abci.ResponseQuery()
        if path.startswith(_FILTER_ID):
            peer = path.removeprefix(_FILTER_ID)
            if peer in self._peers:
                return abci.ResponseQuery()
            self._log.warning("a stranger was turned away", peer=peer[:64])
            return abci.ResponseQuery(code=1, log="not one of this node's peers")
        return abci.ResponseQuery(code=1, log="ask the node's own interface")

    async def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        """Whether a frame may come into the mempool: one that can be opened, and for good.

        Of what was signed with a key that is not registered nothing is known. Once it is, such a
        frame may turn out to be flawed; nobody could propose it then, and it would lie in front of
        all others for ever, since mempools are not looked through again.
        """
        if request.type == abci.RECHECK:
            return abci.ResponseCheckTx()
        if len(request.tx) > MAX_FRAME_BYTES:
            return _not_taken(f"at most {MAX_FRAME_BYTES} bytes are taken")
        try:
            opened = await self._opened.open(request.tx, urgent=False)
        except InvalidInput as error:
            return _not_taken(str(error))
        unknown = opened.unknown_kids()
        if unknown:
            return _not_taken(f"{min(unknown)} is no registered key of this chain")
        return abci.ResponseCheckTx()

    async def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        """The frames to propose: those of the mempool that can be opened, as far as they fit.

        A block's time is that of the votes before it. After a net has slept that is when it fell
        asleep, and records of this morning would bear it: so a block without frames comes first,
        whose votes tell the time for the next.
        """
        if self._now() - _milliseconds(request.time) > _ASLEEP_MS and request.txs:
            self._log.info("a block without frames comes first: time has passed since the last")
            return abci.ResponsePrepareProposal()
        fitting = self._fitting(request.txs, request.max_tx_bytes)
        flaws = await asyncio.gather(*map(self._opened.flaw, fitting))
        chosen = [frame for frame, flaw in zip(fitting, flaws) if flaw is None]
        return abci.ResponsePrepareProposal(txs=chosen)

    def _fitting(self, frames: Iterable[bytes], max_bytes: int) -> list[bytes]:
        """Those, from the first on, that one block may have, without such as cannot be unpacked."""
        room, fitting = BlockRoom(max_bytes), []
        for frame in frames:
            try:
                if not room.take(frame, self._opened.count(frame)):
                    break
            except InvalidInput:
                continue
            fitting.append(frame)
        return fitting

    async def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        """Refuse a proposal of more than a block may hold, or with a frame that cannot be opened,
        whoever makes it. The first flaw that is found ends the work on it."""
        flaw = await self._opened.flaw_of_block(request.txs)
        if flaw is None:
            return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.ACCEPT)
        self._log.error(
            "proposal refused",
            height=request.height,
            proposer=request.proposer_address.hex(),
            why=str(flaw),
        )
        return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.REJECT)

    async def finalize_block(
        self, request: abci.RequestFinalizeBlock
    ) -> abci.ResponseFinalizeBlock:
        """Judge a decided block.

        Raises:
            LedgerFault: it cannot be applied, which leaves this node behind the others.
        """
        frames = await asyncio.gather(*(self._open(frame) for frame in request.txs))
        decided = await self._in_turn(self._finalize, request, frames)
        self._block = decided
        self._tell_decided(decided)
        return abci.ResponseFinalizeBlock(
            tx_results=[abci.ExecTxResult(data=data) for data in decided.block.results],
            app_hash=decided.block.app_hash,
            validator_updates=[
                _validator_update(item) for item in decided.block.updates.validators
            ],
            consensus_param_updates=_parameter_updates(decided.block.updates),
        )

    def _finalize(
        self, request: abci.RequestFinalizeBlock, frames: Sequence[OpenedFrame]
    ) -> Decided:
        block = self._application.finalize(
            request.height,
            _milliseconds(request.time),
            frames,
            misbehaviour=[_misbehaviour(item) for item in request.misbehavior],
        )
        return Decided(block, frames, request.hash)

    async def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        """Write the block that was judged last."""
        block, self._block = self._block, None
        if block is None:
            raise LedgerFault("the engine commits a block that it did not have judged")
        await self._in_turn(self._write, block)
        for frame in block.frames:
            self._opened.forget(frame.frame)
        return abci.ResponseCommit(retain_height=self._retain())

    def _write(self, decided: Decided) -> None:
        self._application.persist([decided.block])
        self._application.release([decided.block])
        self._tell_written(decided)

    async def _open(self, frame: bytes) -> OpenedFrame:
        try:
            return await self._opened.open(frame)
        except InvalidInput as error:
            raise LedgerFault(
                f"a decided block holds a frame that cannot be opened: {error}"
            ) from error

    async def _in_turn(self, work: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._consensus, work, *arguments)


def _not_taken(why: str) -> abci.ResponseCheckTx:
    return abci.ResponseCheckTx(code=_FLAWED, codespace="frame", log=why)


def _misbehaviour(item: abci.Misbehavior) -> Misbehaviour:
    return Misbehaviour(
        _MISBEHAVIOURS.get(item.type, "unknown"),
        item.validator.address,
        item.validator.power,
        item.height,
        _milliseconds(item.time),
        item.total_voting_power,
    )


def _validator_update(validator: Validator) -> abci.ValidatorUpdate:
    key = keys_pb2.PublicKey(ed25519=validator.public_key)
    return abci.ValidatorUpdate(pub_key=key, power=validator.power)


def _parameter_updates(updates: EngineUpdates) -> params_pb2.ConsensusParams | None:
    """Only what changes: the engine keeps the rest."""
    size, version = updates.max_block_bytes, updates.rules_version
    if size is None and version is None:
        return None
    return params_pb2.ConsensusParams(
        block=None if size is None else params_pb2.BlockParams(max_bytes=size, max_gas=-1),
        version=None if version is None else params_pb2.VersionParams(app=version),
    )


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _milliseconds(time: timestamp_pb2.Timestamp) -> int:
    return Timestamp(time.seconds, time.nanos).milliseconds
