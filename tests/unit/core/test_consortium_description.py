from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from builders.signing import MemberKey
from hypothesis import given
from hypothesis import strategies as st

from node.core.consortium_description import (
    ConsortiumDescription,
    add_signature,
    check_signers,
    decode_consortium_description,
    draft_consortium_description,
)
from node.core.encoding import canonical_json, decode_base64url, encode_base64url
from node.core.errors import InvalidInput, InvalidSignature
from node.core.signatures import P256_ORDER, PublicJwk, load_backend

BACKENDS = [load_backend("cryptography"), load_backend("ecdsa")]
KEYS = {name: MemberKey(name) for name in ("court-a", "police-a")}
HELD = {key.jwk.thumbprint(): (name, key.jwk) for name, key in KEYS.items()}
BODY: dict[str, Any] = {
    "chain_id": "jinan-1",
    "environment": {"description": "两处机房", "time_source": "国家授时中心"},
    "genesis_hash": "ab" * 32,
    "made_at": 1_790_000_000_000,
    "members": [
        {
            "id": "court-a",
            "legal_name": "甲法院",
            "runs_node": "yes",
            "neutrality": "不参与签署业务",
        },
        {"id": "police-a", "legal_name": "甲公安局", "runs_node": "no", "contact": "110"},
    ],
    "platform": {
        "filings": [{"authority": "国家网信办", "kind": "区块链信息服务备案", "number": "鲁1号"}],
        "name": "电子印章存证联盟",
        "operator": "大数据局",
    },
}


def key_of(kid: str) -> tuple[str, PublicJwk] | None:
    return HELD.get(kid)


def signed(*names: str) -> ConsortiumDescription:
    described = draft_consortium_description(BODY)
    for name in names:
        described = add_signature(described, name, KEYS[name].jwk.thumbprint(), KEYS[name].sign)
    return described


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda item: item.name)
def test_who_signed_is_told_in_order(backend: Any) -> None:
    described = signed("police-a", "court-a")
    assert check_signers(described, key_of, backend) == ("court-a", "police-a")
    assert check_signers(signed(), key_of, backend) == ()
    assert decode_consortium_description(described.document) == described
    assert json.loads(described.document) == described.to_json()


def test_a_signature_again_replaces_the_first() -> None:
    twice = signed("court-a", "police-a", "court-a")
    assert [one.member for one in twice.signatures] == ["court-a", "police-a"]


@pytest.mark.parametrize("change", ["body", "member", "kid", "high"])
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda item: item.name)
def test_what_was_not_signed_is_refused(change: str, backend: Any) -> None:
    value = signed("court-a").to_json()
    one = value["signatures"][0]
    if change == "body":
        value["platform"]["operator"] = "别人"
    elif change == "member":
        one["member"] = "police-a"
    elif change == "kid":
        one["kid"] = KEYS["police-a"].jwk.thumbprint()
    else:
        raw = decode_base64url(one["signature"], place="")
        high = P256_ORDER - int.from_bytes(raw[32:], "big")
        one["signature"] = encode_base64url(raw[:32] + high.to_bytes(32, "big"))
    with pytest.raises(InvalidSignature, match="consortium: signature of "):
        check_signers(decode_consortium_description(canonical_json(value)), key_of, backend)


def test_a_key_that_is_nobodys_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="no signing key of that member"):
        check_signers(signed("court-a"), lambda kid: None, BACKENDS[0])


def _without(*path: str | int) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        del value[path[-1]]

    return change


def _set(item: Any, *path: str | int) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = item

    return change


ODD: dict[str, tuple[Callable[[Any], None], str]] = {
    "another format": (_set("evidence-consortium/2", "format"), "consortium.format"),
    "no chain": (_without("chain_id"), "consortium.chain_id"),
    "an unknown member": (_set(1, "platform", "owner"), "consortium.platform.owner"),
    "an empty text": (_set("", "platform", "name"), "consortium.platform.name"),
    "a text too long": (_set("长" * 4001, "environment", "security"), "environment.security"),
    "a filing without number": (_without("platform", "filings", 0, "number"), "filings[0].number"),
    "two of one id": (_set("court-a", "members", 1, "id"), "two of one id"),
    "no member id": (_set("Court A", "members", 1, "id"), "members[1].id"),
    "a code with a letter that none has": (_set("O" * 18, "members", 0, "uscc"), "members[0].uscc"),
    "neither yes nor no": (_set("true", "members", 0, "runs_node"), "members[0].runs_node"),
    "a time before all": (_set(-1, "made_at"), "consortium.made_at"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_refused_by_its_place(name: str) -> None:
    change, place = ODD[name]
    value = copy.deepcopy(signed("court-a").to_json())
    change(value)
    with pytest.raises(InvalidInput) as refusal:
        decode_consortium_description(canonical_json(value))
    assert place in str(refusal.value)


def test_two_signatures_of_one_member_are_refused() -> None:
    value = signed("court-a").to_json()
    value["signatures"] *= 2
    with pytest.raises(InvalidInput, match="two of one member"):
        decode_consortium_description(canonical_json(value))


@given(st.data())
def test_no_changed_byte_keeps_a_signature(data: st.DataObject) -> None:
    document = signed("court-a", "police-a").document
    place = data.draw(st.integers(0, len(document) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != document[place]))
    changed = document[:place] + bytes([other]) + document[place + 1 :]
    with pytest.raises(InvalidInput):
        check_signers(decode_consortium_description(changed), key_of, BACKENDS[0])
