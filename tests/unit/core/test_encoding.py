from __future__ import annotations

import datetime
import json
import subprocess
import sys
from typing import Any

import pytest

from node.core.encoding import (
    MAX_INTEGER,
    canonical_json,
    decode_base64url,
    decode_canonical_json,
    decode_hash,
    decode_hex,
    decode_json,
    decode_json_object,
    decode_uvarint,
    encode_base64url,
    encode_uvarint,
    parse_rfc3339,
    rfc3339,
)
from node.core.errors import InvalidEncoding

LIMIT = 1 << 20


def decode(text: str | bytes) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return decode_json(data, place="here", max_bytes=LIMIT)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "",
        0,
        -1,
        MAX_INTEGER,
        -MAX_INTEGER,
        {"a": [1, "二", {"b": []}]},
        "\U0002ceda\u0000\x7f\u2028",
    ],
)
def test_plain_values_are_decoded(value: Any) -> None:
    assert decode(json.dumps(value)) == value


def test_white_space_and_escapes_are_allowed() -> None:
    assert decode(' {"a" :\r\n\t[ 1 ]} ') == {"a": [1]}
    assert decode(r'"\ud83d\ude00\u0041\/"') == "😀A/"


REFUSED = {
    "duplicate member": ('{"a":1,"a":1}', "here", "duplicate member 'a'"),
    "duplicate by escape": (r'{"a":1,"\u0061":2}', "here", "duplicate member 'a'"),
    "duplicate, nested": ('{"a":[{"b":{"c":1,"d":2,"c":3}}]}', "here", "duplicate member 'c'"),
    "float": ("1.0", "here", "1.0 is not an integer"),
    "float in an object": ('{"a":0.1}', "here", "decimals are strings"),
    "exponent": ("1e2", "here", "1e2 is not an integer"),
    "capital exponent": ("1E2", "here", "not an integer"),
    "NaN": ("NaN", "here", "NaN is not an integer"),
    "Infinity": ("[Infinity]", "here", "Infinity is not an integer"),
    "-Infinity": ("-Infinity", "here", "-Infinity is not an integer"),
    "-0": ("-0", "here", "out of range"),
    "-0.0": ("-0.0", "here", "not an integer"),
    "too large": (str(2**53), "here", "out of range"),
    "too small": (str(-(2**53)), "here", "out of range"),
    "1,000,000 digits": ("9" * 1_000_000, "here", "out of range"),
    "leading zero": ("01", "here", "not JSON"),
    "plus": ("+1", "here", "not JSON"),
    "hexadecimal": ("0x1", "here", "not JSON"),
    "null": ("null", "here", "null, true and false are not used"),
    "true in an array": ('{"a":["x",true]}', "here.a[1]", "null, true and false are not used"),
    "false as a member": ('{"a":{"b":false}}', "here.a.b", "null, true and false are not used"),
    "lone high surrogate": (r'{"a":"\ud800"}', "here.a", "lone surrogate"),
    "lone low surrogate": (r'["\udc00x"]', "here[0]", "lone surrogate"),
    "surrogates the wrong way round": (r'"\ude00\ud83d"', "here", "lone surrogate"),
    "surrogate in a name": (r'{"\ud800":1}', "here", "a member's name is not ASCII"),
    "name outside ASCII": ('{"a":[{"é":1}]}', "here.a[0]", "a member's name is not ASCII"),
    "name outside ASCII by escape": (r'{"\uff5e":1}', "here", "a member's name is not ASCII"),
    "name outside the BMP": ('{"😀":1}', "here", "a member's name is not ASCII"),
    "byte order mark": (b"\xef\xbb\xbf{}", "here", "not JSON"),
    "UTF-16": ("{}".encode("utf-16"), "here", "not UTF-8 at byte 0"),
    "bad UTF-8": (b'{"a":"\xff"}', "here", "not UTF-8 at byte 6"),
    "overlong UTF-8": (b'"\xc0\xaf"', "here", "not UTF-8 at byte 1"),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "here", "not UTF-8 at byte 1"),
    "cut off": (b'{"a":', "here", "not JSON"),
    "empty": (b"", "here", "not JSON"),
    "trailing value": ("{}{}", "here", "not JSON: Extra data at character 2"),
    "trailing byte": (b"{}\x00", "here", "not JSON"),
    "trailing comma": ("[1,]", "here", "not JSON"),
    "comment": ("{}//", "here", "not JSON"),
    "control character in a string": ('"\n"', "here", "not JSON"),
    "single quotes": ("{'a':1}", "here", "not JSON"),
    "17 levels": ("[" * 17 + "]" * 17, "here" + "[0]" * 16, "nested too deep"),
    "10,000 arrays": ("[" * 10_000 + "]" * 10_000, None, "nested"),
    "10,000 objects": ('{"a":' * 10_000 + "1" + "}" * 10_000, None, "nested"),
    "10,000 open arrays": ("[" * 10_000, None, ""),
}


@pytest.mark.parametrize(("text", "place", "rule"), REFUSED.values(), ids=REFUSED)
def test_refused_with_place_and_rule(text: str | bytes, place: str | None, rule: str) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        decode(text)
    assert rule in refused.value.rule
    if place is not None:
        assert refused.value.place == place
    assert refused.value.place.startswith("here")


