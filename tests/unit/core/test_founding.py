from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from builders.founding import Founder
from builders.signing import GENESIS_TIME, MemberKey

from node.core.ended_chain import EndedChain
from node.core.errors import InvalidInput, InvalidProof
from node.core.founding import assemble_genesis, verify_described
from node.core.genesis import DEFAULT_PARAMETERS, Genesis, Predecessor, encode_genesis
from node.core.member_description import MemberDescription

COURT = Founder("court-a").describe()
NOTARY = Founder("notary-a", ("notary",), power=20).describe()
OBSERVER = Founder("auditor-a", ("auditor",), power=0).describe()
POLICE = Founder("police-a", ("police",), divisions=("3701",)).describe()
ALL = [COURT, NOTARY, OBSERVER, POLICE]


def assembled(*described: MemberDescription, **parameters: Any) -> Genesis:
    return assemble_genesis(
        "seal-test", GENESIS_TIME, {**DEFAULT_PARAMETERS, **parameters}, described
    )


def test_one_genesis_whatever_the_order() -> None:
    hashes = {assembled(*order).hash for order in itertools.permutations(ALL)}
    assert hashes == {assembled(*ALL).hash}


def test_it_holds_what_was_described() -> None:
    genesis = assembled(*ALL)
    assert [member.id for member in genesis.members] == [
        "auditor-a",
        "court-a",
        "notary-a",
        "police-a",
    ]
    assert [(item.member, item.validator.power) for item in genesis.validators] == [
        ("court-a", 10),
        ("notary-a", 20),
        ("police-a", 10),
    ]
    assert (genesis.chain_id, genesis.genesis_time) == ("seal-test", GENESIS_TIME)
    for described in ALL:
        verify_described(described, genesis)


def test_a_member_twice() -> None:
    with pytest.raises(InvalidInput, match="court-a: that member is there twice"):
        assembled(COURT, NOTARY, COURT)


def test_a_key_of_two_members() -> None:
    """A stolen key cannot be described by its thief; one that two share is refused all the same."""
    twin = Founder("court-b")
    twin.keys["node"] = Founder("court-a").keys["node"]
    assert COURT.node is not None
    twin.body["node"]["public_key"] = json.loads(COURT.document)["node"]["public_key"]
    with pytest.raises(InvalidInput, match="court-b: has the same key as court-a"):
        assembled(COURT, twin.describe())
    cousin = Founder("court-c")
    cousin.recovery = MemberKey("court-a")
    cousin.body["member"]["recovery_key"] = cousin.recovery.jwk.to_json()
    with pytest.raises(InvalidInput, match="court-c: has the same key as court-a"):
        assembled(COURT, cousin.describe())


def test_an_address_of_two_members() -> None:
    with pytest.raises(InvalidInput, match="court-b: has the same address as court-a"):
        assembled(COURT, Founder("court-b", address="court-a.example:26656").describe())


def test_nobody_validates() -> None:
    with pytest.raises(InvalidInput, match="no validator"):
        assembled(OBSERVER)


def test_a_custodian_that_is_no_member() -> None:
    with pytest.raises(InvalidInput, match="custodians"):
        assembled(*ALL, custodians=["somebody"])


def altered(path: str, value: Any) -> Genesis:
    document = json.loads(assembled(*ALL).document)
    at: Any = document
    *way, last = path.split(".")
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    at[last] = value
    return encode_genesis(document)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("members.1.name", "别人", "court-a.name"),
        ("members.1.roles", ["court", "police"], "court-a.roles"),
        ("members.1.divisions", [""], "court-a.divisions"),
        ("members.1.recovery_key", MemberKey("thief").jwk.to_json(), "court-a.recovery_key"),
        (
            "members.1.keys",
            [{"from": 1, "jwk": MemberKey("thief").jwk.to_json()}],
            "court-a.keys",
        ),
        ("members.1.keys.0.to", 100, "court-a.keys"),
        ("validators.0.power", 9, "court-a"),
        ("validators.0.member", "notary-a", "court-a"),
        ("validators.1.member", "court-a", "court-a"),
    ],
)
def test_what_was_altered_is_found_by_its_member(path: str, value: Any, named: str) -> None:
    with pytest.raises(InvalidProof, match=named):
        verify_described(COURT, altered(path, value))


def test_a_member_that_was_left_out_finds_it() -> None:
    with pytest.raises(InvalidProof, match="court-a is not among them"):
        verify_described(COURT, assembled(NOTARY))


def test_an_observer_that_was_made_a_validator_finds_it() -> None:
    genesis = altered("validators.0.member", "auditor-a")
    with pytest.raises(InvalidProof, match="auditor-a"):
        verify_described(OBSERVER, genesis)


def test_a_genesis_that_continues_a_chain() -> None:
    before = Predecessor("solo-chain", 12, b"r" * 32, b"s" * 32, b"h" * 32)
    ended = EndedChain(before, 45, GENESIS_TIME - 1)
    genesis = assemble_genesis("seal-test", GENESIS_TIME, DEFAULT_PARAMETERS, ALL, ended)
    assert (genesis.predecessor, genesis.initial_height) == (before, 45)
    for described in ALL:
        verify_described(described, genesis)
    with pytest.raises(InvalidInput, match="genesis_time: must be after"):
        assemble_genesis("seal-test", GENESIS_TIME - 1, DEFAULT_PARAMETERS, ALL, ended)
