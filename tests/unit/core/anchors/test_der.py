from __future__ import annotations

from collections.abc import Callable

import pytest

from node.core.anchors.der import (
    BIT_STRING,
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    UTC_TIME,
    Contents,
    check_set_order,
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
    read_sole,
)
from node.core.errors import InvalidEncoding


def refused(call: Callable[[], object], place: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        call()
    assert caught.value.place == place
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ("", "cut off"),
        ("30", "cut off"),
        ("3001", "cut off"),
        ("300100ff", "follow"),
        ("3080020101 0000", "not definite and minimal"),
        ("308102 0500", "not definite and minimal"),
        ("30820002 0500", "not definite and minimal"),
        ("3085 0000000002 0500", "not definite and minimal"),
        ("30ff", "not definite and minimal"),
        ("3082 01", "not definite and minimal"),
        ("1f8101 00", "identifier octet 1f"),
        ("0000", "identifier octet 00"),
    ],
)
def test_what_is_no_der_is_refused(data: str, rule: str) -> None:
    refused(lambda: decode_der(bytes.fromhex(data), "token"), "token", rule)


def test_lengths_of_every_form_are_read_as_written() -> None:
    for length in (0, 1, 127, 128, 255, 256, 65_535, 65_536):
        encoded = encode_der(OCTET_STRING, bytes(length))
        element = decode_der(encoded, "x", OCTET_STRING)
        assert (len(element.content), element.encoded) == (length, encoded)


def test_another_type_is_named() -> None:
    refused(lambda: decode_der(b"\x05\x00", "x", SEQUENCE), "x", "must be a SEQUENCE, and is NULL")
    tagged = decode_der(b"\x30\x02\xa1\x00", "x")
    refused(lambda: read_sole(tagged, "y", OID), "x.y", "must be an OBJECT IDENTIFIER, and is [1]")


def test_contents_are_taken_in_order_and_to_the_end() -> None:
    sequence = decode_der(encode_der(SEQUENCE, encode_integer(1), encode_der(NULL)), "s")
    contents = Contents(sequence)
    assert contents.take_if("flag", BOOLEAN) is None
    assert read_integer(contents.take("number", INTEGER)) == 1
    refused(contents.end, "s", "more members")
    contents.take("null", NULL)
    contents.end()
    refused(lambda: contents.take("more"), "s.more", "is missing")


def test_rest_names_the_place_of_each() -> None:
    items = decode_der(encode_der(SEQUENCE, encode_integer(1), encode_der(NULL)), "s")
    assert [item.place for item in Contents(items).rest()] == ["s[0]", "s[1]"]
    refused(lambda: Contents(items).rest(INTEGER), "s[1]", "must be an INTEGER")
    refused(lambda: Contents(decode_der(b"\x04\x00", "o")), "o", "must be constructed")


@pytest.mark.parametrize("content", ["", "0001", "007f", "ff80", "ffff"])
def test_integers_that_are_not_minimal_are_refused(content: str) -> None:
    element = decode_der(encode_der(INTEGER, bytes.fromhex(content)), "i")
    refused(lambda: read_integer(element), "i", "not minimal")


def test_integers_keep_to_bounds() -> None:
    element = decode_der(encode_integer(5), "i")
    assert read_integer(element, least=5, most=5) == 5
    refused(lambda: read_integer(element, least=6), "i", "at least 6")
    refused(lambda: read_integer(element, most=4), "i", "at most 4")
    refused(lambda: read_integer(element, least=1, most=4), "i", "from 1 to 4")


@pytest.mark.parametrize("content", ["", "01", "fe", "0000"])
def test_booleans_have_two_forms(content: str) -> None:
    refused(
        lambda: read_boolean(decode_der(encode_der(BOOLEAN, bytes.fromhex(content)), "b")),
        "b",
        "00 or FF",
    )
    assert read_boolean(decode_der(b"\x01\x01\xff", "b"))
    assert not read_boolean(decode_der(b"\x01\x01\x00", "b"))


