"""What a joining node's light client may ask, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.api.engine_rpc import METHODS, read_call
from node.core.errors import InvalidInput


def body(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, **members}).encode()


def test_calls_are_read() -> None:
    assert read_call(body(method="commit", params={"height": "7"})) == (
        1,
        "commit",
        {"height": "7"},
    )
    assert read_call(body(method="status")) == (1, "status", {})
    params = {"height": "7", "page": "1", "per_page": "100"}
    assert read_call(body(method="validators", params=params, id="a"))[2] == params


def test_nothing_that_changes_or_tells_more_is_offered() -> None:
    assert set(METHODS) == {"commit", "consensus_params", "status", "validators"}


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"method": "broadcast_tx_sync", "params": {"tx": ""}}, "body.method"),
        ({"method": "net_info"}, "body.method"),
        ({"method": ["commit"]}, "body.method"),
        ({}, "body.method"),
        ({"method": "commit", "jsonrpc": "1.0"}, "body"),
        ({"method": "commit", "more": 1}, "body"),
        ({"method": "commit", "id": None}, "body.id"),
        ({"method": "commit", "id": True}, "body.id"),
        ({"method": "commit", "id": "x" * 65}, "body.id"),
        ({"method": "commit", "params": ["7"]}, "body.params"),
        ({"method": "commit", "params": {"page": "1"}}, "body.params"),
        ({"method": "commit", "params": {"height": 7}}, "body.params.height"),
        ({"method": "commit", "params": {"height": "-7"}}, "body.params.height"),
        ({"method": "commit", "params": {"height": "٧"}}, "body.params.height"),
        ({"method": "commit", "params": {"height": "7" * 16}}, "body.params.height"),
        ({"method": "validators", "params": {"per_page": "101"}}, "body.params.per_page"),
    ],
)
def test_what_is_refused_says_where(members: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_call(body(**members))
    assert caught.value.place == place


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"id":1,"id":2}', b"x" * 5000])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_call(raw)
