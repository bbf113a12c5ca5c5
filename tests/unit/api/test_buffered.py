"""node.api.buffered: what requests hold, together and each."""

from __future__ import annotations

import pytest

from node.api.buffered import Buffered, Share
from node.api.problems import Problem


def test_what_is_refused_is_not_counted() -> None:
    buffered = Buffered(10)
    one, other = Share(buffered), Share(buffered)
    one.hold(6)
    with pytest.raises(Problem) as caught:
        other.hold(5)
    assert (caught.value.kind.name, caught.value.headers["Retry-After"]) == ("busy", "2")
    other.hold(4)
    assert (buffered.held, one.size, other.size) == (10, 6, 4)


def test_a_share_gives_back_what_it_holds_and_no_more() -> None:
    buffered = Buffered(10)
    Share(buffered).hold(3)
    share = Share(buffered)
    share.hold(5)
    share.release(2)
    assert buffered.held == 6
    with pytest.raises(ValueError, match="broken"), share:
        raise ValueError("broken")
    assert buffered.held == 3
    share.release(1)
    share.close()
    assert (buffered.held, share.size) == (3, 0)


def test_to_keep_is_to_hold_exactly_that() -> None:
    buffered = Buffered(10)
    with Share(buffered) as share:
        for size in (4, 9, 2, 0, 10):
            share.keep(size)
            assert (share.size, buffered.held) == (size, size)
        with pytest.raises(Problem):
            share.keep(11)
        assert buffered.held == 10
    assert buffered.held == 0
