from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.core.encoding import (
    MAX_INTEGER,
    canonical_json,
    decode_base64url,
    decode_canonical_json,
    decode_hex,
    decode_json,
    decode_uvarint,
    encode_base64url,
    encode_uvarint,
    parse_rfc3339,
    rfc3339,
)
from node.core.errors import InvalidEncoding

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
names = st.text(st.characters(max_codepoint=127), max_size=6)
values = st.recursive(
    text | integers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=5)


def decode(data: bytes) -> Any:
    return decode_json(data, place="here", max_bytes=1 << 16)


@given(values)
def test_canonical_json_round_trip(value: Any) -> None:
    assert decode(canonical_json(value)) == value


@given(objects)
def test_canonical_json_is_one_form(value: dict[str, Any]) -> None:
    data = canonical_json(value)
    assert decode_canonical_json(data, place="here", max_bytes=1 << 16) == value
    turned = dict(reversed(value.items()))
    assert canonical_json(turned) == data
    assert canonical_json(json.loads(json.dumps(value, indent=2))) == data


@given(objects, st.text(st.characters(min_codepoint=128), min_size=1, max_size=3), st.data())
def test_a_name_outside_ascii_is_refused_at_any_depth(
    value: dict[str, Any], name: str, data: st.DataObject
) -> None:
    nested: Any = {name: 1}
    for _ in range(data.draw(st.integers(0, 5))):
        nested = data.draw(st.sampled_from([[0, nested], {"a": nested}]))
    value["nested"] = nested
    for written in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        with pytest.raises(InvalidEncoding):
            decode(written.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidEncoding):
        canonical_json(value)


@given(objects)
def test_members_are_in_the_order_of_utf_16_code_units_too(value: dict[str, Any]) -> None:
    """As RFC 8785 asks, whatever the values are."""
    written = list(json.loads(canonical_json(value)))
    assert written == sorted(value, key=lambda name: name.encode("utf-16-be"))


@given(objects, st.data())
def test_a_member_that_comes_twice_is_refused_at_any_depth(
    value: dict[str, Any], data: st.DataObject
) -> None:
    value["twice"] = "here"
    written = json.dumps(value)
    wrapped = data.draw(st.sampled_from(["%s", "[%s]", '{"a":[{"b":%s}]}']))
    again = written[:-1] + ',"twice":"here"}'
    assert decode((wrapped % written).encode()) is not None
    with pytest.raises(InvalidEncoding, match="duplicate member 'twice'"):
        decode((wrapped % again).encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except InvalidEncoding:
        return
    assert decode(canonical_json(value)) == value


json_like = st.lists(
    st.sampled_from(
        [*'{}[]",:\\/ \t\n', "0", "1", "-", ".", "e", "u", "d800", "a", "null", "true"]
    ),
    max_size=30,
).map("".join)


@given(json_like)
def test_what_is_accepted_means_the_same_to_the_standard_library(text: str) -> None:
    """No laxer than `json`, and of one mind with it about what it accepts."""
    try:
        value = decode(text.encode())
    except InvalidEncoding:
        return
    assert json.loads(text) == value


@given(st.binary(max_size=100))
def test_base64url_round_trip(data: bytes) -> None:
    written = encode_base64url(data)
    assert decode_base64url(written, place="here") == data
    assert decode_base64url(written.encode(), place="here") == data
    assert written == base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(st.text(st.sampled_from("AQgwEIMUYckos048BCD-_+/= \n"), max_size=9) | st.text(max_size=9))
def test_a_value_has_one_base64url(written: str) -> None:
    try:
        data = decode_base64url(written, place="here")
    except InvalidEncoding:
        return
    assert encode_base64url(data) == written


@given(st.integers(0, 2**64 - 1), st.binary(max_size=4), st.binary(max_size=4))
def test_uvarint_round_trip(value: int, before: bytes, after: bytes) -> None:
    written = encode_uvarint(value)
    want = (value, len(before) + len(written))
    assert decode_uvarint(before + written + after, len(before), place="here") == want


@given(st.binary(max_size=12))
def test_a_value_has_one_uvarint(data: bytes) -> None:
    try:
        value, end = decode_uvarint(data, 0, place="here")
    except InvalidEncoding:
        return
    assert encode_uvarint(value) == data[:end]
    assert value < 2**64


@given(st.text(st.sampled_from("0123456789abcdefABF x"), max_size=8))
def test_a_value_has_one_hex(written: str) -> None:
    try:
        data = decode_hex(written, place="here")
    except InvalidEncoding:
        return
    assert data.hex() == written


@given(st.integers(-62_000_000_000_000, 253_402_300_799_999))
def test_times_round_trip(milliseconds: int) -> None:
    seconds, nanos = parse_rfc3339(rfc3339(milliseconds, offset_hours=0), place="here")
    assert seconds * 1000 + nanos // 1_000_000 == milliseconds
