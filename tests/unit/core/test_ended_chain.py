"""Predecessor files: what a chain that has ended hands to the founders of the next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.core.encoding import canonical_json
from node.core.ended_chain import MAX_ENDED_BYTES, EndedChain, decode_ended_chain
from node.core.errors import InvalidInput
from node.core.genesis import Predecessor

ENDED = EndedChain(Predecessor("solo-chain", 12, b"r" * 32, b"s" * 32, b"h" * 32), 45, 1000)
VALUE = ENDED.to_json()


def test_it_comes_back() -> None:
    assert decode_ended_chain(canonical_json(VALUE)) == ENDED
    assert decode_ended_chain(json.dumps(VALUE, indent=4).encode()) == ENDED


def test_a_genesis_gets_what_it_continues() -> None:
    assert ENDED.members_of(1001) == {
        "genesis_time": 1001,
        "initial_height": 45,
        "predecessor": VALUE["predecessor"],
    }
    with pytest.raises(InvalidInput, match="genesis_time: must be after 1000"):
        ENDED.members_of(1000)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"format": "evidence-predecessor/2"}, "format: must be evidence-predecessor/1"),
    "height": ({"initial_height": 2}, "initial_height"),
    "time": ({"genesis_time_after": "1"}, "genesis_time_after"),
    "more": ({"other": 1}, "other"),
    "chain": ({"predecessor": {**VALUE["predecessor"], "chain_id": "a b"}}, "chain_id"),
    "size": ({"predecessor": {**VALUE["predecessor"], "size": 0}}, "size"),
    "header": ({"predecessor": {**VALUE["predecessor"], "header": "00"}}, "header"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_none_is_refused_with_its_place(case: str) -> None:
    changes, says = REFUSED[case]
    with pytest.raises(InvalidInput, match=f"predecessor file.*{says}"):
        decode_ended_chain(canonical_json({**VALUE, **changes}))


@pytest.mark.parametrize("name", VALUE)
def test_every_member_must_be_there(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        decode_ended_chain(canonical_json({key: VALUE[key] for key in VALUE if key != name}))


def test_a_longer_one_is_not_read() -> None:
    with pytest.raises(InvalidInput):
        decode_ended_chain(canonical_json(VALUE) + b" " * MAX_ENDED_BYTES)
