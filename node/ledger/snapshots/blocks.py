"""Blocks of a snapshot, made into rows as they arrive: each is checked against its headers.

Nothing of a block is believed: its frames must give the data_hash of its header, its results the
last_results_hash of the next one, its entries, with the state's root, the app_hash that the next
one carries. What is looked up by is made from the entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from node.core.apphash import app_hash
from node.core.block import Header, data_hash, evidence_hash, results_hash
from node.core.encoding import encode_base64url
from node.core.entry import join_entry
from node.core.errors import InvalidInput
from node.core.frame import transaction_offsets, unpack_parts
from node.ledger.body import encode_body
from node.ledger.indexes import index_keys
from node.ledger.intake import issuer_key
from node.ledger.log import TileChanges, TileReader, WorkingLog
from node.ledger.rows import (
    BLOCK,
    ENTRIES,
    ISSUED,
    STATISTICS,
    TRANSACTION,
    BlockRow,
    EntriesRow,
    encode_row,
    number_key,
)
from node.ledger.snapshots.format import BlockItem, FrameItem
from node.rules.judgement import State
from node.rules.rejections import REJECTIONS, rejection
from node.storage.ports import Batch, SegmentRef, Segments, Store

__all__ = ["BlockRows"]

_NOT_FOUND_BY_ID = frozenset(map(rejection, ("duplicate", "already_refused")))
_NO_EVIDENCE = evidence_hash()
_NO_FRAMES = data_hash(())
_NO_RESULTS = results_hash(())
_ROWS_A_BATCH = 20_000
_MALFORMED = (InvalidInput, LookupError, OverflowError, TypeError, ValueError)


class BlockRows:
    """Makes the rows of blocks, from the genesis on. ``header`` gives a header by its height."""

    def __init__(
        self,
        store: Store,
        bodies: Segments,
        first_height: int,
        state_root: bytes,
        header: Callable[[int], Header],
    ) -> None:
        self._store = store
        self._bodies = bodies
        self._header = header
        self._log = WorkingLog(store, 1)
        self._state_root = state_root
        self._app_hash = app_hash(1, self._log.root, state_root)
        self._types: Counter[str] = Counter()
        self._opened: Counter[str] = Counter()
        self._refusals: Counter[int] = Counter()
        self._batch = store.batch()
        self._tiles: list[TileChanges] = []
        self.height = first_height - 1
        self.last_body: SegmentRef | None = None
        self.misbehaviour: dict[str, State] = {}
        """What the state map must say of validators, by its keys."""

    @property
    def size(self) -> int:
        """Entries of the log so far."""
        return self._log.size

    @property
    def root(self) -> bytes:
        """The log's root so far."""
        return self._log.root

    def take(self, items: Iterable[BlockItem]) -> None:
        """Make and write the rows of blocks and of the empty ones before each.

        Raises:
            InvalidInput: a block is not the one that the headers tell of.
            StorageError: they cannot be written.
        """
        for item in items:
            if not self.height < item.height:
                raise _flaw(item.height, "comes twice, or out of turn")
            self.skip(item.height - 1)
            try:
                self._take(item)
            except _MALFORMED as error:
                if isinstance(error, InvalidInput):
                    raise
                raise _flaw(item.height, f"is malformed: {error!r}") from error
        self._write()

    def _write(self) -> None:
        """Write what has gathered: the bodies first."""
        self._bodies.sync()
        self._store.write(self._batch, sync=True)
        for tiles in self._tiles:
            self._log.release(tiles)
        self._batch, self._tiles = self._store.batch(), []

    def skip(self, last: int) -> None:
        """Make the rows of the blocks up to ``last``, which must be empty. Raises as `take`."""
        while self.height < last:
            height = self.height + 1
            header, following = self._header(height), self._header(height + 1)
            if (
                header.data_hash != _NO_FRAMES
                or header.evidence_hash != _NO_EVIDENCE
                or following.last_results_hash != _NO_RESULTS
            ):
                raise _flaw(height, "is missing")
            if following.app_hash != self._app_hash:
                raise _flaw(height, "is empty, and yet its app_hash is another than before")
            self._batch.put(number_key(BLOCK, height), encode_row(self._row(header, self.size)))
            self.height = height
            if len(self._batch) >= _ROWS_A_BATCH:
                self._write()

    def finish(self, batch: Batch) -> None:
        """Put the statistics; all else is written."""
        self._write()
        value = (
            dict(sorted(self._types.items())),
            dict(sorted(self._opened.items())),
            sorted(self._refusals.items()),
        )
        if self._types or self._refusals:
            batch.put(STATISTICS, msgspec.msgpack.encode(value))

    def _row(
        self,
        header: Header,
        first_index: int,
        body: SegmentRef | None = None,
        spans: Sequence[tuple[int, int]] = (),
        results: Sequence[bytes] = (),
    ) -> BlockRow:
        return BlockRow(
            header.height,
            header.time.milliseconds,
            first_index,
            self.size,
            self.root,
            self._state_root,
            self._app_hash,
            body,
            list(spans),
            list(results),
        )

    def _take(self, item: BlockItem) -> None:
        """Check a block whole, then have it written."""
        height = item.height
        header, following = self._header(height), self._header(height + 1)
        frames = [frame.frame for frame in item.frames]
        results = [frame.results for frame in item.frames]
        misbehaviour = item.misbehaviour
        if not (frames or misbehaviour) or data_hash(frames) != header.data_hash:
            raise _flaw(height, "its frames are not those of its header")
        if bool(misbehaviour) != (header.evidence_hash != _NO_EVIDENCE):
            raise _flaw(height, "its header shows other evidence of misbehaviour")
        for shown in misbehaviour:
            self.misbehaviour.setdefault(*shown.state(height))
        if results_hash(results) != following.last_results_hash:
            raise _flaw(height, "its results are not those that the next header names")
        batch, first_index = self._batch, self.size
        made = _Entries(height, header.time.milliseconds, first_index, self._log)
        for number, frame in enumerate(item.frames):
            made.add(number, frame, batch)
        tiles = self._log.append(made.leaves, batch)
        digest = app_hash(self.size, self.root, item.state_root)
        if digest != following.app_hash:
            raise _flaw(height, "its entries are not those of the app_hash that the next one has")
        self._state_root, self._app_hash = item.state_root, digest
        payload, spans = encode_body(height, header.time.milliseconds, frames, b"", misbehaviour)
        body = self.last_body = self._bodies.append(payload)
        batch.put(
            number_key(BLOCK, height),
            encode_row(self._row(header, first_index, body, spans, results)),
        )
        made.put_rows(body, spans, batch)
        self._tiles.append(tiles)
        self._types.update(made.types)
        self._opened.update(made.opened)
        self._refusals.update(made.refusals)
        self.height = height


