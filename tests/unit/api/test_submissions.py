"""node.api.submissions: what a submitter may ask to wait for."""

from __future__ import annotations

import pytest

from node.api.problems import Problem
from node.api.submissions import MAX_SUBMISSION_BYTES, Waiting, read_waiting
from node.submission.pool import MAX_CHUNK_BYTES


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (b"", Waiting(True, 30.0)),
        (b"wait=commit", Waiting(True, 30.0)),
        (b"wait=none", Waiting(False, 30.0)),
        (b"timeout=0", Waiting(True, 0.0)),
        (b"wait=none&timeout=2.5", Waiting(False, 2.5)),
        (b"timeout=1e9", Waiting(True, 60.0)),
    ],
)
def test_what_is_waited_for(query: bytes, wanted: Waiting) -> None:
    assert read_waiting(query, 60.0) == wanted


def test_the_node_s_own_limit_holds_for_the_default_too() -> None:
    assert read_waiting(b"", 5.0) == Waiting(True, 5.0)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        (b"wait=", "query.wait"),
        (b"wait=forever", "query.wait"),
        (b"timeout=", "query.timeout"),
        (b"timeout=-1", "query.timeout"),
        (b"timeout=nan", "query.timeout"),
        (b"timeout=inf", "query.timeout"),
        (b"timeout=ten", "query.timeout"),
        (b"colour=red", "query.colour"),
        (b"\xff\xfe=1", "query."),
    ],
)
def test_what_is_no_such_wish_is_refused(query: bytes, place: str) -> None:
    with pytest.raises(Problem) as caught:
        read_waiting(query, 60.0)
    assert caught.value.status == 400
    assert caught.value.members["place"].startswith(place)


def test_the_largest_submission_fits_into_a_worker_s_slot() -> None:
    # the pool takes one item beyond MAX_CHUNK_BYTES, as long as its slot has room: 64 KiB more
    assert MAX_SUBMISSION_BYTES < MAX_CHUNK_BYTES + (60 << 10)
