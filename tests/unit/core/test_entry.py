from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from node.core.encoding import canonical_json
from node.core.entry import MAX_ENTRY_BYTES, Entry, decode_entry, encode_entry, join_entry
from node.core.errors import InvalidEncoding
from node.core.merkle import leaf_hash

ENTRY = Entry(
    code="CZ0034133234711-2",
    facts={"late": 1, "seal_status": "active"},
    height=7,
    prev=b"\xab" * 32,
    time=1_790_000_000_000,
    tx="aa.bb.cc",
)
VALUE = json.loads(ENTRY.encode())


def test_bytes_are_canonical_json() -> None:
    assert ENTRY.encode() == (
        b'{"code":"CZ0034133234711-2","facts":{"late":1,"seal_status":"active"},"height":7,"prev":"'
        + b"ab" * 32
        + b'","time":1790000000000,"tx":"aa.bb.cc","v":1}'
    )
    assert ENTRY.leaf_hash() == leaf_hash(ENTRY.encode())


def test_round_trip() -> None:
    assert decode_entry(ENTRY.encode()) == ENTRY
    first = replace(ENTRY, prev=b"", facts={}, code="CZ0034133234711-1")
    assert decode_entry(first.encode()) == first
    assert b'"prev":""' in first.encode()
    assert encode_entry(**vars(ENTRY)) == ENTRY.encode()


def test_what_is_joined_is_what_is_encoded() -> None:
    for entry in (ENTRY, replace(ENTRY, prev=b"", facts={}, height=0)):
        facts = canonical_json(entry.facts)
        prev, tx = entry.prev.hex(), entry.tx.encode()
        joined = join_entry(entry.code, facts, entry.height, prev, entry.time, tx)
        assert joined == entry.encode()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown member": ({"extra": 1}, "entry"),
    "version 2": ({"v": 2}, "entry.v"),
    "version text": ({"v": "1"}, "entry.v"),
    "height negative": ({"height": -1}, "entry.height"),
    "height text": ({"height": "7"}, "entry.height"),
    "time list": ({"time": [7]}, "entry.time"),
    "code number": ({"code": 7}, "entry.code"),
    "code without ordinal": ({"code": "CZ0034133234711"}, "entry.code"),
    "code mistyped": ({"code": "CZ0034133234712-2"}, "entry.code"),
    "code of another form": ({"code": "QY1"}, "entry.code"),
    "facts list": ({"facts": []}, "entry.facts"),
    "facts nested": ({"facts": {"a": {}}}, "entry.facts.a"),
    "facts with a list": ({"facts": {"a": ["b"]}}, "entry.facts.a"),
    "prev short": ({"prev": "ab"}, "entry.prev"),
    "prev in capitals": ({"prev": "AB" * 32}, "entry.prev"),
    "prev number": ({"prev": 0}, "entry.prev"),
    "tx number": ({"tx": 0}, "entry.tx"),
    "tx of two parts": ({"tx": "a.b"}, "entry.tx"),
    "tx with an empty part": ({"tx": "a..c"}, "entry.tx"),
    "tx with a disclosure": ({"tx": "a.b.c~d~"}, "entry.tx"),
    "tx with a line end": ({"tx": "a.b.c\n"}, "entry.tx"),
}


@pytest.mark.parametrize(("changes", "place"), REFUSED.values(), ids=REFUSED)
def test_refused_with_its_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        decode_entry(canonical_json({**VALUE, **changes}))
    assert refused.value.place == place


@pytest.mark.parametrize("name", sorted(VALUE))
def test_every_member_is_needed(name: str) -> None:
    rest = {other: value for other, value in VALUE.items() if other != name}
    with pytest.raises(InvalidEncoding, match="must have exactly code, facts, height, prev"):
        decode_entry(canonical_json(rest))


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(VALUE).encode(),
        ENTRY.encode() + b"\n",
        ENTRY.encode().replace(b'"aa.bb', b'"\\u0061a.bb'),
        b"[]",
        b"",
    ],
)
def test_only_the_canonical_form_is_an_entry(data: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        decode_entry(data)


def test_the_limit_is_exact() -> None:
    room = MAX_ENTRY_BYTES - len(replace(ENTRY, tx="a.b.").encode())
    full = replace(ENTRY, tx="a.b." + "c" * room)
    assert decode_entry(full.encode()) == full
    with pytest.raises(InvalidEncoding, match="32769 bytes, at most 32768 are allowed"):
        decode_entry(replace(full, tx=full.tx + "c").encode())


def test_the_callers_place_stands_in_the_error() -> None:
    with pytest.raises(InvalidEncoding) as refused:
        decode_entry(canonical_json({**VALUE, "code": "x"}), place="bundle.entries[3].entry")
    assert refused.value.place == "bundle.entries[3].entry.code"
