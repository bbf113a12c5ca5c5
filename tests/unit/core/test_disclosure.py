from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

import pytest
from builders.signing import event, private_fields

from node.core.disclosure import (
    MAX_DISCLOSURE_BYTES,
    Disclosure,
    decode_disclosure,
    disclosure_digest,
    encode_disclosure,
    match_disclosures,
    split_sd_jwt,
)
from node.core.encoding import canonical_json, encode_base64url
from node.core.errors import InvalidEncoding, InvalidInput, InvalidTransaction

SALT = "_26bc4LT-ac6q2KI6cBW5es"


def encoded(value: Any) -> str:
    return encode_base64url(json.dumps(value, ensure_ascii=False).encode())


def test_the_example_of_rfc_9901() -> None:
    """RFC 9901 §4.2.1 and §4.2.3: the field family_name, and its digest."""
    text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    disclosure = decode_disclosure(text)
    assert disclosure == Disclosure(SALT, "family_name", "Möbius", text)
    assert disclosure.digest == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


def test_encoding_gives_back_what_went_in() -> None:
    made = encode_disclosure(SALT, "initiator", {"name": "南某", "page": [1, 2]})
    again = decode_disclosure(made.encoded)
    assert again == made
    assert (again.salt, again.name, again.value) == (
        SALT,
        "initiator",
        {"name": "南某", "page": [1, 2]},
    )
    assert disclosure_digest(made.encoded) == made.digest


DEEP: Any = []
for _ in range(20):
    DEEP = [DEEP]

REFUSED = {
    "empty": ("", "not JSON"),
    "padding": (encoded([SALT, "a", "b"]) + "=", "base64url"),
    "loose bits": (encoded([SALT, "a", "bb"])[:-1] + "B", "base64url"),
    "outside ASCII": ("印", "outside ASCII"),
    "object": (encoded({}), "array of salt, name and value"),
    "array element of two": (encoded([SALT, "b"]), "array of salt, name and value"),
    "four": (encoded([SALT, "a", "b", "c"]), "array of salt, name and value"),
    "salt of 21": (encoded([SALT[:21], "a", "b"]), "salt must be text of 22"),
    "salt number": (encoded([1, "a", "b"]), "salt must be text of 22"),
    "empty salt": (encoded(["", "a", "b"]), "salt must be text of 22"),
    "empty name": (encoded([SALT, "", "b"]), "name must be text"),
    "name number": (encoded([SALT, 1, "b"]), "name must be text"),
    "name _sd": (encoded([SALT, "_sd", "b"]), "none that RFC 9901 reserves"),
    "name ...": (encoded([SALT, "...", "b"]), "none that RFC 9901 reserves"),
    "name _sd_alg": (encoded([SALT, "_sd_alg", "b"]), "none that RFC 9901 reserves"),
    "name of 65": (encoded([SALT, "a" * 65, "b"]), "name must be text"),
    "name in capitals": (encoded([SALT, "Name", "b"]), "name must be text"),
    "name with a digit first": (encoded([SALT, "1a", "b"]), "name must be text"),
    "name with a line end": (encoded([SALT, "ip\n", "b"]), "name must be text"),
    "name outside ASCII": (encoded([SALT, "印章", "b"]), "name must be text"),
    "name that is a sentence": (encoded([SALT, "ip; all verified", "b"]), "name must be text"),
    "float": (encoded([SALT, "score", 93.9]), "decimals are strings"),
    "null": (encoded([SALT, "a", None]), "null, true and false"),
    "duplicate": (
        encode_base64url(f'["{SALT}","a",{{"x":1,"x":2}}]'.encode()),
        "duplicate member 'x'",
    ),
    "surrogate": (encode_base64url(f'["{SALT}","a","\\ud800"]'.encode()), "lone surrogate"),
    "deep": (encoded([SALT, "a", DEEP]), "nested"),
    "trailing": (encode_base64url(f'["{SALT}","a","b"]x'.encode()), "not JSON"),
    "large": (encoded([SALT, "a", "x" * 12_300]), "at most 16384 characters"),
}


@pytest.mark.parametrize(("text", "rule"), REFUSED.values(), ids=REFUSED)
def test_malformed_disclosures_are_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule) as refused:
        decode_disclosure(text, place="here")
    assert refused.value.place.startswith("here")


def test_salt_of_22_characters_is_long_enough() -> None:
    assert decode_disclosure(encoded([SALT[:22], "a", "b"])).salt == SALT[:22]


def test_16384_characters_are_allowed() -> None:
    room = MAX_DISCLOSURE_BYTES * 3 // 4 - len(f'["{SALT}","a",""]')
    made = encode_disclosure(SALT, "a", "x" * room)
    assert len(made.encoded) == MAX_DISCLOSURE_BYTES
    with pytest.raises(InvalidEncoding, match="at most 16384 characters"):
        encode_disclosure(SALT, "a", "x" * (room + 1))


@pytest.mark.parametrize("value", ["\ud800", float("nan"), 1.5, None, b"x"], ids=repr)
def test_values_that_the_format_does_not_hold_are_refused_when_made(value: Any) -> None:
    with pytest.raises(InvalidEncoding):
        encode_disclosure(SALT, "a", value)


