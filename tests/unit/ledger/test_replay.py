"""A ledger made again from its genesis, its headers and its bodies is the same, byte by byte."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from builders.events import case_sub
from builders.ledger import LedgerBench, rows_of
from builders.signing import MemberKey
from builders.traffic import traffic

from node.core.errors import LedgerFault
from node.engines.solo.recovery import replay
from node.ledger.application import Application, Finalized
from node.ledger.body import decode_body, encode_body
from node.ledger.intake import Intake
from node.ledger.lineage import read_geneses
from node.ledger.opening import FrameOpener
from node.ledger.replay import replay_ledger
from node.ledger.rows import GENESIS, KEPT, decode_kept, encode_kept, number_key
from node.storage.memory import MemorySegments, MemoryStore
from node.storage.ports import Segments, Store


def keys_of(bench: LedgerBench) -> FrameOpener:
    return FrameOpener(bench.application.public_keys(), 0)


def remake(bench: LedgerBench, bodies: Segments | None = None, rows: Store | None = None) -> Store:
    target = MemoryStore()
    replay_ledger(
        rows or bench.store, bodies or bench.bodies, target, keys_of(bench), lambda *_: None
    )
    return target


def copied(store: Store, **changes: bytes | None) -> Store:
    target = MemoryStore()
    batch = target.batch()
    for key, value in rows_of(store).items():
        batch.put(key, value)
    for name, value in changes.items():
        key = bytes.fromhex(name)
        if value is None:
            batch.delete(key)
        else:
            batch.put(key, value)
    target.write(batch, sync=True)
    return target


def settled(bench: LedgerBench) -> dict[bytes, bytes]:
    """The rows of a ledger whose writer has written the nodes that it kept back."""
    copy = copied(bench.store)
    Application(copy, bench.bodies).close()
    return rows_of(copy)


def with_bodies(payloads: list[bytes]) -> MemorySegments:
    bodies = MemorySegments()
    for payload in payloads:
        bodies.append(payload)
    return bodies


def test_all_rows_come_back(busy: LedgerBench) -> None:
    assert rows_of(remake(busy)) == settled(busy)


@pytest.mark.parametrize("workers", [0, 1])
def test_keys_that_came_later_count_from_their_block_on(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Block 5 registers a key, by the test's hand. What was signed with it before is rejected
    whatever its signature; the frames are all opened ahead."""
    key, finalize = MemberKey("comes later"), Application.finalize

    def registering(self: Application, height: int, *arguments: Any, **named: Any) -> Finalized:
        block = finalize(self, height, *arguments, **named)
        if height == 5:
            value = {"from": 5, "jwk": key.jwk.to_json(), "member": "platform-a"}
            self._working.state.set(f"key/{key.kid}", value)
            self.keys_registered({key.kid: key.jwk})
        return block

    monkeypatch.setattr(Application, "finalize", registering)
    bench = LedgerBench()
    jwts = [bench.jwt("signing.initiated", case_sub(n), key=key) for n in range(6)]
    forged = jwts[0][: jwts[0].rindex(b".")] + jwts[1][jwts[1].rindex(b".") :]
    assert bench.block([forged], [jwts[1]]) == ["unknown_key"] * 2
    assert bench.block([jwts[2], bench.jwt("signing.initiated", case_sub(7))]) == [
        "unknown_key",
        "accepted",
    ]
    assert bench.block([jwts[3]]) == ["unknown_key"]
    assert bench.block([jwts[4]], [jwts[2]]) == ["accepted"] * 2
    target = MemoryStore()
    with FrameOpener({kid: jwk for kid, jwk in bench.application.public_keys().items()
                      if kid != key.kid}, workers) as opener:  # fmt: skip
        replay_ledger(bench.store, bench.bodies, target, opener, lambda *_: None)
    assert rows_of(target) == settled(bench)


def test_by_hand_from_the_bodies_alone(busy: LedgerBench) -> None:
    """Written out, so that not one piece of code stands on both sides of the comparison."""
    store = MemoryStore()
    application = Application(store, busy.bodies)
    application.init_chain(busy.genesis)
    intake = Intake(application.key_ring())
    for reference, payload in busy.bodies.records(None):
        body = decode_body(payload)
        kept = [decode_kept(raw) for raw in msgspec.msgpack.decode(body.seal)]
        frames = application.process(body.frames, intake)
        block = application.finalize(body.height, body.time, frames)
        assert block.app_hash == kept[1][0].app_hash
        time = kept[1][0].time.milliseconds
        blocks = [block, application.finalize(body.height + 1, time, (), block.batch)]
        application.persist(blocks, kept, body.seal, reference)
        application.release(blocks)
    assert rows_of(store) == rows_of(busy.store)


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_blocks_whose_batch_was_lost_are_made_again(lost: int) -> None:
    """What a crash leaves between the bodies' sync and the batch: bodies that nothing names."""
    bench = LedgerBench()
    steps = [step for step in traffic(9) if step.about is None]
    jwts = [bench.jwt_of(step) for step in steps]
    groups = [jwts[start : start + 8] for start in range(0, len(jwts), 8)]
    for group in groups[:-lost]:
        bench.block(group)
    crashed = copied(bench.store)
    for group in groups[-lost:]:
        bench.block(group)
    again = Application(crashed, bench.bodies)
    assert replay(again, bench.intake) == lost
    assert again.need_meta().app_hash == bench.app_hash
    assert rows_of(crashed) == rows_of(bench.store)