def test_sixteen_levels_are_allowed() -> None:
    assert decode("[" * 16 + "]" * 16)
    with pytest.raises(InvalidEncoding):
        decode_json(b"[[]]", place="here", max_bytes=LIMIT, max_depth=1)


def test_the_limit_is_of_bytes_and_exact() -> None:
    exact = b'"' + "印".encode() * 5000 + b'"'
    assert decode_json(exact, place="here", max_bytes=len(exact)) == "印" * 5000
    with pytest.raises(InvalidEncoding, match=f"{len(exact)} bytes, at most {len(exact) - 1}"):
        decode_json(exact, place="here", max_bytes=len(exact) - 1)


def test_a_duplicate_among_very_many_members_is_found_at_once() -> None:
    """Looking through all names again for each would take hours here."""
    names = ",".join(f'"{number}":1' for number in range(200_000))
    data = f'{{{names},"199999":1}}'.encode()
    with pytest.raises(InvalidEncoding, match="duplicate member '199999'"):
        decode_json(data, place="here", max_bytes=len(data))


def test_an_object_is_asked_for() -> None:
    assert decode_json_object(b"{}", place="here", max_bytes=9) == {}
    for data in (b"[]", b'"x"', b"1"):
        with pytest.raises(InvalidEncoding, match="must be a JSON object"):
            decode_json_object(data, place="here", max_bytes=9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [2, {"d": "x", "c": "y"}]}, '{"a":[2,{"c":"y","d":"x"}],"b":1}'),
        ({"10": 1, "1": 2, "A": 3, "a": 4, "_": 5}, '{"1":2,"10":1,"A":3,"_":5,"a":4}'),
        ("印章\u2028\x7f", '"印章\u2028\x7f"'),
        ('"\\/\b\f\n\r\t\u001f\u0000', '"\\"\\\\/\\b\\f\\n\\r\\t\\u001f\\u0000"'),
        (-5, "-5"),
    ],
)
def test_canonical_form_is_that_of_rfc_8785(value: Any, text: str) -> None:
    assert canonical_json(value) == text.encode()


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", {"a": "\udfff"}, b"x", {1, 2}, {"a": 1, 2: 3}, object],
    ids=repr,
)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        canonical_json(value)
    assert refused.value.place == "canonical JSON"


def test_endless_values_are_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidEncoding):
        canonical_json(value)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', '{"b":1,"a":2}', '{"a":1} ', ' {"a":1}', r'{"a":"\u0061"}', r'{"a":"\/"}', "{}\n"],
)
def test_other_forms_of_the_same_value_are_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match="not in canonical form"):
        decode_canonical_json(text.encode(), place="here", max_bytes=99)


def test_canonical_form_is_decoded() -> None:
    assert decode_canonical_json(b'{"a":1}', place="here", max_bytes=99) == {"a": 1}
    with pytest.raises(InvalidEncoding, match="must be a JSON object"):
        decode_canonical_json(b"[]", place="here", max_bytes=99)


BASE64URL = {
    "padding": "QQ==",
    "padding of one": "QUI=",
    "plus": "ab+c",
    "slash": "ab/c",
    "length of one": "A",
    "length of five": "QUJDR",
    "loose bits of two": "QR",
    "loose bits of three": "QUJ",
    "blank": "QU I",
    "line end": "QUJD\n",
    "line end, three": "QUE\n",
    "outside ASCII": "QUＡ",
    "Latin-1": "QU\xe9B",
    "dot": "QU.B",
}


@pytest.mark.parametrize("text", BASE64URL.values(), ids=BASE64URL)
def test_base64url_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        decode_base64url(text, place="here")
    assert refused.value.place == "here"
    with pytest.raises(InvalidEncoding):
        decode_base64url(text.encode(), place="here")


def test_of_all_last_characters_only_those_without_loose_bits_are_accepted() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for head, count in (("A", 4), ("AA", 16), ("AAA", 64)):
        accepted = []
        for last in alphabet:
            try:
                data = decode_base64url(head + last, place="here")
            except InvalidEncoding:
                continue
            assert encode_base64url(data) == head + last
            accepted.append(last)
        assert len(accepted) == count


def test_base64url_known_answers() -> None:
    assert encode_base64url(b"\xfb\xef\xff") == "--__"
    assert decode_base64url("--__", place="here") == b"\xfb\xef\xff"
    assert decode_base64url(b"", place="here") == b""


@pytest.mark.parametrize("text", ["0", "AB", "0g", "0 ", "００", "\n", 12, None, b"00", ["00"]])
def test_hex_that_is_not_lower_case_pairs_is_refused(text: Any) -> None:
    with pytest.raises(InvalidEncoding, match="here: must be lower-case hex"):
        decode_hex(text, place="here")