@pytest.mark.parametrize(
    ("submission", "jwt", "disclosures"),
    [
        (b"a.b.c", b"a.b.c", []),
        (b"a.b.c~", b"a.b.c", []),
        (b"a.b.c~D~", b"a.b.c", ["D"]),
        (b"a.b.c~D~E~", b"a.b.c", ["D", "E"]),
        (b"a.b.c~~", b"a.b.c", [""]),
        (b"", b"", []),
    ],
)
def test_submissions_are_split(submission: bytes, jwt: bytes, disclosures: list[str]) -> None:
    assert split_sd_jwt(submission) == (jwt, disclosures)


@pytest.mark.parametrize(
    ("submission", "rule"),
    [
        (b"a.b.c~D", "a key-binding JWT is not used here"),
        (b"a.b.c~D~e.f.g", "a key-binding JWT is not used here"),
        (b"a.b.c~\xff~", "outside ASCII"),
    ],
)
def test_submissions_refused(submission: bytes, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule) as refused:
        split_sd_jwt(submission)
    assert refused.value.place == "submission"


FIELDS = private_fields({"name": "南某", "phone": "139", "score": "93.9"})
DIGESTS = [item.digest for item in FIELDS]
TEXTS = [item.encoded for item in FIELDS]


def test_each_field_can_be_shown_alone() -> None:
    assert match_disclosures(DIGESTS, TEXTS, {}) == FIELDS
    for field in FIELDS:
        assert match_disclosures(DIGESTS, [field.encoded], {}) == [field]
    assert match_disclosures(DIGESTS, [], {}) == []


def test_order_is_that_of_the_disclosures() -> None:
    assert match_disclosures(DIGESTS, TEXTS[::-1], {}) == FIELDS[::-1]


def refusal(digests: list[str], texts: list[str], data: Container[str] = ()) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        match_disclosures(digests, texts, data)
    return refused.value


def test_disclosure_that_no_digest_names_is_refused() -> None:
    other = private_fields({"name": "another"})[0]
    refused = refusal(DIGESTS, [TEXTS[0], other.encoded])
    assert (refused.place, refused.rule) == ("disclosures[1]", "no digest in _sd names it")
    assert refusal([], TEXTS[:1]).rule == "no digest in _sd names it"


def test_the_same_value_written_otherwise_is_another_disclosure() -> None:
    field = FIELDS[0]
    spaced = encode_base64url(json.dumps([field.salt, field.name, field.value]).encode())
    assert decode_disclosure(spaced).value == field.value
    assert refusal(DIGESTS, [spaced]).rule == "no digest in _sd names it"


def test_disclosure_that_comes_twice_is_refused() -> None:
    refused = refusal(DIGESTS, [TEXTS[0], TEXTS[1], TEXTS[0]])
    assert (refused.place, refused.rule) == ("disclosures[2]", "comes twice")


def test_two_disclosures_of_one_name_are_refused() -> None:
    second = encode_disclosure(SALT, "name", "北某")
    refused = refusal([*DIGESTS, second.digest], [TEXTS[0], second.encoded])
    assert (refused.place, refused.rule) == ("disclosures[1]", "a second disclosure of 'name'")


@pytest.mark.parametrize("name", sorted({*event(), "collected_at"}))
def test_disclosure_of_a_member_that_stands_in_clear_is_refused(name: str) -> None:
    """RFC 9901 §7.1: a claim name that already exists at that level rejects the whole."""
    shadow = encode_disclosure(SALT, name, "another truth")
    with pytest.raises(InvalidTransaction, match="stands in clear in the payload"):
        match_disclosures([shadow.digest], [shadow.encoded], {})


def test_disclosure_of_a_field_that_stands_in_clear_in_data_is_refused() -> None:
    """One field cannot have a public value and a private one beside it."""
    refused = refusal(DIGESTS, TEXTS, {"division": "370102", "phone": "139"})
    assert isinstance(refused, InvalidTransaction)
    assert (refused.place, refused.rule) == ("disclosures[1]", "phone stands in clear in data")
    inside = {"contact": {"phone": "139"}, "phones": "name"}
    assert match_disclosures(DIGESTS, TEXTS, inside) == FIELDS


@pytest.mark.parametrize("name", ["a", "a1_", "x" * 64])
def test_names_that_a_disclosure_may_have(name: str) -> None:
    assert encode_disclosure(SALT, name, 1).name == name


def test_a_malformed_disclosure_is_named_by_its_place() -> None:
    refused = refusal(DIGESTS, [TEXTS[0], "!"])
    assert isinstance(refused, InvalidEncoding)
    assert refused.place == "disclosures[1]"


@pytest.mark.parametrize(
    "value",
    [
        {"_sd": ["x"]},
        {"a": {"...": "x"}},
        [{"_sd_alg": "sha-256"}],
        [[{"_sd": []}]],
    ],
)
def test_nothing_may_be_nested(value: object) -> None:
    encoded = encode_base64url(canonical_json(["s" * 22, "page_rectangles", value]))
    with pytest.raises(InvalidEncoding, match="nothing is nested"):
        decode_disclosure(encoded)