class _Entries:
    """The entries of one block, made from its frames."""

    def __init__(self, height: int, time: int, first_index: int, log: WorkingLog) -> None:
        self._height = height
        self._time = time
        self._first = first_index
        self._tiles = TileReader(log.reader)
        self._rows: list[tuple[int, list[int], FrameItem]] = []
        self.leaves: list[bytes] = []
        self.types: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()
        self.refusals: Counter[int] = Counter()

    def add(self, number: int, frame: FrameItem, batch: Batch) -> None:
        """Make the entries of the block's ``number``-th frame, and the rows that find them."""
        parts = unpack_parts(frame.frame)
        jwts = [".".join(map(encode_base64url, three)).encode("ascii") for three in parts]
        offsets = transaction_offsets(jwts)
        recorded = [place for place, code in enumerate(frame.results) if not code]
        columns = (frame.digits, frame.ordinals, frame.before, frame.facts)
        if len(frame.results) != len(jwts) or {len(item) for item in columns} != {len(recorded)}:
            raise _flaw(self._height, "a frame has not as many results or entries as it must")
        self._rows.append(
            (self._first + len(self.leaves), [offsets[place] for place in recorded], frame)
        )
        rank = 0
        for place, code in enumerate(frame.results):
            identifier = sha256(jwts[place]).digest()
            if code:
                self._refuse(identifier, code, number, place, batch)
            else:
                payload = orjson.loads(parts[place][1])
                self._record(frame, rank, jwts[place], identifier, payload, batch)
                rank += 1

    def _record(
        self,
        frame: FrameItem,
        rank: int,
        jwt: bytes,
        identifier: bytes,
        payload: dict[str, Any],
        batch: Batch,
    ) -> None:
        index = self._first + len(self.leaves)
        ordinal = frame.ordinals[rank]
        code = f"CZ{frame.digits[rank]:013d}-{ordinal}"
        prev = self._leaf(frame.before[rank], index)
        entry = join_entry(code, frame.facts[rank], self._height, prev, self._time, jwt)
        self.leaves.append(sha256(b"\x00" + entry).digest())
        position = index.to_bytes(6, "big")
        batch.put(TRANSACTION + identifier[:20], position)
        batch.put(ISSUED + issuer_key(payload["iss"], payload["jti"]), position)
        for key in index_keys(payload["type"], payload["data"], index):
            batch.put(key, b"")
        self.types[payload["type"]] += 1
        if ordinal == 1:
            self.opened[payload["sub"].partition(":")[0]] += 1

    def _leaf(self, before: int, index: int) -> str:
        """The hash of the dossier's previous entry, in hex."""
        if not 0 <= before <= index:
            raise _flaw(self._height, f"entry {index} names one after it as the one before")
        if not before:
            return ""
        if before > self._first:
            return self.leaves[before - 1 - self._first].hex()
        return self._tiles.read(0, before - 1).hex()

    def _refuse(self, identifier: bytes, code: int, number: int, place: int, batch: Batch) -> None:
        if code not in REJECTIONS:
            raise _flaw(self._height, f"{code} is the code of no refusal")
        self.refusals[code] += 1
        if code not in _NOT_FOUND_BY_ID:
            where = self._height.to_bytes(6, "big") + number.to_bytes(2, "big")
            batch.put(TRANSACTION + identifier[:20], b"\xff" + where + bytes((place, code)))

    def put_rows(self, body: SegmentRef, spans: Sequence[tuple[int, int]], batch: Batch) -> None:
        """Put a row for the entries of each frame that has any."""
        for (first, offsets, frame), span in zip(self._rows, spans):
            if offsets:
                row = EntriesRow(
                    self._height,
                    self._time,
                    body,
                    span,
                    offsets,
                    frame.digits,
                    frame.ordinals,
                    frame.before,
                    frame.facts,
                )
                batch.put(number_key(ENTRIES, first), encode_row(row))


def _flaw(height: int, rule: str) -> InvalidInput:
    return InvalidInput(f"snapshot, block {height}", rule)
