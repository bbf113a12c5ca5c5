"""Documents of a founding: the node and the reading of the specification alone say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from builders.founding import Founder
from builders.second_opinion import EXAMPLES, SECOND, load, second
from builders.signing import MemberKey

from node.core.encoding import canonical_json, decode_base64url, encode_base64url
from node.core.errors import InvalidInput
from node.core.genesis import decode_genesis
from node.core.genesis_signature import decode_genesis_signature, verify_genesis_signature
from node.core.member_description import decode_description, verify_description
from node.core.signatures import P256_ORDER, load_backend

founding = load(SECOND.with_name("founding.py"))
BACKEND = load_backend()
EXAMPLE = json.loads((EXAMPLES / "ceremony.json").read_bytes())
GENESIS = canonical_json(json.loads((EXAMPLES / "genesis.json").read_bytes())["document"])


def both_of_description(value: Any) -> bool:
    """Whether both accept it."""
    data = canonical_json(value)
    try:
        verify_description(decode_description(data), BACKEND)
        accepted = True
    except InvalidInput:
        accepted = False
    try:
        founding.check_description(second, data)
        also = True
    except second.Refused:
        also = False
    assert accepted == also
    return accepted


def both_of_signature(value: Any) -> bool:
    data = canonical_json(value)
    try:
        signed = decode_genesis_signature(data)
        verify_genesis_signature(signed, decode_genesis(GENESIS), BACKEND)
        accepted = True
    except InvalidInput:
        accepted = False
    try:
        founding.check_genesis_signature(second, data, GENESIS)
        also = True
    except second.Refused:
        also = False
    assert accepted == also
    return accepted


def test_the_examples_are_accepted_by_both() -> None:
    assert both_of_description(EXAMPLE["description"])
    assert both_of_signature(EXAMPLE["signature"])


def test_members_with_less_are_accepted_by_both() -> None:
    observer = Founder("auditor-a", ("auditor",), power=0)
    assert both_of_description(json.loads(observer.describe().document))
    del observer.body["node"]
    del observer.body["member"]["checkpoint_key"]
    assert both_of_description(json.loads(observer.describe().document))


def changes(value: Any) -> Iterator[Any]:
    """The value with one text or number in it changed, or one member left out."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            for changed in changes(item):
                yield {**value, name: changed}
    elif isinstance(value, list):
        for position, item in enumerate(value):
            for changed in changes(item):
                yield [*value[:position], changed, *value[position + 1 :]]
        if value:
            yield [*value, value[0]]
    elif isinstance(value, str):
        yield value[:-1]
        yield value + "0"
        yield "\n" + value
        if value:
            yield value[:-1] + ("0" if value[-1] != "0" else "1")
            yield ("0" if value[0] != "0" else "1") + value[1:]
    else:
        yield value + 1
        yield -value


@pytest.mark.parametrize("name", ["description", "signature"])
def test_no_change_is_accepted_by_either(name: str) -> None:
    judge = both_of_description if name == "description" else both_of_signature
    count = 0
    for changed in changes(EXAMPLE[name]):
        assert not judge(changed), changed
        count += 1
    assert count > 30


def high(text: str) -> str:
    raw = decode_base64url(text, place="x")
    return encode_base64url(
        raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    )


def test_high_s_is_refused_by_both() -> None:
    proofs = EXAMPLE["description"]["proofs"]
    for name in ("signing", "recovery"):
        value = {**EXAMPLE["description"], "proofs": {**proofs, name: high(proofs[name])}}
        assert not both_of_description(value)
    signature = EXAMPLE["signature"]
    assert not both_of_signature({**signature, "signature": high(signature["signature"])})


def test_one_key_in_two_places_is_refused_by_both() -> None:
    founder = Founder("court-a")
    founder.recovery = founder.signing
    founder.body["member"]["recovery_key"] = founder.signing.jwk.to_json()
    described = json.loads(Founder("court-a").describe().document)
    described["member"]["recovery_key"] = described["member"]["keys"][0]["jwk"]
    assert not both_of_description(described)
    described["member"]["recovery_key"] = MemberKey("stranger").jwk.to_json()
    assert not both_of_description(described)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:1", "[::]:1", "[::1]:1", "a:0", "a:1", "a:65535", "a:65536", "a:01", "A:1", "a",
        "a..b:1", "-a:1", "a-:1", "a:1\n", "[1]:1", "[12]:1", "", ":1", "a:b:1",
    ],
)  # fmt: skip
def test_addresses_are_taken_alike(address: str) -> None:
    founder = Founder("court-a")
    founder.body["node"]["address"] = "a:1"
    described = json.loads(founder.describe().document)
    # Signed anew by hand: the node's own encoder would refuse to.
    described["node"]["address"] = address
    body = {name: item for name, item in described.items() if name != "proofs"}
    digest = second.sha256(second.canonical(body))
    for name, key in {
        "recovery": founder.recovery,
        "signing": founder.signing,
        **founder.keys,
    }.items():
        text = f"evidence-member/1\n{name}\n{digest.hex()}\n".encode()
        described["proofs"][name] = encode_base64url(key.sign(text))
    both_of_description(described)
