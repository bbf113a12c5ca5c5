"""Opening many frames, here and in other processes: the same, in order."""

from __future__ import annotations

import pytest
from builders.events import case_sub
from builders.ledger import LedgerBench

from node.core.errors import InvalidInput
from node.core.frame import encode_frame
from node.ledger.opening import FrameOpener


@pytest.mark.parametrize("workers", [0, 2])
def test_frames_come_back_in_order_with_what_came_beside_them(
    bench: LedgerBench, workers: int
) -> None:
    jwts = [bench.jwt("signing.initiated", case_sub(number)) for number in range(90)]
    frames = [encode_frame([jwt]) for jwt in jwts]
    with FrameOpener(bench.application.public_keys(), workers) as opener:
        opened = list(opener.open_each(enumerate(frames)))
    assert [token for token, _, _ in opened] == list(range(90))
    assert [frame for _, frame, _ in opened] == frames
    expected = [[tuple(taken) for taken in bench.intake.open_frame(frame)] for frame in frames]
    assert [[tuple(item) for item in taken] for _, _, taken in opened] == expected


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_frame_is_refused_by_name(bench: LedgerBench, workers: int) -> None:
    good = bench.jwt("signing.initiated", case_sub(1))
    other = bench.jwt("signing.initiated", case_sub(2))
    forged = good[: good.rindex(b".")] + other[other.rindex(b".") :]
    frames = [encode_frame([good]), encode_frame([good, forged])]
    with (
        FrameOpener(bench.application.public_keys(), workers) as opener,
        pytest.raises(InvalidInput, match=r"frame\[1\]\.signature: does not hold"),
    ):
        list(opener.open_each(enumerate(frames)))
