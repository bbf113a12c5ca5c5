"""Step 16 of the verifier in JavaScript: on receipts good, forged and changed it comes to the
verdict of the node's verifier, and of the second one."""

from __future__ import annotations

import base64
import dataclasses
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from builders.anchor_vectors import Vector, both_say, forgeries, forgery, names, ours, vector
from builders.javascript import JAVASCRIPT, JavaScriptError
from builders.judicial_setup import point_of
from builders.mutations import changed, places, structural, textual
from builders.receipts_in_javascript import all_say, in_javascript, result_of, same_result
from builders.rest_receipts import entry_of, signature_over, signed_text
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.anchors.canonical_string import TIME_FORMS, read_time, split_parts
from node.core.anchors.der import SEQUENCE, SET, encode_der
from node.core.anchors.foreign_json import decode_foreign_json, text_at
from node.core.errors import InvalidInput

SMALL = ("rest-ecdsa", "rest-sm2", "rest-hmac", "rekor-ecdsa", "rekor-ed25519", "evm-transaction")
HAN = re.compile(r"[\u4e00-\u9fff]")
RULES = "../../../tests/builders/receipts_in_javascript.mjs"
FEW = 25
"""Every so many of the changed receipts are shown to the second verifier too: those in Python are
compared on all of them in tests/property/test_receipts_mutated.py."""


@pytest.mark.parametrize("name", names())
def test_receipts_of_the_corpus(name: str) -> None:
    made = vector(name)
    [(status, why, why_zh)] = in_javascript([made])
    assert (status, why) == ours(made)
    assert both_say(made) == status
    assert HAN.search(why_zh)


def test_forgeries_of_the_corpus() -> None:
    made = [forgery(one) for one in forgeries()]
    for one, (status, why, why_zh) in zip(made, in_javascript(made), strict=True):
        assert (status, why) == ours(one)
        assert both_say(one) == status
        assert HAN.search(why_zh)
    said = [status for status, _, _ in in_javascript(made)]
    assert said == [one["verdict"] for one in forgeries()]


@pytest.mark.parametrize("name", names())
def test_every_change_of_the_structure(name: str) -> None:
    made = vector(name)
    given = [dataclasses.replace(made, receipt=receipt) for _, receipt in structural(made.receipt)]
    said = all_say(given)
    assert said.count("passed") <= 2  # without link and without confirmation it shows less
    for one in given[::FEW]:
        both_say(one)


@pytest.mark.parametrize("name", SMALL)
def test_changes_of_characters_and_bytes(name: str) -> None:
    made = vector(name)
    receipts = [changed(made.receipt, place, to) for place, _, _, to in textual(made.receipt)]
    chosen = random.Random(name).sample(receipts, min(400, len(receipts)))
    assert "passed" not in all_say(dataclasses.replace(made, receipt=one) for one in chosen)


def drawn_changes(value: Any, seed: int, count: int) -> Iterator[Any]:
    """Copies with one byte or character of one text changed, put in or left out."""
    draw = random.Random(seed)
    texts = [(place, text) for place, text in places(value) if isinstance(text, str) and text]
    weights = [len(text) for _, text in texts]
    for place, text in draw.choices(texts, weights, k=count):
        yield changed(value, place, another(draw, text))


def another(draw: random.Random, text: str) -> str:
    raw, write = bytes_of(text) if draw.random() < 0.7 else (None, None)
    if raw is None or write is None:
        at = draw.randrange(len(text))
        put_in = draw.choice(["", chr(ord(text[at]) ^ 1), "=", "A", "\n", "é", "\U0002070e"])
        return text[:at] + put_in + text[at + draw.randrange(2) :]
    at = draw.randrange(len(raw))
    byte = draw.choice([raw[at] ^ 1 << draw.randrange(8), draw.randrange(256)])
    put_in = bytes([byte]) * draw.choice([1, 1, 1, 0, 2])
    return write(raw[:at] + put_in + raw[at + 1 :])


def bytes_of(text: str) -> tuple[bytes, Any] | tuple[None, None]:
    if re.fullmatch("(?:[0-9a-f]{2})+", text):
        return bytes.fromhex(text), bytes.hex
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None, None
    return raw, lambda made: base64.b64encode(made).decode()


@pytest.mark.parametrize("name", sorted(set(names()) - set(SMALL)))
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_drawn_changes_of_large_receipts(name: str, seed: int) -> None:
    made = vector(name)
    given_ = [
        dataclasses.replace(made, receipt=receipt)
        for receipt in drawn_changes(made.receipt, seed, 40)
        if receipt != made.receipt
    ]
    assert "passed" not in all_say(given_)
    both_say(given_[0])


