"""Frames are opened once, forgotten when decided, and never without their signatures checked."""

from __future__ import annotations

import pytest
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
