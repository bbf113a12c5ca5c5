"""A ledger under test: an `Application` on any store, fed with signed transactions block by block.

Blocks have real headers and commits of the consortium's one validator, so that bundles made of them
verify. Times and keys follow from names and heights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from builders.consortium import CHAIN, VALIDATOR, consortium_genesis, member_key
from builders.events import HOME, NOW, data_of
from builders.signing import MemberKey, signed_jwt
from builders.traffic import Step
from builders.world import with_proposal

from node.core.block import Commit, Header, Timestamp
from node.core.encoding import canonical_json
from node.core.evidence_code import code_digits
from node.core.frame import encode_frame
from node.core.genesis import Genesis
from node.core.trust import Trust
from node.engines.solo.blocks import BlockMaker
from node.engines.solo.recovery import encode_seal
from node.ledger.application import Application, Finalized, OpenedFrame
from node.ledger.intake import Intake
from node.ledger.lineage import read_end
from node.ledger.reader import LedgerReader, open_reader
from node.ledger.reader_cache import ReaderCache
from node.rules.engine_updates import NO_UPDATES, EngineUpdates
from node.rules.rejections import REJECTIONS
from node.storage.memory import MemorySegments, MemoryStore
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, Reader, Segments, Store

__all__ = ["BLOCK_MS", "LedgerBench", "rows_of", "segments_of"]

BLOCK_MS = 10_000
Kept = list[tuple[Header, Commit]]


class _Signer:
    public_key = VALIDATOR.validator.public_key

    def sign(self, message: bytes) -> bytes:
        return VALIDATOR.sign(message)


def rows_of(reader: Reader) -> dict[bytes, bytes]:
    """Every row of a store."""
    return dict(reader.scan(FIRST_KEY, BEHIND_LAST_KEY))


def segments_of(bodies: Segments) -> list[tuple[object, bytes]]:
    """Every body."""
    return list(bodies.records(None))


class LedgerBench:
    """A ledger, its validator, and whoever submits to it."""

    def __init__(
        self,
        store: Store | None = None,
        bodies: Segments | None = None,
        genesis: Genesis | None = None,
    ) -> None:
        self.store = MemoryStore() if store is None else store
        self.bodies = MemorySegments() if bodies is None else bodies
        self.genesis = consortium_genesis() if genesis is None else genesis
        self.application = Application(self.store, self.bodies)
        self.waiting: list[tuple[list[Finalized], Kept]] = []
        self._jti = 0
        self._begin()

    def _begin(self) -> None:
        self.application.init_chain(self.genesis)
        self.intake = Intake(self.application.key_ring())
        self.maker = BlockMaker(
            self.genesis.chain_id,
            _Signer(),
            VALIDATOR.validator.power,
            self.genesis.parameters["max_block_bytes"],
            self.genesis.rules_version,
            None,
        )

    def successor(self, chain_id: str = "consortium-next", **changes: Any) -> Genesis:
        """A genesis that continues this chain where it is; ``changes`` as `consortium_genesis`."""
        end = read_end(self.store, self.application.need_meta())
        continuing = {
            "chain_id": chain_id,
            "genesis_time": self.time(end.initial_height),
            "initial_height": end.initial_height,
            "predecessor": end.predecessor.to_json(),
        }
        return consortium_genesis(**{**continuing, **changes})

    def move_on(self, genesis: Genesis | None = None) -> None:
        """Continue as another chain, on the same store."""
        self.genesis = self.successor() if genesis is None else genesis
        self._begin()

    # -- making transactions ----------------------------------------------------------------------

    @property
    def height(self) -> int:
        """The height of the next block."""
        return self.application.need_meta().height + 1

    def time(self, height: int | None = None) -> int:
        """The time of a block, by default of the next, in ms."""
        return NOW + (self.height if height is None else height) * BLOCK_MS

    def _data(self, event_type: str, sub: str, data: Mapping[str, Any] | None) -> dict[str, Any]:
        given = data_of(event_type) if data is None else dict(data)
        if event_type != "governance.voted":
            return given
        with self.reader() as reader:
            found: dict[str, Any] = with_proposal(event_type, given, reader.state(f"dossier/{sub}"))
        return found

    def payload(
        self,
        event_type: str,
        sub: str,
        data: Mapping[str, Any] | None = None,
        by: str | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """The payload of an event of now; ``changes`` replace members, or remove them when None."""
        self._jti += 1
        payload = {
            "cid": self.genesis.chain_id,
            "data": self._data(event_type, sub, data),
            "exp": self.time() // 1000 + 3600,
            "iat": self.time() // 1000,
            "iss": by or HOME.get(event_type, "platform-a"),
            "jti": f"event-{self._jti}",
            "occurred_at": self.time() - 1000,
            "source": {"method": "api", "system": "签约平台"},
            "sub": sub,
            "type": event_type,
            **changes,
        }
        return {name: value for name, value in payload.items() if value is not None}

    def jwt(
        self,
        event_type: str,
        sub: str,
        data: Mapping[str, Any] | None = None,
        by: str | None = None,
        *,
        key: MemberKey | None = None,
        **changes: Any,
    ) -> bytes:
        """That event signed: by its issuer's first key, if no other is given."""
        payload = self.payload(event_type, sub, data, by, **changes)
        return signed_jwt(key or member_key(payload["iss"]), canonical_json(payload))

    def code(self, sub: str) -> str:
        """The code of a dossier; one that nobody has where the dossier has not been written."""
        with self.reader() as reader:
            dossier = reader.state(f"dossier/{sub}")
        return "CZ" + (dossier["code"] if dossier else code_digits(CHAIN, b"nothing", 0))

    def jwt_of(self, step: Step) -> bytes:
        """A step of `builders.traffic`, signed."""
        data = dict(step.data)
        if step.about is not None and "code" in data:
            data["code"] = self.code(step.about)
        return self.jwt(step.event_type, step.sub, data, step.by, **step.changes)

    # -- making blocks ----------------------------------------------------------------------------

    def open(self, *groups: Sequence[bytes]) -> list[OpenedFrame]:
        """A frame for each group of transactions, opened."""
        return self.application.process([encode_frame(group) for group in groups], self.intake)

    def finalize(self, frames: Sequence[OpenedFrame], *, time: int | None = None) -> Finalized:
        """Finalize a block and the empty one that proves it; both wait for `persist`."""
        application, height = self.application, self.height
        at = self.time() if time is None else time
        before = application.need_meta().app_hash
        block = application.finalize(height, at, frames)
        kept = [self.seal_block(height, at, frames, before, block.results, block.updates)]
        after = application.finalize(height + 1, at + 2, (), block.batch)
        kept.append(self.seal_block(height + 1, at + 2, (), block.app_hash, [], after.updates))
        self.waiting.append(([block, after], kept))
        return block

    def seal_block(
        self,
        height: int,
        time: int,
        frames: Sequence[OpenedFrame],
        app_hash: bytes,
        results: list[bytes],
        updates: EngineUpdates = NO_UPDATES,
    ) -> tuple[Header, Commit]:
        """The header and commit of a block; ``app_hash`` is that of the block before."""
        stamp = Timestamp.from_milliseconds
        bodies = [opened.frame for opened in frames]
        header, commit = self.maker.make(height, stamp(time), bodies, app_hash, stamp(time + 1))
        self.maker.advance(header, commit, results, updates)
        return header, commit

    def persist(self) -> None:
        """Write all that waits, block by block, and let go of it."""
        waiting, self.waiting = self.waiting, []
        for blocks, kept in waiting:
            self.application.persist(blocks, kept, encode_seal(kept))
            self.application.release(blocks)

    def block(self, *groups: Sequence[bytes], time: int | None = None) -> list[str]:
        """Make a block of these transactions, a frame a group, and write it.

        Returns:
            How each transaction ended: "accepted", or the name of its rejection.
        """
        block = self.finalize(self.open(*groups), time=time)
        self.persist()
        return names_of(block)

    def record(self, event_type: str, sub: str, *arguments: Any, **changes: Any) -> bytes:
        """Record one event in a block of its own; returns its JWT."""
        jwt = self.jwt(event_type, sub, *arguments, **changes)
        assert self.block([jwt]) == ["accepted"]
        return jwt

    def play(self, steps: Iterable[Step], *, in_block: int = 10, in_frame: int = 4) -> list[str]:
        """Make blocks of so many steps each; returns how each ended."""
        ends: list[str] = []
        jwts: list[bytes] = []
        for step in steps:
            jwts.append(self.jwt_of(step))
            if len(jwts) == in_block:
                ends += self.block(*groups_of(jwts, in_frame))
                jwts = []
        return ends + (self.block(*groups_of(jwts, in_frame)) if jwts else [])

    # -- looking at it ----------------------------------------------------------------------------

    def reader(self) -> LedgerReader:
        """The ledger as of the last block written."""
        return open_reader(self.store, ReaderCache(self.bodies), self.application.layers)

    def trust(self) -> bytes:
        """A trust file for this chain."""
        return canonical_json(Trust(self.genesis.chain_id, self.genesis.hash).to_json())

    @property
    def app_hash(self) -> bytes:
        """As of the last block finalized."""
        return self.application.need_meta().app_hash


def groups_of(jwts: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    """``jwts`` cut into groups of ``size``."""
    return [jwts[start : start + size] for start in range(0, len(jwts), size)]


def names_of(block: Finalized) -> list[str]:
    """How the transactions of a block ended."""
    return [
        REJECTIONS[code].name if code else "accepted" for result in block.results for code in result
    ]
