"""Frames are opened once, forgotten when decided, and never without their signatures checked."""

from __future__ import annotations

import pytest
from builders.consortium import member_key
from builders.ledger import LedgerBench

from node.core.errors import InvalidInput
from node.core.frame import encode_frame
from node.engines.cometbft.opened import OpenedFrames, frame_id
from node.ledger.application import OpenedFrame
from node.ledger.intake import Intake


@pytest.fixture
def bench() -> LedgerBench:
    return LedgerBench()


def frames_of(bench: LedgerBench, count: int) -> list[bytes]:
    return [
        encode_frame([bench.jwt("signing.initiated", f"case:platform-a:{number}")])
        for number in range(count)
    ]


def test_a_frame_is_opened_once(bench: LedgerBench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = OpenedFrames(bench.application.key_ring())
    (frame,) = frames_of(bench, 1)
    first = opened.open(frame)
    monkeypatch.setattr(Intake, "open_frame", lambda *_: pytest.fail("opened again"))
    assert opened.open(frame) is first
    assert opened.flaw(frame) is None
    own = OpenedFrame(b"own", first.taken)
    assert opened.put(own) == frame_id(b"own")
    assert opened.open(b"own") is own


def test_a_decided_frame_is_forgotten(bench: LedgerBench) -> None:
    opened = OpenedFrames(bench.application.key_ring())
    (frame,) = frames_of(bench, 1)
    first = opened.open(frame)
    opened.forget(frame)
    opened.forget(frame)
    assert opened.open(frame) is not first


def test_the_oldest_go_when_there_are_too_many(bench: LedgerBench) -> None:
    frames = frames_of(bench, 4)
    opened = OpenedFrames(bench.application.key_ring(), most_bytes=24 * 3 * len(frames[0]))
    held = [opened.open(frame) for frame in frames]
    assert opened.open(frames[3]) is held[3]
    assert opened.open(frames[0]) is not held[0]


def test_a_flaw_is_told_and_not_remembered_as_opened(bench: LedgerBench) -> None:
    opened = OpenedFrames(bench.application.key_ring())
    (frame,) = frames_of(bench, 1)
    spoilt = frame[:-1] + bytes([frame[-1] ^ 1])
    for _ in range(2):
        assert isinstance(opened.flaw(spoilt), InvalidInput)
        with pytest.raises(InvalidInput):
            opened.open(spoilt)


def test_a_frame_is_looked_at_again_when_a_key_in_it_has_been_registered(
    bench: LedgerBench,
) -> None:
    """Else a node that saw a forged frame before would take the proposal that others refuse, and
    be stopped by it once it is decided."""
    opened = OpenedFrames(bench.application.key_ring())
    key = member_key("newcomer")
    jwt = bench.jwt("signing.initiated", "case:newcomer:1", by="newcomer", key=key)
    forged = jwt[:-20] + (b"A" if jwt[-20:-19] != b"A" else b"B") + jwt[-19:]
    good, bad, other = (
        encode_frame([jwt]),
        encode_frame([forged]),
        frames_of(bench, 1)[0],
    )
    unknown = opened.open(good)
    kept = opened.open(other)
    assert unknown.taken[0][3] == 1
    assert opened.flaw(bad) is None
    opened.add_keys({})
    assert opened.open(good) is unknown
    opened.add_keys({key.kid: key.jwk})
    assert opened.open(good).taken[0][3] == 0
    assert opened.open(good) is opened.open(good)
    assert opened.open(other) is kept
    for _ in range(2):
        assert "does not hold" in str(opened.flaw(bad))