TRUSTED = (
    "evm-anvil-state",
    "fabric-bft",
    "fabric-raft",
    "rekor-ecdsa",
    "rekor-ed25519",
    "rest-ecdsa",
    "rest-sm2",
)


@pytest.mark.parametrize("name", TRUSTED)
def test_trust_files_changed_in_their_structure(name: str) -> None:
    made = vector(name)
    others = [
        dataclasses.replace(made, trust={**made.trust, "anchors": entries})
        for _, entries in structural(made.trust["anchors"])
        if isinstance(entries, list)
    ]
    assert all_say(others).count("trust refused") > 40


@pytest.mark.parametrize("name", [*TRUSTED, "rfc3161-openssl-ec", "rfc3161-openssl-rsa"])
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_trust_files_changed_byte_by_byte(name: str, seed: int) -> None:
    """The certificates in them too."""
    made = vector(name)
    believed = {key: made.trust[key] for key in ("anchors", "tsa_roots")}
    all_say(
        dataclasses.replace(made, trust={**made.trust, **other})
        for other in drawn_changes(believed, seed, 40)
    )


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "hasOwnProperty"])
def test_names_that_every_object_has_in_javascript_are_unknown_members(name: str) -> None:
    for of in ("evm-anvil-state", "fabric-bft", "rekor-ecdsa", "rest-ecdsa"):
        made = vector(of)
        [entry] = made.trust["anchors"]
        others = [
            dataclasses.replace(made, receipt={**made.receipt, name: {}}),
            dataclasses.replace(made, trust={**made.trust, "anchors": [{**entry, name: {}}]}),
            dataclasses.replace(made, kind=name),
        ]
        assert all_say(others)[:2] == ["failed", "trust refused"]


json_texts = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\udc00\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "__proto__", "0", "~", "/"]), inner)
    ),
    max_leaves=8,
).map(json.dumps)
broken = st.builds(
    lambda text, at, put_in: text[: at % (len(text) + 1)] + put_in + text[at % (len(text) + 1) :],
    json_texts,
    st.integers(0, 200),
    st.sampled_from(["", "", " ", ",", "1", "01", "-", '"', "\\u00", "{", "]", "1e5", ".5", "\t"]),
)
pointers = st.lists(
    st.sampled_from(["a", "b", "__proto__", "0", "00", "1", "~0", "~1", "", "length", "٣"]),
    max_size=3,
).map(lambda steps: "".join("/" + step for step in steps))


@settings(max_examples=400, deadline=None)
@given(broken, pointers)
def test_json_as_others_write_it(text: str, pointer: str) -> None:
    [answer] = JAVASCRIPT.call_each([(RULES, "foreignText", [text, pointer])])
    expected = result_of(lambda: text_at(decode_foreign_json(text, place="t"), pointer, place="t"))
    if isinstance(expected, InvalidInput):  # the two parsers say in other words what is malformed
        assert isinstance(answer, JavaScriptError)
        assert answer.name == "InvalidInput", answer
    else:
        assert answer == expected


times = st.one_of(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
        r"(\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-6][0-9])?",
        fullmatch=True,
    ),
    st.from_regex(r"20[0-9]{2}[01][0-9][0-3][0-9][0-2][0-9][0-5][0-9][0-5][0-9]", fullmatch=True),
    st.integers(-5, 10**17).map(str),
    st.sampled_from(["9007199254740991", "9007199254740992", "9007199254739", "9007199254740", ""]),
)


@settings(max_examples=300, deadline=None)
@given(times, st.sampled_from(TIME_FORMS))
def test_times_as_services_write_them(text: str, form: str) -> None:
    [answer] = JAVASCRIPT.call_each(
        [("anchors/canonical_string.js", "readTime", [text, form, "time"])]
    )
    assert same_result(answer, result_of(lambda: read_time(text, form, place="time")))


pieces = st.text("ab&|{}é\U0002070e", max_size=6)
templates = st.builds(lambda left, name, right: left + name + right, pieces, st.sampled_from(
    ["{a}", "{b}", "{c.d}", "", "{A}"]), pieces)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(templates, min_size=1, max_size=3), st.text("&|é", min_size=1, max_size=2), st.data()
)
def test_signed_texts_are_taken_apart_alike(
    parts: list[str], separator: str, data: st.DataObject
) -> None:
    filled = [re.sub(r"\{(a|b|c\.d)\}", data.draw(pieces), part) for part in parts]
    text = separator.join(filled).replace("{{", "{").replace("}}", "}")
    [answer] = JAVASCRIPT.call_each(
        [("anchors/canonical_string.js", "splitParts", [parts, separator, text, "text"])]
    )
    expected = result_of(lambda: split_parts(parts, separator, text, place="text"))
    shown = answer if isinstance(answer, JavaScriptError) else dict(answer)
    assert same_result(shown, expected)


