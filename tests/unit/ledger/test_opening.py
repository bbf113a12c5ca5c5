"""Opening many frames, here and in other processes: the same, in order."""

from __future__ import annotations

import pytest
from builders.events import case_sub
from builders.ledger import LedgerBench
from builders.signing import MemberKey

from node.core.errors import InvalidInput
from node.core.frame import encode_frame
from node.ledger.application import OpenedFrame
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
    frames = [encode_frame([good]), encode_frame([other, forged])]
    with (
        FrameOpener(bench.application.public_keys(), workers) as opener,
        pytest.raises(InvalidInput, match=r"frame\[1\]\.signature: does not hold"),
    ):
        list(opener.open_each(enumerate(frames)))


@pytest.mark.parametrize("workers", [0, 1])
def test_keys_that_come_later_count_from_then_on(bench: LedgerBench, workers: int) -> None:
    """What was opened ahead says which keys it lacked; `Application` opens it again."""
    key = MemberKey("comes later")
    jwts = [bench.jwt("signing.initiated", case_sub(n), key=key) for n in range(150)]
    frames = [encode_frame([jwt]) for jwt in jwts]
    unknown = []
    with FrameOpener(bench.application.public_keys(), workers) as opener:
        for number, frame, taken in opener.open_each(enumerate(frames)):
            opened = OpenedFrame(frame, taken)
            unknown.append(opened.unknown_kids())
            if number == 40:
                opener.keys_registered({key.kid: key.jwk})
                bench.application.keys_registered({key.kid: key.jwk})
            if number > 40:
                now = bench.application.opened_now(opened)
                assert not now.unknown_kids()
                assert (now is opened) == (not opened.unknown_kids())
    assert unknown[:41] == [{key.kid}] * 41
    known = unknown.index(set())
    assert unknown[known:] == [set()] * (150 - known)
    assert known == 41 if not workers else known <= 41 + 64


@pytest.mark.parametrize("workers", [0, 1])
def test_no_task_is_done_with_keys_that_came_after_it(bench: LedgerBench, workers: int) -> None:
    """A bad signature under a key that nobody knew yet is no flaw of its frame."""
    key = MemberKey("comes later")
    good, other = (bench.jwt("signing.initiated", case_sub(n), key=key) for n in range(2))
    bad = encode_frame([good[: good.rindex(b".")] + other[other.rindex(b".") :]])
    with FrameOpener(bench.application.public_keys(), workers) as opener:
        opening = opener.open_each(enumerate([bad] * 70))
        next(opening)
        opener.keys_registered({key.kid: key.jwk})
        assert sum(1 for _ in zip(range(63 if workers else 0), opening)) == (63 if workers else 0)
        with pytest.raises(InvalidInput, match="does not hold"):
            next(opening)
