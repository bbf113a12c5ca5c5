"""Bytes, JSON and fields in JavaScript: what is taken, what is refused, and with which words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from builders.javascript import JAVASCRIPT, JavaScriptError

from node.core.encoding import canonical_json, decode_json, rfc3339
from node.core.errors import InvalidEncoding

PLACE = {"place": "here", "maxBytes": 1 << 20}


def refused(module: str, name: str, *given: Any) -> str:
    with pytest.raises(JavaScriptError) as found:
        JAVASCRIPT.call(module, name, *given)
    assert found.value.name == "InvalidInput"
    return f"{found.value.place}: {found.value.rule}"


def decoded(text: bytes) -> Any:
    return JAVASCRIPT.call("json.js", "decodeJson", text, PLACE)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "",
        0,
        -1,
        2**53 - 1,
        1 - 2**53,
        {"a": [1, "二", {"b": []}]},
        "\U0002ceda\u0000\x7f\u2028",
        {"__proto__": 1, "constructor": {"prototype": []}, "10": "a", "9": "b", "toString": 0},
    ],
)
def test_plain_values_are_decoded_and_encoded(value: Any) -> None:
    assert decoded(json.dumps(value).encode()) == value
    assert JAVASCRIPT.call("json.js", "canonicalJson", value) == canonical_json(value)


def test_a_member_called_proto_gives_an_object_no_members() -> None:
    text = b'{"a":{"__proto__":{"kind":"x"}}}'
    value = decoded(text)
    assert value == {"a": {"__proto__": {"kind": "x"}}}
    rule = refused("fields.js", "readKind", value["a"], "here")
    assert rule.startswith("here.kind: must be a lower-case letter")


def test_white_space_and_escapes_are_allowed() -> None:
    assert decoded(b' {"a" :\r\n\t[ 1 ]} ') == {"a": [1]}
    assert decoded(rb'"\ud83d\ude00\u0041\/\b\f\n\r\t"') == "😀A/\b\f\n\r\t"


REFUSED = {
    "duplicate member": (b'{"a":1,"a":1}', "here: duplicate member 'a'"),
    "duplicate by an escape": (b'{"a":1,"\\u0061":1}', "here: duplicate member 'a'"),
    "duplicate of proto": (b'{"__proto__":1,"__proto__":1}', "duplicate member '__proto__'"),
    "place of a member": (b'{"a":[1,{"b":null}]}', "here.a[1].b: null"),
    "true": (b"true", "here: null, true and false"),
    "fraction": (b"1.0", "is not an integer"),
    "exponent": (b"1e2", "is not an integer"),
    "minus zero": (b"-0", "out of range"),
    "too large": (b"9007199254740992", "out of range"),
    "too small": (b"-9007199254740992", "out of range"),
    "very long": (b"1" * 400, "out of range"),
    "leading zero": (b"01", "expecting the end at character 1"),
    "plus": (b"+1", "expecting a value"),
    "NaN": (b"NaN", "expecting a value"),
    "infinity": (b"-Infinity", "expecting a value"),
    "lone surrogate": (b'"\\ud800"', "lone surrogate"),
    "surrogates the wrong way round": (b'"\\ude00\\ud83d"', "lone surrogate"),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "not UTF-8"),
    "overlong UTF-8": (b'"\xc0\xaf"', "not UTF-8"),
    "cut UTF-8": (b'"\xe5\x8d"', "not UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf1", "expecting a value"),
    "name outside ASCII": ('{"é":1}'.encode(), "a member's name is not ASCII"),
    "control character": (b'"\x1f"', "next character"),
    "no such escape": (rb'"\x41"', "an escape"),
    "escape cut off": (rb'"\u00', "an escape"),
    "escape of other digits": ('"\\u００41"'.encode(), "an escape"),
    "trailing comma": (b"[1,]", "expecting a value"),
    "trailing text": (b"1 1", "expecting the end"),
    "form feed": (b"\x0c1", "expecting a value"),
    "no-break space": ("\u00a01".encode(), "expecting a value"),
    "comment": (b"/**/1", "expecting a value"),
    "nothing": (b"", "expecting a value"),
    "open string": (b'"a', "next character"),
    "nested too deep": (b"[" * 17 + b"]" * 17, "nested too deep"),
    "nested very deep": (b"[" * 500_000, "nested too deep"),
    "larger than allowed": (b'"' + b"x" * (1 << 20) + b'"', "at most 1048576"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(text: bytes, says: str) -> None:
    assert says in refused("json.js", "decodeJson", text, PLACE)
    with pytest.raises(InvalidEncoding):
        decode_json(text, place="here", max_bytes=1 << 20)


def test_sixteen_levels_are_allowed() -> None:
    assert decoded(b"[" * 16 + b"]" * 16) is not None


def test_only_the_canonical_form_passes_as_such() -> None:
    good = b'{"a":"\\n\\u001f\xe5\x8d\xb0","b":[1,-2]}'
    assert JAVASCRIPT.call("json.js", "decodeCanonicalJson", good, PLACE)["b"] == [1, -2]
    for other in (b'{"b":1,"a":1}', b'{"a": 1}', b'{"a":"\\u000a"}', b'{"a":"\\u001F"}'):
        said = refused("json.js", "decodeCanonicalJson", other, PLACE)
        assert said == "here: not in canonical form (RFC 8785)"


@pytest.mark.parametrize("value", ["\ud800", {"a": "x\udfff"}, {"é": 1}, 1.5, None, True])
def test_what_has_no_canonical_form(value: Any) -> None:
    assert refused("json.js", "canonicalJson", value).startswith("canonical JSON: ")


@pytest.mark.parametrize("raw", [b"", b"\0", b"\xff\xfe", bytes(range(256)) * 300])
def test_bytes_in_each_notation(raw: bytes) -> None:
    calls = [
        ("toHex", raw.hex(), "fromHex"),
        ("toBase64", base64.b64encode(raw).decode(), "fromBase64"),
        ("toBase64url", base64.urlsafe_b64encode(raw).decode().rstrip("="), "fromBase64url"),
    ]
    for encode, text, decode in calls:
        assert JAVASCRIPT.call("bytes.js", encode, raw) == text
        assert JAVASCRIPT.call("bytes.js", decode, text, "here") == raw


NO_BYTES = [
    ("fromHex", ["0", "0G", "AB", " 00", "00\n", "０0", 1, None]),
    ("fromBase64", ["A", "AA", "AAA", "AB==", "AAB=", "A===", "AA==AAAA", "AAAA\n", "_-AA", 1]),
    ("fromBase64url", ["A", "AB", "AAB", "AA==", "AA=", "+/AA", "AAAA\n", "A A", "é", 1]),
]


@pytest.mark.parametrize(("decode", "texts"), NO_BYTES)
def test_texts_that_are_no_canonical_form_of_bytes(decode: str, texts: list[Any]) -> None:
    for text in texts:
        assert refused("bytes.js", decode, text, "here").startswith("here: ")


def test_hex_of_a_given_length() -> None:
    assert JAVASCRIPT.call("bytes.js", "fromHex", "00ff", "here", 2) == b"\0\xff"
    assert "must be 3 bytes" in refused("bytes.js", "fromHex", "00ff", "here", 3)


def test_bytes_are_compared_as_python_does() -> None:
    texts = [b"", b"\0", b"\0\0", b"\x7f", b"\x80", b"\xff", b"\xff\0"]
    for one in texts:
        for other in texts:
            said = JAVASCRIPT.call("bytes.js", "compare", one, other)
            assert (said > 0, said == 0) == (one > other, one == other)
            assert JAVASCRIPT.call("bytes.js", "equal", one, other) == (one == other)


def test_utf8_is_strict() -> None:
    assert JAVASCRIPT.call("bytes.js", "utf8", "印\U0002ceda") == "印\U0002ceda".encode()
    assert JAVASCRIPT.call("bytes.js", "decodeUtf8", b"\xef\xbb\xbfa", "here") == "\ufeffa"
    assert "lone surrogate" in refused("bytes.js", "utf8", "a\udc00")
    assert refused("bytes.js", "decodeUtf8", b"\xff", "here") == "here: not UTF-8"


FIELDS = [
    ("exactMembers", [{"a": 1}, "v", ["a", "b"], []], "v.b: is missing"),
    ("exactMembers", [{"a": 1, "c": 1}, "v", ["a"], ["b"]], "v.c: is not a member"),
    ("exactMembers", [[], "v", [], []], "v: must be an object"),
    ("exactMembers", [{}, "v", ["toString"], []], "v.toString: is missing"),
    ("readList", [{}, "v", {"most": 1}], "v: must be an array of 0 to 1 items"),
    ("readList", [[1, 2], "v", {"most": 1}], "v: must be an array of 0 to 1 items"),
    ("readInteger", ["1", "v"], "v: must be an integer from 0 to 9007199254740991"),
    ("readInteger", [1.5, "v"], "v: must be an integer"),
    ("readInteger", [-1, "v"], "v: must be an integer"),
    ("readInteger", [7, "v", {"least": 8}], "v: must be an integer from 8"),
    ("readInteger", [7, "v", {"most": 6}], "v: must be an integer from 0 to 6"),
    ("readText", ["", "v", {"most": 2}], "v: must be text of 1 to 2 characters"),
    ("readText", ["abc", "v", {"most": 2}], "v: must be text of 1 to 2 characters"),
    ("readText", ["𠮷𠮷𠮷", "v", {"most": 2}], "v: must be text of 1 to 2 characters"),
    ("readText", [["a"], "v", {"most": 2}], "v: must be text of 1 to 2 characters"),
    ("readHash", ["A" * 64, "v"], "v: must be a SHA-256"),
    ("readHash", ["0" * 64 + "\n", "v"], "v: must be a SHA-256"),
    ("readHash", [["0" * 64], "v"], "v: must be a SHA-256"),
    ("readKind", [{"kind": "evm\n"}, "v"], "v.kind: must be"),
]


@pytest.mark.parametrize(("name", "given", "says"), FIELDS)
def test_fields_that_are_refused(name: str, given: list[Any], says: str) -> None:
    assert refused("fields.js", name, *given).startswith(says)


def test_fields_that_are_read() -> None:
    assert JAVASCRIPT.call("fields.js", "readText", "𠮷𠮷", "v", {"most": 2}) == "𠮷𠮷"
    assert JAVASCRIPT.call("fields.js", "readHash", "0f" * 32, "v") == b"\x0f" * 32
    assert JAVASCRIPT.call("fields.js", "countCharacters", "a\ud800𠮷\udc00") == 4
    assert JAVASCRIPT.call("fields.js", "readInteger", 2**53 - 1, "v") == 2**53 - 1


@pytest.mark.parametrize(
    "milliseconds",
    [0, 1, -1, 951_782_400_000, 4_107_542_399_999, 253_402_300_799_999, -62_135_596_800_000],
)
def test_times_are_written_alike(milliseconds: int) -> None:
    for options, given in (
        ({}, {}),
        ({"whole_seconds": True}, {"wholeSeconds": True}),
        ({"offset_hours": 0}, {"offsetHours": 0}),
        ({"offset_hours": -5}, {"offsetHours": -5}),
    ):
        said = JAVASCRIPT.call("times.js", "rfc3339", milliseconds, given)
        assert said == rfc3339(milliseconds, **options)