def test_progress_leads_to_the_end(busy: LedgerBench) -> None:
    told: list[tuple[int, int]] = []
    target = MemoryStore()
    done = replay_ledger(
        busy.store, busy.bodies, target, keys_of(busy), lambda *step: told.append(step)
    )
    meta = busy.application.need_meta()
    assert (done.height, done.size) == (meta.height, meta.size)
    assert done.signatures > meta.size - 1
    assert told[-1] == (meta.height, meta.height)
    assert told == sorted(told)


@pytest.fixture(scope="module")
def small() -> LedgerBench:
    """Three blocks of one transaction each, and the empty ones behind them."""
    bench = LedgerBench()
    for number in range(3):
        bench.record("signing.initiated", case_sub(number))
    return bench


def payloads_of(bench: LedgerBench) -> list[bytes]:
    return [payload for _, payload in bench.bodies.records(None)]


def test_a_body_that_is_missing_or_moved_is_named(small: LedgerBench) -> None:
    first, second, third = payloads_of(small)
    for payloads, fault in (
        ([second, third], "data_hash is not"),
        ([first, third], "data_hash is not"),
        ([first, second], "data_hash is not"),
        ([second, first, third], "data_hash is not"),
        ([first, first, second, third], "height 1 where 2 should follow"),
        ([first, second[:-1], third], "body.frames"),
    ):
        with pytest.raises(LedgerFault, match=fault):
            remake(small, with_bodies(payloads))


def test_a_body_that_was_altered_is_named(small: LedgerBench) -> None:
    first, second, third = payloads_of(small)
    body = decode_body(second)
    other = decode_body(third).frames
    for changed, fault in (
        (encode_body(body.height, body.time + 1, body.frames, body.seal)[0], "its time is not"),
        (encode_body(body.height, body.time, other, body.seal)[0], "data_hash"),
        (encode_body(body.height, body.time, (*body.frames, *other), body.seal)[0], "data_hash"),
        (encode_body(body.height, body.time, (b"\x01x",), body.seal)[0], "frame"),
    ):
        with pytest.raises(LedgerFault, match=fault):
            remake(small, with_bodies([first, changed, third]))


def test_a_header_that_is_missing_or_altered_is_named(small: LedgerBench) -> None:
    for height in range(1, 7):
        key = number_key(KEPT, height)
        with pytest.raises(LedgerFault, match=f"height {height}: its header is missing"):
            remake(small, rows=copied(small.store, **{key.hex(): None}))
        with pytest.raises(LedgerFault, match=f"height {height}: its header is damaged"):
            remake(small, rows=copied(small.store, **{key.hex(): b"\x90"}))
        header, commit = decode_kept(small.store.get(key) or b"")
        bare = encode_kept(header, None)
        with pytest.raises(LedgerFault, match=f"height {height}: its commit is missing"):
            remake(small, rows=copied(small.store, **{key.hex(): bare}))
        other = decode_kept(small.store.get(number_key(KEPT, height % 6 + 1)) or b"")
        swapped = encode_kept(header, other[1])
        with pytest.raises(LedgerFault, match=f"height {height}: block_id"):
            remake(small, rows=copied(small.store, **{key.hex(): swapped}))
        assert commit is not None


def test_a_genesis_that_is_missing_or_altered_is_named(small: LedgerBench) -> None:
    with pytest.raises(LedgerFault, match="its genesis is missing"):
        read_geneses(copied(small.store, **{GENESIS.hex(): None}))
    with pytest.raises(LedgerFault, match="genesis in the store is damaged"):
        read_geneses(copied(small.store, **{GENESIS.hex(): b"{}"}))
    document = small.genesis.document.replace("成员 court-a".encode(), "成员 court-x".encode())
    with pytest.raises(LedgerFault, match="height 1"):
        remake(small, rows=copied(small.store, **{GENESIS.hex(): document}))


def test_a_ledger_that_ends_before_its_bodies_is_made_as_far_as_it_goes(
    small: LedgerBench,
) -> None:
    """Its meta decides: what a crash left behind it is for the engine's recovery."""
    short = LedgerBench()
    for number in range(2):
        short.record("signing.initiated", case_sub(number))
    target = remake(short, bodies=small.bodies, rows=short.store)
    assert rows_of(target) == settled(short)
