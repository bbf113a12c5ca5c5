"""Receipts and trust entries of Fabric with anything at any place: refused, never another error."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from builders.fabric import RecordedPoint, recorded_receipt, recorded_trust, trust_entry
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.anchors.fabric import verify_fabric
from node.core.anchors.fabric_block import header_hash
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.verify_case import NotChecked

JUNK = st.recursive(
    st.integers(-5, 2**60) | st.text(max_size=8) | st.binary(max_size=8).map(bytes.hex),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "number", "id", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, member in items:
            yield from places(member, (*path, name))


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    out = copy.deepcopy(value)
    holder = out
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = junk
    return out


RECEIPTS = {
    "evidence": (recorded_receipt("evidence", 5), RecordedPoint.of()),
    "evidencebft": (recorded_receipt("evidencebft", 4), RecordedPoint.of()),
}


@settings(max_examples=150)
@given(st.sampled_from(list(RECEIPTS)), JUNK, st.data())
def test_junk_in_a_receipt_is_refused(channel: str, junk: Any, data: st.DataObject) -> None:
    receipt, point = RECEIPTS[channel]
    path = data.draw(st.sampled_from(list(places(receipt))))
    changed = replaced(receipt, path, junk)
    if changed == receipt:
        return
    trust = recorded_trust(trust_entry(channel))
    try:
        verify_fabric(changed, point, trust, load_backend(), "receipt")
    except InvalidInput:
        return
    raise AssertionError(f"accepted with {junk!r} at {path}")


@settings(max_examples=150)
@given(st.sampled_from(list(RECEIPTS)), JUNK, st.data())
def test_junk_in_a_trust_entry_raises_nothing_else(
    channel: str, junk: Any, data: st.DataObject
) -> None:
    receipt, point = RECEIPTS[channel]
    entry = trust_entry(channel)
    changed = replaced(entry, data.draw(st.sampled_from(list(places(entry)))), junk)
    try:
        verify_fabric(receipt, point, recorded_trust(changed), load_backend(), "receipt")
    except (InvalidInput, NotChecked):
        return


@given(st.integers(0, 2**64 - 1), st.binary(max_size=32), st.binary(max_size=32))
def test_a_header_hash_depends_on_every_part(number: int, before: bytes, data: bytes) -> None:
    own = header_hash(number, before, data)
    assert own != header_hash(number ^ 1, before, data)
    assert own != header_hash(number, before + b"\x00", data)
    assert own != header_hash(number, data + b"\x01", before)
