"""DER: what is written is read back, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from node.core.anchors.der import (
    BIT_STRING,
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    Contents,
    Element,
    decode_der,
    decode_time,
    encode_der,
    encode_integer,
    encode_oid,
    encode_set,
    read_bits,
    read_boolean,
    read_integer,
    read_oid,
)
from node.core.errors import InvalidEncoding

arcs = st.integers(0, 2**70)


def _dotted(top: int, second: int, others: list[int]) -> str:
    return ".".join(map(str, (top, second % 40 if top < 2 else second, *others)))


dotted = st.builds(_dotted, st.integers(0, 2), arcs, st.lists(arcs, max_size=5))


@given(st.integers(-(2**300), 2**300))
def test_integers(value: int) -> None:
    assert read_integer(decode_der(encode_integer(value), "i", INTEGER)) == value


@given(dotted)
def test_object_identifiers(value: str) -> None:
    encoded = encode_oid(value)
    if len(encoded) <= 66:
        assert read_oid(decode_der(encoded, "o")) == value


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_sequences(parts: list[bytes]) -> None:
    encoded = encode_der(SEQUENCE, *(encode_der(OCTET_STRING, part) for part in parts))
    items = Contents(decode_der(encoded, "s", SEQUENCE)).rest(OCTET_STRING)
    assert [item.content for item in items] == parts
    assert b"".join(item.encoded for item in items) == decode_der(encoded, "s").content


@given(st.lists(st.integers(), max_size=6), st.randoms())
def test_a_set_has_one_form(values: list[int], random: st.randoms) -> None:
    items = [encode_integer(value) for value in values]
    encoded = encode_set(*items)
    random.shuffle(items)
    assert encode_set(*items) == encoded


@given(st.datetimes(datetime(1950, 1, 1), datetime(9999, 12, 31)), st.integers(0, 999_999_999))
def test_times(moment: datetime, nanoseconds: int) -> None:
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    text = f"{moment.year:04d}{moment:%m%d%H%M%S}{fraction}Z"
    seconds = int(moment.replace(tzinfo=UTC, microsecond=0).timestamp())
    found = decode_time(decode_der(encode_der(GENERALIZED_TIME, text.encode()), "t"))
    assert found == seconds * 10**9 + nanoseconds


def again(element: Element) -> bytes:
    """Encoded anew from what was read, as far as it can be."""
    if element.tag & 0x20:
        return encode_der(element.tag, *(again(item) for item in Contents(element).rest()))
    if element.tag == INTEGER:
        return encode_integer(read_integer(element))
    if element.tag == 0x06:
        return encode_oid(read_oid(element))
    if element.tag == 0x01:
        return encode_der(0x01, b"\xff" if read_boolean(element) else b"\x00")
    if element.tag == BIT_STRING:
        value, unused = read_bits(element)
        return encode_der(BIT_STRING, bytes((unused,)), value)
    return encode_der(element.tag, element.content)


pieces = st.recursive(
    st.builds(encode_der, st.sampled_from([1, 2, 3, 4, 5, 6, 12, 0x80]), st.binary(max_size=6)),
    lambda inner: st.builds(
        lambda tag, parts: encode_der(tag, *parts),
        st.sampled_from([0x30, 0x31, 0xA0]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=8,
)


@given(pieces | st.binary(max_size=40), st.data())
def test_whatever_is_read_has_no_other_encoding(data: bytes, draw: st.DataObject) -> None:
    """Either it is refused, with that error alone, or encoding it anew gives the same bytes."""
    if data and draw.draw(st.booleans()):
        place = draw.draw(st.integers(0, len(data) - 1))
        data = data[:place] + draw.draw(st.binary(min_size=1, max_size=2)) + data[place + 1 :]
    try:
        assert again(decode_der(data, "d")) == data
    except InvalidEncoding:
        pass