POINT = point_of(1)


def rest_vector(text: str, entry: dict[str, Any]) -> Vector:
    """A service's receipt over a text, and a trust file with its entry alone."""
    trust = {**vector("rest-ecdsa").trust, "anchors": [entry]}
    signature = signature_over(text, entry["algorithm"], entry["form"])
    receipt = {"service": "court", "signature": signature, "signed": text}
    return Vector("rest", POINT.to_json(), receipt, trust)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "rsa-pkcs1-sha256", "sm2-sm3"])
def test_services_of_every_algorithm(algorithm: str) -> None:
    entry = entry_of(algorithm)
    made = rest_vector(signed_text(), entry)
    assert all_say([made]) == ["passed"]
    changes = [
        dataclasses.replace(made, receipt=receipt)
        for receipt in drawn_changes(made.receipt, 7, 60)
        if receipt != made.receipt
    ]
    assert "passed" not in all_say(changes)


def test_a_signed_document_of_json_and_every_form_of_a_time() -> None:
    digest = POINT.digest().hex()
    written = {
        "china": "2026-11-23 16:06:31",
        "china_compact": "20261123160631",
        "milliseconds": 1795421191000,
        "rfc3339": "2026-11-23T16:06:31.1234+08:00",
        "seconds": "1795421191",
    }
    for form, time in written.items():
        rule = {
            "text": {"pointers": {"constructor": "/constructor/0", "time": "/time"}},
            "digest": {"field": "constructor", "is": "digest"},
            "time": {"field": "time", "form": form},
            "expects": None,
            "serial": "time",
        }
        document = {"constructor": [digest, None, 1.5], "time": time, "__proto__": {"time": 1}}
        made = rest_vector(json.dumps(document), entry_of(**rule))
        assert all_say([made]) == ["passed"]
        other = rest_vector(json.dumps({**document, "time": [time]}), entry_of(**rule))
        assert all_say([other]) == ["failed"]


def hostile() -> Iterator[tuple[str, Any]]:
    """Receipts as large and as deep as their formats let them be."""
    block = vector("fabric-raft").receipt["block"]
    raft = vector("fabric-raft").receipt
    envelope = base64.b64encode(b"\x0a\x01x\x12\x01y").decode()
    data = [block["data"][0], *[envelope] * 9_999]
    huge = encode_der(SEQUENCE, *[b"\x0a\x01x\x12\x01y"] * 90_000)
    yield "fabric-raft", {**raft, "link": {"from": 0, "data_hashes": ["00" * 32] * 100_000}}
    yield "fabric-raft", {**raft, "block": {**block, "data": data}}
    yield "fabric-raft", {**raft, "block": {**block, "data": [base64.b64encode(huge).decode()]}}
    deep = b"\x05\x00"
    while len(deep) < 60_000:
        deep = encode_der(SEQUENCE, deep)
    for der in (
        deep,
        encode_der(SET, *[b"\x05\x00"] * 30_000),
        encode_der(SET, *[b"\x05\x00"] * 29_999, b"\x04\x00"),
        encode_der(SEQUENCE, encode_der(0x02, b"\x7f" * 60_000)),
        encode_der(SEQUENCE, *[encode_der(0x06, b"\x7f" * 64)] * 900),
    ):
        yield "rfc3161-openssl-ec", {"token": base64.b64encode(der).decode()}
    rest = vector("rest-ecdsa").receipt
    yield "rest-ecdsa", {**rest, "signed": "&" * 65_536}
    yield "rest-ecdsa", {**rest, "signed": "\U0002070e" * 65_536}
    yield "rest-ecdsa", {**rest, "signed": "\U0002070e" * 65_537}
    evm = vector("evm-anvil-state").receipt
    yield "evm-anvil-state", {**evm, "account": ["c0" * 1_024] * 64}
    yield "evm-anvil-state", {**evm, "header": "c0" * 16_384}
    yield "evm-transaction", {"transaction": "f9ff00" + "c0" * 65_280}


def test_receipts_that_are_made_to_take_long() -> None:
    """Both verifiers refuse them, and say the same."""
    given_ = [dataclasses.replace(vector(name), receipt=receipt) for name, receipt in hostile()]
    for one, (status, why, _) in zip(given_, in_javascript(given_), strict=True):
        assert (status, why) == ours(one)
        assert status == "failed"
