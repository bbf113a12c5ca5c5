"""node.api.erasure: what may be asked for at once."""

from __future__ import annotations

import json

import pytest

from node.api.edge import MAX_BODY_BYTES
from node.api.erasure import MAX_ERASURE_BYTES, read_wanted
from node.core.errors import InvalidInput


def wanted(count: int) -> bytes:
    digests = [f"{number:043}" for number in range(count)]
    return json.dumps({"digests": digests, "reason": "期" * 150, "case_no": "号" * 50}).encode()


def test_as_many_digests_as_may_be_named_fit_into_a_body() -> None:
    assert len(wanted(1024)) <= MAX_ERASURE_BYTES == MAX_BODY_BYTES
    assert len(read_wanted(wanted(1024)).digests or ()) == 1024
    with pytest.raises(InvalidInput) as caught:
        read_wanted(wanted(1025))
    assert caught.value.place == "body.digests"