def test_hex() -> None:
    assert decode_hex("00ff", place="here") == b"\x00\xff"
    assert decode_hex("", place="here") == b""
    with pytest.raises(InvalidEncoding, match="must be 3 bytes of hex, 6 characters"):
        decode_hex("00ff", place="here", length=3)


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", 0, None])
def test_hash_must_be_64_lower_case_digits(text: Any) -> None:
    with pytest.raises(InvalidEncoding, match="64 characters"):
        decode_hash(text, place="here")
    assert decode_hash("0a" * 32, place="here") == b"\x0a" * 32


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (2**63, "80808080808080808001"),
        (2**64 - 1, "ffffffffffffffffff01"),
    ],
)
def test_uvarint_known_answers(value: int, data: str) -> None:
    raw = bytes.fromhex(data)
    assert encode_uvarint(value) == raw
    assert decode_uvarint(b"x" + raw + b"y", 1, place="here") == (value, 1 + len(raw))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ("", "cut off"),
        ("80", "cut off"),
        ("ffffffffffffffffff", "cut off"),
        ("8000", "not canonical"),
        ("ff00", "not canonical"),
        ("80808000", "not canonical"),
        ("ffffffffffffffffff02", "not canonical"),
        ("ffffffffffffffffff7f", "not canonical"),
        ("ffffffffffffffffffff01", "longer than 64 bits"),
    ],
)
def test_uvarint_refused(data: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule) as refused:
        decode_uvarint(bytes.fromhex(data), 0, place="here")
    assert refused.value.place == "here"


@pytest.mark.parametrize(
    ("milliseconds", "offset", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000Z"),
        (0, 8, "1970-01-01T08:00:00.000+08:00"),
        (0, -5, "1969-12-31T19:00:00.000-05:00"),
        (1_600_838_010_000, 8, "2020-09-23T13:13:30.000+08:00"),
        (951_782_399_999, 0, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, 0, "2000-02-29T00:00:00.000Z"),
        (4_107_542_400_000, 0, "2100-03-01T00:00:00.000Z"),
        (-1, 0, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_rfc3339(milliseconds: int, offset: int, text: str) -> None:
    assert rfc3339(milliseconds, offset_hours=offset) == text


def test_rfc3339_in_china_is_the_default() -> None:
    assert rfc3339(0) == "1970-01-01T08:00:00.000+08:00"


def test_every_day_agrees_with_the_standard_library() -> None:
    start = datetime.datetime(1968, 1, 1, tzinfo=datetime.UTC)
    for day in range(0, 60_000, 3):
        moment = start + datetime.timedelta(days=day, seconds=day)
        seconds = int(moment.timestamp())
        text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert parse_rfc3339(text, place="here") == (seconds, 0)
        assert rfc3339(seconds * 1000, offset_hours=0) == text.replace("Z", ".000Z")


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("2026-11-22T08:40:30Z", 0),
        ("2026-11-22T08:40:30.1Z", 100_000_000),
        ("2026-11-22T08:40:30.091463849Z", 91_463_849),
    ],
)
def test_fractions_of_a_second(text: str, nanos: int) -> None:
    assert parse_rfc3339(text, place="here") == (1_795_336_830, nanos)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2026-11-22T08:40:30", "UTC time of RFC 3339"),
        ("2026-11-22 08:40:30Z", "UTC time of RFC 3339"),
        ("2026-11-22T08:40:30+00:00", "UTC time of RFC 3339"),
        ("2026-11-22T08:40:30.Z", "UTC time of RFC 3339"),
        ("2026-11-22T08:40:30.1234567890Z", "UTC time of RFC 3339"),
        ("２０２６-11-22T08:40:30Z", "UTC time of RFC 3339"),
        ("2026-11-22T08:40:30Z\n", "UTC time of RFC 3339"),
        ("2026-02-29T00:00:00Z", "no date or time"),
        ("2026-13-01T00:00:00Z", "no date or time"),
        ("2026-00-01T00:00:00Z", "no date or time"),
        ("2026-01-00T00:00:00Z", "no date or time"),
        ("2026-01-32T00:00:00Z", "no date or time"),
        ("2026-01-01T24:00:00Z", "no date or time"),
        ("2026-01-01T00:60:00Z", "no date or time"),
        ("2026-12-31T23:59:60Z", "no date or time"),
    ],
)
def test_times_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule):
        parse_rfc3339(text, place="here")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '{"a":' * 200_000,
        '"' + "[" * 5_000 + '\\"' + "[" * 5_000,
        "[" * 2_000 + '"\\',
    ],
)
def test_deep_nesting_is_refused_where_the_recursion_limit_is_no_help(text: str) -> None:
    """Libraries raise it to what the C stack does not hold: then it would end the process."""
    program = (
        "import sys\n"
        "from node.core.encoding import decode_json\n"
        "from node.core.errors import InvalidEncoding\n"
        "sys.setrecursionlimit(100_000)\n"
        "try:\n"
        "    decode_json(sys.stdin.buffer.read(), place='here', max_bytes=1 << 26)\n"
        "except InvalidEncoding as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=text.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"here: n")  # nested, or not JSON


def test_brackets_within_strings_do_not_nest() -> None:
    text = json.dumps({"a": "[{\\" * 3_000, "b": ['"[', "]"] * 2_000})
    assert decode(text) == json.loads(text)
