"""Receipts of outside chains with one thing changed: none passes, and both verifiers say the same.

Every change of the JSON structure is tried on every receipt, every change of a character or byte
on the small ones, and changes drawn by Hypothesis on the large ones. All positions of those are
tried by tests/vectors/anchors/mutate.py.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from typing import Any

import pytest
from builders.anchor_vectors import both_say, names, ours, theirs, vector
from builders.mutations import Place, at, changed, places, structural, textual
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given, settings
from hypothesis import strategies as st

SMALL = ("rest-ecdsa", "rest-sm2", "rest-hmac", "rekor-ecdsa", "rekor-ed25519", "evm-transaction")
LARGE = sorted(set(names()) - set(SMALL) - {"evm-anvil-other", "rfc3161-other-root"})
LESS = {"('link',): dropped", "('confirmation',): dropped"}
"""What is left without them is a receipt too, which shows less."""
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def said_of(name: str, receipt: Any) -> str:
    return both_say(dataclasses.replace(vector(name), receipt=receipt))


@pytest.mark.parametrize("name", names())
def test_no_change_of_the_structure_passes(name: str) -> None:
    passed = {
        what
        for what, receipt in structural(vector(name).receipt)
        if said_of(name, receipt) == "passed"
    }
    assert passed == LESS & {what for what, _ in structural(vector(name).receipt)}


@pytest.mark.parametrize("name", SMALL)
def test_no_change_of_a_character_passes(name: str) -> None:
    receipt = vector(name).receipt
    for place, position, what, text in textual(receipt):
        verdict = said_of(name, changed(receipt, place, text))
        assert verdict != "passed", (place, position, what)


@st.composite
def a_change(draw: st.DrawFn, receipt: Any) -> tuple[Place, str]:
    """A place, and the text there with one byte or character changed, put in or left out."""
    texts = [(place, text) for place, text in places(receipt) if isinstance(text, str) and text]
    total = draw(st.integers(0, sum(len(text) for _, text in texts) - 1))
    while total >= len(texts[0][1]):
        total -= len(texts.pop(0)[1])
    place, text = texts[0]
    raw = bytes_of(text)
    if raw is not None and draw(st.booleans()):
        return place, written_like(text, change_bytes(draw, raw, total * len(raw) // len(text)))
    character = draw(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]))
    end = total + draw(st.integers(0, 2))
    return place, text[:total] + character * draw(st.integers(0, 1)) + text[end:]


def change_bytes(draw: st.DrawFn, raw: bytes, position: int) -> bytes:
    new = bytes([draw(st.integers(0, 255))]) * draw(st.integers(0, 2))
    return raw[:position] + new + raw[position + draw(st.integers(0, 2)) :]


def bytes_of(text: str) -> bytes | None:
    if re.fullmatch("(?:[0-9a-f]{2})+", text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def written_like(text: str, raw: bytes) -> str:
    hexadecimal = re.fullmatch("(?:[0-9a-f]{2})+", text)
    return raw.hex() if hexadecimal else base64.b64encode(raw).decode()


@pytest.mark.parametrize("name", LARGE)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_drawn_change_passes(name: str, data: st.DataObject) -> None:
    receipt = vector(name).receipt
    place, text = data.draw(a_change(receipt))
    if text != at(receipt, place):
        assert said_of(name, changed(receipt, place, text)) != "passed"


def other_s(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, N - s)


def test_the_other_s_of_an_ecdsa_signature_holds_as_well() -> None:
    """The one change that means the same, and is no change of one byte: said in the specification.
    Where the outside system itself makes low s only, the other is refused."""
    made = vector("rest-ecdsa").receipt
    signature = other_s(base64.b64decode(made["signature"]))
    twin = {**made, "signature": base64.b64encode(signature).decode()}
    assert said_of("rest-ecdsa", twin) == "passed"

    for name in ("fabric-raft", "fabric-bft"):
        made = vector(name).receipt
        place = ("block", "signatures", 0, "signature")
        signature = other_s(base64.b64decode(at(made, place)))
        twin = changed(made, place, base64.b64encode(signature).decode())
        assert said_of(name, twin) == "failed"

    made = vector("rfc3161-openssl-ec").receipt
    token = base64.b64decode(made["token"])
    at_end = token.rindex(b"\x30", 0, len(token) - 60)
    while len(token) - at_end != token[at_end + 1] + 2:
        at_end = token.rindex(b"\x30", 0, at_end)
    signature = other_s(token[at_end:])
    if len(signature) == len(token) - at_end:  # else the lengths before it change as well
        twin = {"token": base64.b64encode(token[:at_end] + signature).decode()}
        assert said_of("rfc3161-openssl-ec", twin) == "passed"


TRUSTED = ("evm-anvil-state", "fabric-bft", "fabric-raft", "rekor-ecdsa", "rest-ecdsa", "rest-sm2")


@pytest.mark.parametrize("name", TRUSTED)
def test_malformed_entries_are_refused_with_the_trust_file_by_both(name: str) -> None:
    """Whatever is changed: both refuse the trust file, or both say the same of the receipt."""
    made = vector(name)
    refused = 0
    for what, entries in structural(made.trust["anchors"]):
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            continue
        other = dataclasses.replace(made, trust={**made.trust, "anchors": entries})
        one, another = ours(other)[0], theirs(other)[0]
        assert one == another, (what, ours(other), theirs(other))
        refused += one == "trust refused"
    assert refused > 40


@pytest.mark.parametrize("name", [*TRUSTED, "rfc3161-openssl-ec", "rfc3161-openssl-rsa"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_both_read_a_changed_trust_file_alike(name: str, data: st.DataObject) -> None:
    """The certificates in it too, byte by byte."""
    made = vector(name)
    believed = {key: made.trust[key] for key in ("anchors", "tsa_roots")}
    place, text = data.draw(a_change(believed))
    trust = {**made.trust, **changed(believed, place, text)}
    both_say(dataclasses.replace(made, trust=trust))
