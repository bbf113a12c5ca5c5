"""Documents of a founding: whatever comes in is read or refused, and never anything else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from builders.founding import Founder
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.genesis_signature import (
    GenesisSignature,
    decode_genesis_signature,
    encode_genesis_signature,
)
from node.core.member_description import decode_description, verify_description
from node.core.signatures import load_backend

BACKEND = load_backend()
FOUNDER = Founder("court-a")
DESCRIBED = FOUNDER.describe()
SIGNED = encode_genesis_signature(
    GenesisSignature("c", b"\x01" * 32, "court-a", FOUNDER.signing.kid, ""), FOUNDER.signing.sign
)[1]
LEAVES = st.one_of(
    st.integers(-5, 2**53 - 1), st.text(max_size=50), st.just([]), st.just({}), st.just("")
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [way] if way else []
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, item in items:
        found += places(item, (*way, name))
    return found


def replaced(document: bytes, way: tuple[Any, ...], new: Any) -> bytes | None:
    value = json.loads(document)
    at = value
    for step in way[:-1]:
        at = at[step]
    if at[way[-1]] == new:
        return None
    at[way[-1]] = new
    try:
        return canonical_json(value)
    except InvalidInput:
        return None


@settings(max_examples=60)
@given(st.data())
def test_no_replacement_in_a_description_is_accepted(data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(places(json.loads(DESCRIBED.document))))
    document = replaced(DESCRIBED.document, way, data.draw(LEAVES))
    if document is not None:
        try:
            verify_description(decode_description(document), BACKEND)
        except InvalidInput:
            return
        raise AssertionError(document)


@settings(max_examples=60)
@given(st.data())
def test_a_signature_is_read_or_refused(data: st.DataObject) -> None:
    signed = [way for way in places(json.loads(SIGNED)) if way[0] not in ("kid", "signature")]
    way = data.draw(st.sampled_from(signed))
    document = replaced(SIGNED, way, data.draw(LEAVES))
    if document is not None:
        with contextlib.suppress(InvalidInput):
            assert decode_genesis_signature(document).text != decode_genesis_signature(SIGNED).text


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    for decode in (decode_description, decode_genesis_signature):
        with contextlib.suppress(InvalidInput):
            decode(content)


@settings(max_examples=60)
@given(st.text(alphabet="evidnc-mbr/1\n0af:@.", max_size=40), st.binary(min_size=32, max_size=32))
def test_two_signatures_with_one_text_say_the_same(peer: str, digest: bytes) -> None:
    """No part can hold a line feed, so nothing can be moved from one line to another."""
    unsigned = GenesisSignature("c", digest, "court-a", FOUNDER.signing.kid, peer)
    try:
        signed, _ = encode_genesis_signature(unsigned, FOUNDER.signing.sign)
    except InvalidInput:
        return
    assert signed.text.decode().split("\n")[:5] == [
        "evidence-genesis-signature/1",
        "c",
        digest.hex(),
        "court-a",
        peer,
    ]
