from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from builders.founding import Founder
from builders.signing import BlockSigner, MemberKey

from node.core.encoding import canonical_json, decode_base64url, encode_base64url
from node.core.errors import InvalidInput, InvalidSignature
from node.core.genesis import ed25519_jwk
from node.core.member_description import (
    MAX_DESCRIPTION_BYTES,
    decode_description,
    proof_text,
    verify_description,
)
from node.core.signatures import P256_ORDER, load_backend

BACKENDS = [load_backend("cryptography"), load_backend("ecdsa")]
DESCRIBED = Founder("court-a").describe()
VALUE = json.loads(DESCRIBED.document)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda item: item.name)
def test_what_is_described_verifies_and_comes_back(backend: Any) -> None:
    verify_description(DESCRIBED, backend)
    assert decode_description(DESCRIBED.document) == DESCRIBED
    assert DESCRIBED.node is not None
    assert DESCRIBED.validator is not None
    assert DESCRIBED.node.peer == f"{DESCRIBED.node.id}@court-a.example:26656"
    assert (DESCRIBED.validator.member, DESCRIBED.validator.validator.power) == ("court-a", 10)
    assert set(DESCRIBED.proofs) == {"checkpoint", "node", "recovery", "signing", "validator"}


def test_a_member_without_a_node_and_an_observer() -> None:
    alone = Founder("maker-a", ("seal_maker",), power=0)
    del alone.body["node"]
    del alone.body["member"]["checkpoint_key"]
    described = alone.describe()
    verify_description(described, BACKENDS[0])
    assert set(described.proofs) == {"recovery", "signing"}
    observer = Founder("auditor-a", ("auditor",), power=0).describe()
    verify_description(observer, BACKENDS[0])
    assert set(observer.proofs) == {"checkpoint", "node", "recovery", "signing"}


FOREIGN: dict[str, Callable[[bytes], bytes]] = {
    **dict.fromkeys(("recovery", "signing"), MemberKey("stranger").sign),
    **dict.fromkeys(("checkpoint", "node", "validator"), BlockSigner("stranger").sign),
}


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda item: item.name)
@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_each_key_must_have_signed_itself(name: str, backend: Any) -> None:
    described = Founder("court-a").describe(**{name: FOREIGN[name]})
    with pytest.raises(InvalidSignature, match=f"proofs.{name}: court-a: "):
        verify_description(described, backend)


def test_a_proof_for_one_place_is_none_for_another() -> None:
    """The validator's key has signed, but as the node's."""
    founder = Founder("court-a")
    key = founder.keys["validator"]
    founder.body["node"]["public_key"] = ed25519_jwk(key.validator.public_key)
    founder.body["validator"]["public_key"] = ed25519_jwk(founder.keys["node"].validator.public_key)
    with pytest.raises(InvalidSignature, match=r"proofs\.node"):
        verify_description(founder.describe(), BACKENDS[0])


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "name": lambda value: value["member"].update(name="别人"),
    "role": lambda value: value["member"].update(roles=["police"]),
    "division": lambda value: value["member"].update(divisions=[""]),
    "power": lambda value: value["validator"].update(power=11),
    "address": lambda value: value["node"].update(address="thief.example:26656"),
    "id": lambda value: value["member"].update(id="court-b"),
    "signing key": lambda value: value["member"]["keys"][0].update(
        jwk=MemberKey("stranger").jwk.to_json()
    ),
    "recovery key": lambda value: value["member"].update(
        recovery_key=MemberKey("stranger").jwk.to_json()
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_in_it_can_be_altered(change: str) -> None:
    value = json.loads(DESCRIBED.document)
    CHANGES[change](value)
    with pytest.raises(InvalidSignature):
        verify_description(decode_description(canonical_json(value)), BACKENDS[0])


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda item: item.name)
def test_high_s_is_refused(backend: Any) -> None:
    value = json.loads(DESCRIBED.document)
    proof = decode_base64url(value["proofs"]["recovery"], place="x")
    high = P256_ORDER - int.from_bytes(proof[32:], "big")
    value["proofs"]["recovery"] = encode_base64url(proof[:32] + high.to_bytes(32, "big"))
    with pytest.raises(InvalidSignature, match="s must be low"):
        verify_description(decode_description(canonical_json(value)), backend)


def without(name: str) -> dict[str, Any]:
    return {other: item for other, item in VALUE.items() if other != name}


