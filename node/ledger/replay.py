"""Making a ledger again from its geneses, its headers and the bodies of its blocks.

Everything else follows from these: log, state map, indexes. Each chain that the ledger holds is
made again with the keys, the validators and the chain id of its own genesis. An audit makes them
again beside the ledger and compares; `evidence-node reindex` puts them in its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from node.core.block import (
    BLOCK_PROTOCOL,
    BlockId,
    Commit,
    Header,
    consensus_hash,
    data_hash,
    encode_block,
    evidence_hash,
    part_set,
    results_hash,
    verify_commit,
)
from node.core.errors import InvalidInput, LedgerFault
from node.core.genesis import Genesis
from node.core.signatures import load_backend
from node.ledger.application import Application, Finalized, OpenedFrame
from node.ledger.body import Body, decode_body
from node.ledger.lineage import read_geneses
from node.ledger.opening import FrameOpener
from node.ledger.rows import (
    BLOCK,
    KEPT,
    META,
    VALIDATORS,
    decode_block_row,
    decode_kept,
    decode_meta,
    encode_validators,
    number_key,
)
from node.rules.engine_updates import EngineUpdates, changed_validators
from node.storage.ports import Reader, SegmentRef, Segments, Store

__all__ = ["Replayed", "replay_ledger"]

Progress = Callable[[int, int], None]
_Frame = tuple[SegmentRef, Body, int]
_Bare = tuple[SegmentRef, Body]


@dataclass(frozen=True)
class Replayed:
    """How far the replay came: blocks, entries of the log, signatures checked. ``unproven`` of the
    newest blocks have no header and commit yet."""

    height: int
    size: int
    signatures: int
    unproven: int = 0


def replay_ledger(
    rows: Reader,
    bodies: Segments,
    target: Store,
    opener: FrameOpener,
    progress: Progress,
    *,
    proofs_follow: bool = False,
) -> Replayed:
    """Make the ledger again in ``target``, an empty store, checking every signature on the way.

    Args:
        rows: the ledger's store; its geneses and headers are read, nothing else.
        bodies: the bodies of its blocks.
        target: where all rows are written.
        opener: opens the frames, with the keys of each chain in turn.
        progress: called with a height done and the last height, now and then.
        proofs_follow: headers and commits are kept after their blocks, as in a consortium: the
            newest blocks may lack theirs.

    Raises:
        LedgerFault: names the height or the place, and what is wrong there.
    """
    application = Application(target, bodies)
    application.on_keys(opener.keys_registered)
    geneses = read_geneses(rows)
    raw = rows.get(META)
    last = geneses[-1].initial_height - 1 if raw is None else decode_meta(raw).height
    kept = _newest_kept(rows) if proofs_follow else last
    ends = [after.initial_height - 2 for after in geneses[1:]] + [last]
    signatures = 0
    done: SegmentRef | None = None
    for genesis, end in zip(geneses, ends):
        try:
            application.init_chain(genesis)
        except InvalidInput as error:
            raise LedgerFault(f"height {genesis.initial_height - 1}: {error}") from error
        chain = _Chain(rows, genesis, min(kept, end))
        for reference, body, frames in _opened_bodies(bodies, done, end, opener):
            _replay_empty(application, chain, body.height - 1)
            signatures += sum(len(opened.taken) for opened in frames)
            _replay_body(application, chain, reference, body, frames)
            progress(body.height, last)
            done = reference
        _replay_empty(application, chain, end)
    application.close()
    progress(last, last)
    unproven = max(0, last - max(chain.proven, geneses[-1].initial_height - 1))
    return Replayed(last, application.need_meta().size, signatures, unproven)


def _newest_kept(rows: Reader) -> int:
    end = number_key(KEPT, (1 << 48) - 1)
    newest = next(iter(rows.scan(number_key(KEPT, 0), end, reverse=True)), None)
    return 0 if newest is None else int.from_bytes(newest[0][1:], "big")


def _read_bodies(
    bodies: Segments, after: SegmentRef | None, last: int, bare: deque[_Bare]
) -> Iterator[tuple[_Frame, bytes]]:
    """Every frame of the bodies behind ``after`` up to the height ``last``, with the body it stands
    in; bodies without frames go into ``bare``."""
    for reference, payload in bodies.records(after):
        body = _decode(reference, payload)
        if body.height > last:
            return
        if not body.frames:
            bare.append((reference, body))
        for number, frame in enumerate(body.frames):
            yield (reference, body, number), frame


def _decode(reference: SegmentRef, payload: bytes) -> Body:
    try:
        return decode_body(payload)
    except InvalidInput as error:
        raise LedgerFault(f"{_place(reference)}: {error}") from error


def _place(reference: SegmentRef) -> str:
    return f"blocks, segment {reference.segment}, offset {reference.offset}"


def _opened_bodies(
    bodies: Segments, after: SegmentRef | None, last: int, opener: FrameOpener
) -> Iterator[tuple[SegmentRef, Body, list[OpenedFrame]]]:
    """Each body behind ``after`` up to the height ``last``, with its frames opened."""
    gathered: list[OpenedFrame] = []
    bare: deque[_Bare] = deque()
    reference: SegmentRef | None = None
    frames = _read_bodies(bodies, after, last, bare)
    try:
        for (reference, body, number), frame, taken in opener.open_each(frames):
            gathered.append(OpenedFrame(frame, taken))
            if number + 1 == len(body.frames):
                while bare and bare[0][1].height < body.height:
                    yield *bare.popleft(), []
                yield reference, body, gathered
                gathered = []
        while bare:
            yield *bare.popleft(), []
    except InvalidInput as error:
        place = "blocks" if reference is None else f"behind {_place(reference)}"
        raise LedgerFault(f"{place}: {error}") from error


class _Chain:
    """The headers and commits of the ledger up to the height ``proven``, each checked against what
    the replay gives."""

    def __init__(self, rows: Reader, genesis: Genesis, proven: int) -> None:
        self.proven = proven
        self._rows = rows
        self._genesis = genesis
        self._validators = self._next_validators = genesis.validator_set
        self._max_block_bytes = genesis.parameters["max_block_bytes"]
        self._rules_version = genesis.rules_version
        self._backend = load_backend()
        self._last: tuple[Header, Commit] | None = None
        self._results: list[bytes] = []

    def read(self, height: int) -> tuple[Header, Commit]:
        """The header and commit of ``height`` as stored."""
        raw = self._rows.get(number_key(KEPT, height))
        if raw is None:
            raise LedgerFault(f"height {height}: its header is missing")
        try:
            header, commit = decode_kept(raw)
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            raise LedgerFault(f"height {height}: its header is damaged: {error}") from error
        if commit is None:
            raise LedgerFault(f"height {height}: its commit is missing")
        return header, commit

    def time(self, height: int) -> int:
        """The time of a block without a body: its header's, or while it has none, its row's."""
        if height <= self.proven:
            return self.read(height)[0].time.milliseconds
        row = self._rows.get(number_key(BLOCK, height))
        if row is None:
            raise LedgerFault(f"height {height}: its row is missing")
        try:
            return decode_block_row(row).time
        except msgspec.DecodeError as error:
            raise LedgerFault(f"height {height}: its row is damaged: {error}") from error

    def check(self, block: Finalized, app_hash: bytes) -> list[tuple[Header, Commit]]:
        """Check a block's header in every field against the blocks before it, and put the
        validators that it is the first to be signed by beside what is to be written of the block.

        Args:
            block: what the replay gives for it.
            app_hash: what the replay gave for the block before.

        Returns:
            What is to be kept of it: nothing where it is not proven yet.
        """
        height, frames = block.height, block.frames
        if height > self.proven:
            self._update(block.updates)
            return []
        header, commit = self.read(height)
        last_commit = Commit(0, 0, BlockId(), ()) if self._last is None else self._last[1]
        self._check_evidence(header, block)
        total, parts = commit.block_id.total, commit.block_id.parts_hash
        if header.evidence_hash == evidence_hash():  # else what the parts hold is not known here
            total, parts = part_set(encode_block(header, frames, last_commit))
        expected = {
            "version": (header.version, (BLOCK_PROTOCOL, self._rules_version)),
            "consensus_hash": (header.consensus_hash, consensus_hash(self._max_block_bytes)),
            "next_validators_hash": (header.next_validators_hash, self._next_validators.hash()),
            "chain_id": (header.chain_id, self._genesis.chain_id),
            "height": (header.height, height),
            "last_block_id": (header.last_block_id, last_commit.block_id),
            "last_commit_hash": (header.last_commit_hash, last_commit.hash()),
            "data_hash": (header.data_hash, data_hash(frames)),
            "app_hash": (header.app_hash, app_hash),
            "last_results_hash": (header.last_results_hash, results_hash(self._results)),
            "block_id": (commit.block_id, BlockId(header.hash(), total, parts)),
        }
        for name, (stored, found) in expected.items():
            if stored != found:
                raise LedgerFault(f"height {height}: {name} is not what the blocks before it give")
        if self._last is not None and header.time <= self._last[0].time:
            raise LedgerFault(f"height {height}: its time is not after the one before")
        try:
            verify_commit(header, commit, self._validators, self._backend)
        except InvalidInput as error:
            raise LedgerFault(f"height {height}: {error}") from error
        if self._last is not None and self._last[0].validators_hash != header.validators_hash:
            encoded = encode_validators(self._validators)
            block.batch.put(VALIDATORS + header.validators_hash, encoded)
        self._last, self._results = (header, commit), block.results
        self._update(block.updates)
        return [(header, commit)]

    def _check_evidence(self, header: Header, block: Finalized) -> None:
        """Misbehaviour stands in the body where the header shows evidence, and nowhere else. What
        it says is in the state that the next header shows."""
        if bool(block.misbehaviour) != (header.evidence_hash != evidence_hash()):
            raise LedgerFault(
                f"height {header.height}: evidence_hash does not fit the misbehaviour in its body"
            )

    def _update(self, updates: EngineUpdates) -> None:
        """What a block tells the engine holds from the next one on, validators one later."""
        self._validators = self._next_validators
        self._next_validators = changed_validators(self._next_validators, updates)
        if updates.max_block_bytes is not None:
            self._max_block_bytes = updates.max_block_bytes
        if updates.rules_version is not None:
            self._rules_version = updates.rules_version


def _replay_empty(application: Application, chain: _Chain, last: int) -> None:
    """The blocks without transactions up to height ``last``."""
    while (height := application.need_meta().height + 1) <= last:
        before = application.need_meta().app_hash
        block = application.finalize(height, chain.time(height), ())
        kept = chain.check(block, before)
        application.persist([block], kept, sync=False)
        application.release([block])


def _replay_body(
    application: Application,
    chain: _Chain,
    reference: SegmentRef,
    body: Body,
    frames: list[OpenedFrame],
) -> None:
    height = application.need_meta().height + 1
    if body.height != height:
        raise LedgerFault(f"{_place(reference)}: height {body.height} where {height} should follow")
    before = application.need_meta().app_hash
    if height <= chain.proven and chain.read(height)[0].time.milliseconds != body.time:
        raise LedgerFault(f"{_place(reference)}: its time is not that of its header")
    block = application.finalize(height, body.time, frames, misbehaviour=body.misbehaviour)
    kept = chain.check(block, before)
    application.persist([block], kept, body.seal, reference, sync=False)
    application.release([block])
