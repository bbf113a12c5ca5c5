"""One block being recorded: every transaction judged, entries made, rows laid out.

This is the writer's hot path: what it does for a transaction is paid for by every record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import orjson

from node.core.encoding import canonical_json, decode_json_object
from node.core.entry import join_entry
from node.core.frame import transaction_offsets
from node.core.merkle import root_hash
from node.core.transaction import MAX_TRANSACTION_BYTES, split_compact
from node.ledger.indexes import index_keys
from node.ledger.intake import TakenValues
from node.ledger.log import TileReader
from node.ledger.refused import refused_key
from node.ledger.rows import (
    ANCHOR_POINT,
    BLOCK,
    ENTRIES,
    ISSUED,
    KEY,
    TRANSACTION,
    BlockRow,
    EntriesRow,
    Meta,
    encode_row,
    number_key,
)
from node.ledger.working import Working
from node.rules.anchor_points import is_due, point_reached
from node.rules.judgement import Accepted, Event, Misbehaviour, Refused, State, in_force
from node.rules.rejections import ACCEPTED, REJECTIONS, rejection
from node.rules.versions import FORMS_VERSION, rules_of
from node.storage.ports import Batch

__all__ = ["BlockRecording", "FrameColumns"]

_DUPLICATE = rejection("duplicate")
_CONFLICT = rejection("conflict")
_REFUSED_BEFORE = rejection("already_refused")
_UNKNOWN_KEY = rejection("unknown_key")
_REMEMBERED = frozenset(code for code, item in REJECTIONS.items() if item.remembered)
_SORTED = orjson.OPT_SORT_KEYS


class FrameColumns:
    """What a frame's EntriesRow is made of: for each entry where its transaction begins in the
    frame, the number of its code, its ordinal, the index of the entry before it plus one, and its
    facts."""

    def __init__(self, first_index: int, offsets: list[int]) -> None:
        self.first_index = first_index
        self.offsets = offsets
        self.rows: list[tuple[int, int, int, int, bytes]] = []

    def columns(self) -> list[list[Any]]:
        """Offsets, digits, ordinals, before and facts, each as a list."""
        return [list(column) for column in zip(*self.rows)] or [[], [], [], [], []]


class BlockRecording:
    """Records the frames of one block, in order. It is the rules' view of the state."""

    def __init__(
        self, working: Working, before: Meta, height: int, time: int, batch: Batch
    ) -> None:
        self.height = height
        self.time = time
        self.chain_id = before.chain_id
        self.issuers: dict[tuple[str, str], State] = {}
        self.get = working.state.get
        self.first_index = before.size
        self.leaves: list[bytes] = []
        self.types: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()
        self.refusals: Counter[int] = Counter()
        self.issued: dict[bytes, tuple[int, bytes]] = {}
        self._working = working
        self._before = before
        self._batch = batch
        self.columns: list[FrameColumns] = []
        self._parameters: dict[str, Any] = {}
        self.latest = time + int(self.parameter("clock_tolerance_ms"))
        self.late_after = int(self.parameter("late_after_ms"))
        self.new_keys: dict[str, dict[str, str]] = {}
        version = self.parameter("rules_version")
        rules = rules_of(version)
        self._judge_event = rules.judge
        self._flaw_of = None if version == FORMS_VERSION else rules.flaw_of
        if is_due(self.get, before.size, before.time):  # an empty block was a point
            working.state.set(*point_reached(self, before.size, before.time))
        for identifier in working.refused.expired(time, batch):
            working.state.set(refused_key(identifier), None)

    def parameter(self, name: str) -> Any:
        """See `node.rules.judgement.View`."""
        value = self._parameters.get(name)
        if value is None:
            held = self.get(f"parameter/{name}")
            assert held is not None
            value = self._parameters[name] = in_force(held, self.height)["value"]
        return value

    def log_root(self, size: int) -> bytes | None:
        """See `node.rules.judgement.View`."""
        if not 0 < size <= self.first_index:
            return None
        return root_hash(size, TileReader(self._working.log.reader).read)

    def note(self, misbehaviour: Sequence[Misbehaviour]) -> None:
        """Keep what the block shows of validators, for their members to answer for."""
        for item in misbehaviour:
            key, value = item.state(self.height)
            if self.get(key) is None:
                self._working.state.set(key, value)

    def reach_point(self) -> None:
        """All is judged: note it where the block is an anchor point."""
        size = self.first_index + len(self.leaves)
        if is_due(self.get, size, self.time):
            self._working.state.set(*point_reached(self, size, self.time))
            self._batch.put(number_key(ANCHOR_POINT, self.height), b"")

    def judge(self, frame: int, taken: Sequence[TakenValues], absent_up_to: int) -> bytes:
        """Judge the transactions of the block's ``frame``-th frame and record what is accepted.

        ``absent_up_to`` is a height up to which none of their (iss, jti) is on the chain.

        Returns:
            A byte for each: 0, or the code of its rejection.
        """
        offsets = transaction_offsets([item[1] for item in taken])
        columns = FrameColumns(self.first_index + len(self.leaves), offsets)
        self.columns.append(columns)
        self._absent_up_to = absent_up_to
        judge_one, results = self._judge_one, bytearray(len(taken))
        for place, item in enumerate(taken):
            code = judge_one(item, place, columns)
            if code:
                results[place] = code
                self._refuse(item, frame, place, code)
        return bytes(results)

    def _judge_one(self, item: TakenValues, place: int, columns: FrameColumns) -> int:
        identifier, jwt, issuer_key, unknown_key, values = item
        if unknown_key:
            return _UNKNOWN_KEY
        held = self.issued.get(issuer_key) or self._working.find_issued(
            issuer_key, self._absent_up_to
        )
        if held is not None:
            same = self._working.is_recorded(identifier, held)
            return _DUPLICATE if same else _CONFLICT
        if identifier in self._working.refused and self.get(refused_key(identifier)) is not None:
            return _REFUSED_BEFORE
        event = Event._make(values)
        if self._flaw_of is not None:
            event = self._flawed(event, jwt)
        try:
            accepted = self._judge_event(self, event)
        except Refused as refusal:
            return refusal.code
        index = self._record(event, jwt, accepted, place, columns)
        self.issued[issuer_key] = (index, identifier)
        self._batch.put(ISSUED + issuer_key, index.to_bytes(6, "big"))
        return ACCEPTED

    def _flawed(self, event: Event, jwt: bytes) -> Event:
        """The event with the flaw that the rules in force find, which are not those it was looked
        at by when it came in."""
        assert self._flaw_of is not None
        payload = decode_json_object(
            split_compact(jwt)[1], place="payload", max_bytes=MAX_TRANSACTION_BYTES
        )
        return event._replace(data=payload["data"], flaw=self._flaw_of(payload))

    def _record(
        self, event: Event, jwt: bytes, accepted: Accepted, place: int, columns: FrameColumns
    ) -> int:
        """Make the entry of an accepted event, append its leaf, change the state."""
        dossier, changes, facts = accepted
        index = self.first_index + len(self.leaves)
        digits, ordinal = dossier["code"], dossier["count"]
        # Copied, since what orjson gives holds on to a whole page for as long as it is kept.
        found = b"%b" % orjson.dumps(facts, option=_SORTED)
        code, head = f"CZ{digits}-{ordinal}", dossier.get("head", "")
        entry = join_entry(code, found, self.height, head, self.time, jwt)
        leaf = sha256(b"\x00" + entry).digest()
        self.leaves.append(leaf)
        before = dossier.get("index", -1) + 1
        columns.rows.append((columns.offsets[place], int(digits), ordinal, before, found))
        dossier["head"], dossier["index"] = leaf.hex(), index
        change = self._working.state.set
        change("dossier/" + event.sub, dossier)
        for key, value in changes:
            change(key, value)
        put = self._batch.put
        if dossier["kind"] == "consortium":
            self._register_keys(changes)
        put(TRANSACTION + event.id[:20], index.to_bytes(6, "big"))
        for key_bytes in index_keys(event.type, event.data, index):
            put(key_bytes, b"")
        self.types[event.type] += 1
        if ordinal == 1:
            self.opened[dossier["kind"]] += 1
        return index

    def _register_keys(self, changes: Sequence[tuple[str, State | None]]) -> None:
        """Keep new keys where those who check signatures find them, from the next block on."""
        for key, value in changes:
            if key.startswith("key/") and value is not None:
                kid = key.removeprefix("key/")
                self.new_keys[kid] = value["jwk"]
                self._batch.put(KEY + kid.encode("ascii"), canonical_json(value["jwk"]))

    def _refuse(self, item: TakenValues, frame: int, place: int, code: int) -> None:
        """Count a refusal, make it findable by its id, and remember it where it could come back."""
        self.refusals[code] += 1
        if code in (_DUPLICATE, _REFUSED_BEFORE):
            return
        identifier, values = item[0], item[4]
        position = self.height.to_bytes(6, "big") + frame.to_bytes(2, "big") + bytes((place, code))
        self._batch.put(TRANSACTION + identifier[:20], b"\xff" + position)
        if code in _REMEMBERED:
            exp = Event._make(values).exp
            value = {"code": code, "exp": exp, "height": self.height}
            self._working.state.set(refused_key(identifier), value)
            self._working.refused.add(identifier, exp, self._batch)

    def put_rows(
        self,
        batch: Batch,
        meta: Meta,
        body: tuple[int, int, int],
        spans: list[tuple[int, int]],
        results: list[bytes],
    ) -> None:
        """Put the block's row, and one for the entries of each frame, now that its body lies."""
        row = BlockRow(
            meta.height,
            meta.time,
            self.first_index,
            meta.size,
            meta.root,
            meta.state_root,
            meta.app_hash,
            body,
            spans,
            results,
        )
        batch.put(number_key(BLOCK, meta.height), encode_row(row))
        for columns, span in zip(self.columns, spans):
            if columns.rows:
                entries = EntriesRow(meta.height, meta.time, body, span, *columns.columns())
                batch.put(number_key(ENTRIES, columns.first_index), encode_row(entries))