def changed(path: str, item: Any) -> dict[str, Any]:
    value = json.loads(DESCRIBED.document)
    at: Any = value
    *way, last = path.split(".")
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    at[last] = item
    return dict(value)


def with_key(**members: Any) -> list[dict[str, Any]]:
    return [{**VALUE["member"]["keys"][0], **members}]


REFUSED: dict[str, tuple[Any, str]] = {
    **{f"no {name}": (without(name), f"description.{name}") for name in ("format", "member")},
    "no proofs": (without("proofs"), "description.proofs"),
    "validator without node": (
        {
            **without("node"),
            "member": {k: v for k, v in VALUE["member"].items() if k != "checkpoint_key"},
        },
        "description.node",
    ),
    "node without checkpoint key": (
        {
            **VALUE,
            "member": {k: v for k, v in VALUE["member"].items() if k != "checkpoint_key"},
        },
        "description.member.checkpoint_key",
    ),
    "unknown member": ({**VALUE, "extra": 1}, "description.extra"),
    "another format": (changed("format", "evidence-member/2"), "description.format"),
    "a role nobody knows": (changed("member.roles", ["king"]), "description.member.roles"),
    "no power": (changed("validator.power", 0), "description.validator.power"),
    "a member in the validator": (
        changed("validator.member", "court-b"),
        "description.validator.member",
    ),
    "a key that ends": (changed("member.keys", with_key(to=9)), "description.member.keys"),
    "a key from later": (
        changed("member.keys", with_key(**{"from": 2})),
        "description.member.keys",
    ),
    "two keys": (
        changed("member.keys", [*with_key(), {"from": 1, "jwk": MemberKey("b").jwk.to_json()}]),
        "description.member.keys",
    ),
    "one key for signing and recovery": (
        changed("member.recovery_key", VALUE["member"]["keys"][0]["jwk"]),
        "description",
    ),
    "one key for checkpoints and blocks": (
        changed("member.checkpoint_key", VALUE["validator"]["public_key"]),
        "description",
    ),
    "a proof too many": (
        changed("proofs.other", VALUE["proofs"]["node"]),
        "description.proofs",
    ),
    "a proof too few": (
        {**VALUE, "proofs": {k: v for k, v in VALUE["proofs"].items() if k != "node"}},
        "description.proofs",
    ),
    "a short proof": (changed("proofs.node", "AAAA"), "description.proofs.node"),
    "no address": (changed("node.address", "here"), "description.node.address"),
    "every address": (changed("node.address", "0.0.0.0:1"), "description.node.address"),
    "every address, IPv6": (changed("node.address", "[::]:1"), "description.node.address"),
    "no port": (changed("node.address", "a.example:0"), "description.node.address"),
    "a port too high": (changed("node.address", "a.example:65536"), "description.node.address"),
    "two addresses": (changed("node.address", "a:1,b:2"), "description.node.address"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_of_the_format_is_refused(case: str) -> None:
    value, place = REFUSED[case]
    with pytest.raises(InvalidInput) as refused:
        decode_description(canonical_json(value))
    assert refused.value.place == place


def test_only_canonical_bytes_and_not_too_many() -> None:
    with pytest.raises(InvalidInput):
        decode_description(DESCRIBED.document + b"\n")
    with pytest.raises(InvalidInput):
        decode_description(json.dumps(VALUE).encode())
    with pytest.raises(InvalidInput, match=str(MAX_DESCRIPTION_BYTES)):
        decode_description(canonical_json(changed("member.name", "x" * MAX_DESCRIPTION_BYTES)))


@pytest.mark.parametrize(
    "address",
    ["10.0.0.7:26656", "notary.example.cn:1", "[2001:db8::7]:65535", "localhost:26656"],
)
def test_addresses_that_may_be(address: str) -> None:
    described = Founder("court-a", address=address).describe()
    assert described.node is not None
    assert described.node.address == address


def test_no_other_signed_text_begins_like_a_proof() -> None:
    """A vote begins with its length and 0x08, a JWT with base64url, a note with the log's name;
    what peers sign to each other has 32 bytes."""
    text = proof_text("node", b"\x01" * 32)
    assert text.startswith(b"evidence-member/1\n")
    assert text[1] != 0x08
    assert b"/" in text.split(b".")[0]
    assert not text.startswith(b"evidence-ledger/")
    assert len(text) > 32