@pytest.mark.parametrize(
    ("content", "rule"),
    [("", "cut off"), ("2a86", "cut off"), ("2a8001", "not minimal"), ("8001", "not minimal")],
)
def test_object_identifiers_that_are_not_minimal_are_refused(content: str, rule: str) -> None:
    element = decode_der(encode_der(OID, bytes.fromhex(content)), "o")
    refused(lambda: read_oid(element), "o", rule)


@pytest.mark.parametrize("dotted", ["1", "3.1", "1.40", "1.02", "1..2", "1.2.", "a.b", "1.2 "])
def test_what_is_no_object_identifier_is_not_written(dotted: str) -> None:
    with pytest.raises(InvalidEncoding):
        encode_oid(dotted)


def test_object_identifiers_by_hand() -> None:
    assert encode_oid("2.999.3").hex() == "0603883703"
    assert encode_oid("1.2.840.113549").hex() == "06062a864886f70d"
    assert read_oid(decode_der(bytes.fromhex("0603883703"), "o")) == "2.999.3"


@pytest.mark.parametrize("content", ["", "01", "08ff", "0101", "07ff"])
def test_bit_strings_with_loose_bits_are_refused(content: str) -> None:
    element = decode_der(encode_der(BIT_STRING, bytes.fromhex(content)), "b")
    refused(lambda: read_bits(element), "b", "not in DER")


def test_bit_strings_tell_what_is_unused() -> None:
    assert read_bits(decode_der(b"\x03\x01\x00", "b")) == (b"", 0)
    assert read_bits(decode_der(b"\x03\x02\x05\xa0", "b")) == (b"\xa0", 5)


@pytest.mark.parametrize(
    ("tag", "text", "seconds", "nanoseconds"),
    [
        (UTC_TIME, "700101000000Z", 0, 0),
        (UTC_TIME, "491231235959Z", 2_524_607_999, 0),
        (UTC_TIME, "500101000000Z", -631_152_000, 0),
        (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000, 0),
        (GENERALIZED_TIME, "19700101000001.000000001Z", 1, 1),
        (GENERALIZED_TIME, "19700101000001.5Z", 1, 500_000_000),
        (GENERALIZED_TIME, "20240229000000Z", 1_709_164_800, 0),
    ],
)
def test_times(tag: int, text: str, seconds: int, nanoseconds: int) -> None:
    element = decode_der(encode_der(tag, text.encode()), "t")
    assert decode_time(element) == seconds * 10**9 + nanoseconds


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (UTC_TIME, "7001010000Z"),
        (UTC_TIME, "700101000000+0000"),
        (UTC_TIME, "20500101000000Z"),
        (GENERALIZED_TIME, "20500101000000"),
        (GENERALIZED_TIME, "205001010000Z"),
        (GENERALIZED_TIME, "20500101000000.Z"),
        (GENERALIZED_TIME, "20500101000000.50Z"),
        (GENERALIZED_TIME, "20500101000000.0Z"),
        (GENERALIZED_TIME, "20500101000000,5Z"),
        (GENERALIZED_TIME, "20500101000060Z"),
        (GENERALIZED_TIME, "20500229000000Z"),
        (GENERALIZED_TIME, "20501301000000Z"),
        (GENERALIZED_TIME, "２０５０0101000000Z"),
    ],
)
def test_other_times_are_refused(tag: int, text: str) -> None:
    element = decode_der(encode_der(tag, text.encode("utf-8")), "t")
    with pytest.raises(InvalidEncoding):
        decode_time(element)


def test_sets_are_written_and_checked_in_order() -> None:
    items = [encode_integer(300), encode_integer(5), encode_integer(1)]
    encoded = decode_der(encode_set(*items), "s")
    inside = Contents(encoded).rest(INTEGER)
    assert [read_integer(item) for item in inside] == [1, 5, 300]
    check_set_order(inside, "s")
    refused(lambda: check_set_order(inside[::-1], "s"), "s", "order")
