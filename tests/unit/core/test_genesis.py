from __future__ import annotations

import copy
import hashlib
import json
import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from builders.chain import Chain
from builders.curves import ED_TORSION, ed_encode
from builders.signing import BlockSigner, MemberKey, seeded

from node.core.block import ValidatorSet
from node.core.encoding import canonical_json
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.genesis import (
    DEFAULT_PARAMETERS,
    MAX_GENESIS_BYTES,
    ROLES,
    decode_genesis,
    ed25519_jwk,
    encode_genesis,
    read_ed25519_jwk,
)

GENESIS = Chain(validators=4).genesis
VALUE = json.loads(GENESIS.document)
HASH = "ab" * 32
PREDECESSOR = {"chain_id": "old", "header": HASH, "root": HASH, "size": 5, "state_root": HASH}


def test_round_trip() -> None:
    assert decode_genesis(GENESIS.document) == GENESIS
    assert encode_genesis(VALUE) == GENESIS
    assert GENESIS.hash == hashlib.sha256(GENESIS.document).digest()


def test_members_are_read_whole() -> None:
    key = MemberKey("m")
    value = changed(
        lambda v: v["members"][0].update(
            checkpoint_key=ed25519_jwk(BlockSigner("c").validator.public_key),
            divisions=["", "37", "3701", "370102"],
            keys=[{"from": 3, "jwk": key.jwk.to_json(), "to": 9}],
            roles=list(ROLES),
        )
    )
    member = decode_genesis(canonical_json(value)).members[0]
    assert (member.id, member.name) == ("court-a", "成员 court-a")
    assert member.roles == tuple(sorted(ROLES))
    assert member.divisions == ("", "37", "3701", "370102")
    assert [(item.jwk, item.start, item.end) for item in member.keys] == [(key.jwk, 3, 9)]
    assert member.checkpoint_key == BlockSigner("c").validator.public_key
    assert GENESIS.members[0].checkpoint_key is None
    assert GENESIS.members[0].keys[0].end is None


def test_validator_set_is_in_the_engines_order() -> None:
    assert GENESIS.validator_set == ValidatorSet.of(item.validator for item in GENESIS.validators)
    assert len(GENESIS.validator_set.validators) == 4


def test_a_predecessor_is_decoded() -> None:
    assert GENESIS.predecessor is None
    after = encode_genesis({**VALUE, "predecessor": PREDECESSOR})
    assert after.predecessor is not None
    assert after.predecessor.root == after.predecessor.state_root == bytes.fromhex(HASH)
    assert after.predecessor.size == 5


def test_roles_are_listed_in_order() -> None:
    assert list(ROLES) == sorted(ROLES)
    assert GENESIS.parameters == DEFAULT_PARAMETERS


def test_default_parameters_and_limit() -> None:
    """Ten minutes, 10,000 records, five minutes, a day, 4 MiB."""
    assert DEFAULT_PARAMETERS == {
        "anchor_every_ms": 600_000,
        "anchor_every_records": 10_000,
        "clock_tolerance_ms": 300_000,
        "custodians": [],
        "late_after_ms": 86_400_000,
        "max_block_bytes": 4_194_304,
        "sign_no_patterns": [r"QY\d{18}-\d+"],
    }
    assert MAX_GENESIS_BYTES == 65_535


def test_a_member_id_is_used_once() -> None:
    twin = {**VALUE["members"][1], "id": "court-a"}
    value = changed(lambda v: v["members"].__setitem__(1, twin))
    with pytest.raises(InvalidEncoding, match="names a member id twice"):
        decode_genesis(canonical_json(value))


def test_whose_checkpoint_it_is_is_certain() -> None:
    """Else a member that signs with another's key would be blamed for a fork, or that other."""
    key = ed25519_jwk(BlockSigner("c").validator.public_key)
    members = [{**member, "checkpoint_key": key} for member in VALUE["members"][:2]]
    value = {**VALUE, "members": [*members, *VALUE["members"][2:]]}
    with pytest.raises(InvalidEncoding, match="names a checkpoint key twice"):
        decode_genesis(canonical_json(value))


def many_members(count: int) -> dict[str, Any]:
    """A genesis of so many members, each with the same keys, which is refused only later."""
    first = VALUE["members"][0]
    return {**VALUE, "members": [{**first, "id": f"m{number}"} for number in range(count)]}


def test_150_members_are_allowed() -> None:
    with pytest.raises(InvalidEncoding, match="names a key twice"):
        decode_genesis(canonical_json(many_members(150)))
    with pytest.raises(InvalidEncoding, match="an array of 1 to 150 items"):
        decode_genesis(canonical_json(many_members(151)))


def test_a_document_of_65_535_bytes_is_allowed_and_one_byte_more_is_not() -> None:
    """The length of an entry in an entry bundle of C2SP tlog-tiles has 16 bits."""
    value = copy.deepcopy(VALUE)
    key = {"from": 1, "jwk": MemberKey("filling").jwk.to_json()}
    room = (MAX_GENESIS_BYTES - len(canonical_json(value))) // (len(canonical_json(key)) + 1)
    for number in range(room):
        added = {**key, "jwk": MemberKey(f"filling {number}").jwk.to_json()}
        value["members"][number % len(value["members"])]["keys"].append(added)
    left = MAX_GENESIS_BYTES - len(canonical_json(value))
    value["members"][0]["name"] += "x" * left
    document = canonical_json(value)
    assert len(document) == 65_535
    assert decode_genesis(document).document == document
    value["members"][0]["name"] += "x"
    with pytest.raises(InvalidEncoding, match="65536 bytes, at most 65535 are allowed"):
        encode_genesis(value)


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    value = copy.deepcopy(VALUE)
    change(value)
    return value


def member(**changes: Any) -> dict[str, Any]:
    return changed(lambda value: value["members"][1].update(changes))


def validator(**changes: Any) -> dict[str, Any]:
    return changed(lambda value: value["validators"][2].update(changes))


def parameter(**changes: Any) -> dict[str, Any]:
    return changed(lambda value: value["parameters"].update(changes))


def predecessor(**changes: Any) -> dict[str, Any]:
    return {**VALUE, "predecessor": {**PREDECESSOR, **changes}}


JWK = VALUE["members"][0]["keys"][0]["jwk"]
ED = VALUE["validators"][0]["public_key"]
SMALL = ed25519_jwk(ed_encode(ED_TORSION[4]))
AT_MEMBER, AT_VALIDATOR = "genesis.members[1]", "genesis.validators[2]"
PARAMETERS, BEFORE = "genesis.parameters", "genesis.predecessor"
PATTERNS = f"{PARAMETERS}.sign_no_patterns"

REFUSED: dict[str, tuple[Any, str]] = {
    "list": ([], "genesis"),
    "unknown member": ({**VALUE, "extra": 1}, "genesis.extra"),
    **{
        f"no {name}": ({k: v for k, v in VALUE.items() if k != name}, f"genesis.{name}")
        for name in VALUE
    },
    "another format": ({**VALUE, "format": "evidence-genesis/2"}, "genesis.format"),
    "chain id empty": ({**VALUE, "chain_id": ""}, "genesis.chain_id"),
    "chain id of 51": ({**VALUE, "chain_id": "a" * 51}, "genesis.chain_id"),
    "chain id Chinese": ({**VALUE, "chain_id": "链"}, "genesis.chain_id"),
    "time text": ({**VALUE, "genesis_time": "now"}, "genesis.genesis_time"),
    "height 0": ({**VALUE, "initial_height": 0}, "genesis.initial_height"),
    "rules version 2": ({**VALUE, "rules_version": 2}, "genesis.rules_version"),
    "rules version 0": ({**VALUE, "rules_version": 0}, "genesis.rules_version"),
    "no members": ({**VALUE, "members": []}, "genesis.members"),
    "151 members": ({**VALUE, "members": [VALUE["members"][0]] * 151}, "genesis.members"),
    "member text": ({**VALUE, "members": ["x"]}, "genesis.members[0]"),
    "member twice": ({**VALUE, "members": [VALUE["members"][0]] * 2}, "genesis.members"),
    "member with more": (member(extra=1), f"{AT_MEMBER}.extra"),
    "member id in capitals": (member(id="Court"), f"{AT_MEMBER}.id"),
    "member id number": (member(id=1), f"{AT_MEMBER}.id"),
    "member name empty": (member(name=""), f"{AT_MEMBER}.name"),
    "member name long": (member(name="院" * 201), f"{AT_MEMBER}.name"),
    "no roles": (member(roles=[]), f"{AT_MEMBER}.roles"),
    "unknown role": (member(roles=["emperor"]), f"{AT_MEMBER}.roles"),
    "role twice": (member(roles=["court", "court"]), f"{AT_MEMBER}.roles"),
    "roles out of order": (member(roles=["police", "court"]), f"{AT_MEMBER}.roles"),
    "role list": (member(roles=[[]]), f"{AT_MEMBER}.roles"),
    "role object": (member(roles=["court", {}]), f"{AT_MEMBER}.roles"),
    "role number": (member(roles=[1]), f"{AT_MEMBER}.roles"),
    "roles text": (member(roles="court"), f"{AT_MEMBER}.roles"),
    "division of three": (member(divisions=["370"]), f"{AT_MEMBER}.divisions[0]"),
    "division of eight": (member(divisions=["37", "37010200"]), f"{AT_MEMBER}.divisions[1]"),
    "division full width": (member(divisions=["３７"]), f"{AT_MEMBER}.divisions[0]"),
    "division number": (member(divisions=[37]), f"{AT_MEMBER}.divisions[0]"),
    "no keys": (member(keys=[]), f"{AT_MEMBER}.keys"),
    "key from 0": (member(keys=[{"from": 0, "jwk": JWK}]), f"{AT_MEMBER}.keys[0].from"),
    "key to its from": (
        member(keys=[{"from": 5, "to": 5, "jwk": JWK}]), f"{AT_MEMBER}.keys[0].to",
    ),
    "key with more": (
        member(keys=[{"from": 5, "jwk": JWK, "kid": "x"}]), f"{AT_MEMBER}.keys[0].kid",
    ),
    "key jwk text": (member(keys=[{"from": 5, "jwk": "x"}]), f"{AT_MEMBER}.keys[0].jwk"),
    "key off the curve": (
        member(keys=[{"from": 5, "jwk": {**JWK, "x": JWK["y"]}}]), f"{AT_MEMBER}.keys[0].jwk",
    ),
    "key private": (
        member(keys=[{"from": 5, "jwk": {**JWK, "d": JWK["x"]}}]), f"{AT_MEMBER}.keys[0].jwk",
    ),
    "key of another member": (member(keys=[{"from": 1, "jwk": JWK}]), "genesis.members"),
    "recovery key is a key": (member(recovery_key=JWK), "genesis.members"),
    "recovery key list": (member(recovery_key=[]), f"{AT_MEMBER}.recovery_key"),
    "checkpoint key of P-256": (member(checkpoint_key=JWK), f"{AT_MEMBER}.checkpoint_key.y"),
    "checkpoint key small": (member(checkpoint_key=SMALL), f"{AT_MEMBER}.checkpoint_key"),
    "no validators": ({**VALUE, "validators": []}, "genesis.validators"),
    "validator with more": (validator(name="x"), f"{AT_VALIDATOR}.name"),
    "validator of no member": (validator(member="nobody"), f"{AT_VALIDATOR}.member"),
    "validator member list": (validator(member=["court-a"]), f"{AT_VALIDATOR}.member"),
    "power 0": (validator(power=0), f"{AT_VALIDATOR}.power"),
    "power text": (validator(power="10"), f"{AT_VALIDATOR}.power"),
    "power beyond 2^40": (validator(power=2**40 + 1), f"{AT_VALIDATOR}.power"),
    "validator key twice": (validator(public_key=ED), "genesis.validators"),
    "validator key small": (validator(public_key=SMALL), f"{AT_VALIDATOR}.public_key"),
    "validator key short": (
        validator(public_key=ed25519_jwk(bytes(31))), f"{AT_VALIDATOR}.public_key",
    ),
    "parameters list": ({**VALUE, "parameters": []}, PARAMETERS),
    "parameter unknown": (parameter(speed=1), f"{PARAMETERS}.speed"),
    "tolerance of more than an hour": (
        parameter(clock_tolerance_ms=3_600_001), f"{PARAMETERS}.clock_tolerance_ms",
    ),
    "late after 0": (parameter(late_after_ms=0), f"{PARAMETERS}.late_after_ms"),
    "small blocks": (parameter(max_block_bytes=1 << 19), f"{PARAMETERS}.max_block_bytes"),
    "huge blocks": (parameter(max_block_bytes=101 << 20), f"{PARAMETERS}.max_block_bytes"),
    "custodian unknown": (parameter(custodians=["nobody"]), f"{PARAMETERS}.custodians[0]"),
    "custodian list": (parameter(custodians=[[]]), f"{PARAMETERS}.custodians[0]"),
    "custodian object": (parameter(custodians=["court-a", {}]), f"{PARAMETERS}.custodians[1]"),
    "pattern number": (parameter(sign_no_patterns=[1]), f"{PATTERNS}[0]"),
    "pattern empty": (parameter(sign_no_patterns=[""]), f"{PATTERNS}[0]"),
    "pattern with a group": (parameter(sign_no_patterns=["(a+)+"]), f"{PATTERNS}[0]"),
    "pattern with a star": (parameter(sign_no_patterns=["a*"]), f"{PATTERNS}[0]"),
    "pattern with a dot": (parameter(sign_no_patterns=["a", "."]), f"{PATTERNS}[1]"),
    "pattern of nothing repeated": (parameter(sign_no_patterns=["+a"]), f"{PATTERNS}[0]"),
    "pattern with bounds turned": (parameter(sign_no_patterns=["a{3,2}"]), f"{PATTERNS}[0]"),
    "pattern repeated twice": (parameter(sign_no_patterns=["a{2}{3}"]), f"{PATTERNS}[0]"),
    "pattern with Arabic digits": (parameter(sign_no_patterns=["a{\u0663}"]), f"{PATTERNS}[0]"),
    "pattern with wide digits": (
        parameter(sign_no_patterns=["a{\uff11,\u0663}"]), f"{PATTERNS}[0]",
    ),
    "pattern possessive": (parameter(sign_no_patterns=["a++"]), f"{PATTERNS}[0]"),
    "pattern possessive count": (parameter(sign_no_patterns=["a{2}+"]), f"{PATTERNS}[0]"),
    "predecessor text": ({**VALUE, "predecessor": "x"}, BEFORE),
    "predecessor chain id": (predecessor(chain_id="a b"), f"{BEFORE}.chain_id"),
    "predecessor size 0": (predecessor(size=0), f"{BEFORE}.size"),
    "predecessor root": (predecessor(root="ab"), f"{BEFORE}.root"),
    "predecessor with more": (predecessor(extra=1), f"{BEFORE}.extra"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "place"), REFUSED.values(), ids=REFUSED)
def test_refused_with_its_place(value: Any, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_genesis(canonical_json(value))
    assert refused.value.place == place


@pytest.mark.parametrize(
    "document",
    [
        json.dumps(VALUE).encode(),
        GENESIS.document + b"\n",
        b"",
        b"{}" + bytes(MAX_GENESIS_BYTES),
        GENESIS.document.replace(b'"from":1', b'"from":1.0', 1),
        GENESIS.document.replace(b'"name":', b'"name":"x","name":', 1),
    ],
    ids=["layout", "line end", "empty", "large", "float", "duplicate"],
)
def test_documents_refused(document: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        decode_genesis(document)


def test_values_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(InvalidEncoding):
        encode_genesis({**VALUE, "chain_id": "\ud800"})


class Steps:
    """A backtracking matcher of the few things that a pattern may be made of; counts its steps."""

    _PART = re.compile(r"(\\d|\[[^]]*\]|[A-Za-z0-9_-])(\+|\{(\d+)(?:,(\d+))?\})?")

    def __init__(self, pattern: str) -> None:
        self.taken = 0
        self._parts = []
        for found in self._PART.finditer(pattern):
            least = 1 if found[3] is None else int(found[3])
            most = 10**6 if found[2] == "+" else least if found[4] is None else int(found[4])
            self._parts.append((re.compile(found[1], re.ASCII), least, most))

    def match(self, text: str, part: int = 0, at: int = 0) -> bool:
        """Whether the parts from ``part`` on match the text from ``at`` on, longest first."""
        self.taken += 1
        if part == len(self._parts):
            return at == len(text)
        one, least, most = self._parts[part]
        end = at
        while end < len(text) and end - at < most and one.fullmatch(text[end]):
            self.taken += 1
            end += 1
        return any(self.match(text, part + 1, stop) for stop in range(end, at + least - 1, -1))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\d+\d+\d+A", "0" * 64),
        (r"\d{0,99}\d{0,99}\d{0,99}A", "0" * 64),
        ("A{0,98}A+A{1,99}" + "A" * 20 + "_", "A" * 64),
        ("[A-Z0-9]+[A-Za-z0-9]+A{0,30}B", "A" * 63 + "_"),
        (r"\d{1}\d+0{2}\d+0{3}\d+-", "0" * 64),
    ],
)
def test_steps_of_a_match_are_bounded_by_the_ways_to_cut_a_number(pattern: str, text: str) -> None:
    """At most two steps for each part of the pattern in each way to share out 64 characters."""
    encode_genesis(parameter(sign_no_patterns=[pattern]))
    steps = Steps(pattern)
    assert not steps.match(text)
    assert re.fullmatch(pattern, text, re.ASCII) is None
    assert 1000 < steps.taken < math.comb(64 + 3, 3) * 2 * len(pattern)


def test_each_quantifier_that_varies_multiplies_the_steps() -> None:
    """Why there is a bound: what a fourth and a fifth would do."""
    counted = []
    for number in range(1, 6):
        steps = Steps(r"\d+" * number + "A")
        steps.match("0" * 24)
        counted.append(steps.taken)
    assert all(after > 3 * before for before, after in pairwise(counted))


@pytest.mark.parametrize(
    "pattern",
    [r"\d+\d+\d+\d+", "A{1,2}B{0,3}C{5,6}D{7,8}", "A+B+C{1,2}D{1,3}", "A{2,3}B{02,3}C+D{1,02}"],
)
def test_four_quantifiers_that_vary_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidEncoding, match="at most 3 quantifiers"):
        encode_genesis(parameter(sign_no_patterns=["A", pattern]))


def test_quantifiers_that_do_not_vary_are_not_counted() -> None:
    encode_genesis(parameter(sign_no_patterns=["A{3}" * 20, "A+B{1,2}C{2,3}D{4,4}E{02,2}F{9}"]))


def test_patterns_in_use_are_allowed() -> None:
    patterns = [r"QY\d{18}-\d+", "[A-Z0-9]{3,9}", "HT_[A-Za-z0-9]+-\\d{1,4}"]
    assert encode_genesis(parameter(sign_no_patterns=patterns)).parameters["sign_no_patterns"] == (
        patterns
    )


def test_the_highest_power_of_the_most_validators_is_below_what_a_commit_can_hold() -> None:
    """CometBFT: a set's power is at most an eighth of a signed 64-bit integer."""
    many = [
        {
            "member": "court-a",
            "power": 2**40,
            "public_key": ed25519_jwk(BlockSigner(f"v{number}").validator.public_key),
        }
        for number in range(200)
    ]
    genesis = decode_genesis(canonical_json({**VALUE, "validators": many}))
    assert genesis.validator_set.total_power == 200 * 2**40 < (2**63 - 1) // 8
    with pytest.raises(InvalidEncoding, match="1 to 200 items"):
        decode_genesis(canonical_json({**VALUE, "validators": [*many, many[0]]}))


def test_ed25519_jwk_round_trip() -> None:
    key = BlockSigner("v").validator.public_key
    assert read_ed25519_jwk(ed25519_jwk(key), "key") == key


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("x", "key"),
        ({**ED, "kid": "x"}, "key.kid"),
        ({**ED, "kty": "EC"}, "key"),
        ({**ED, "crv": "Ed448"}, "key"),
        ({**ED, "x": 1}, "key.x"),
        ({**ED, "x": ""}, "key.x"),
        ({**ED, "x": ED["x"] + "="}, "key.x"),
        ({**ED, "x": ED["x"][:-1] + "/"}, "key.x"),
        ({**ED, "x": ED["x"][:-2]}, "key.x"),
        (ed25519_jwk(seeded("x")[:30]), "key"),
        (SMALL, "key"),
    ],
)
def test_malformed_ed25519_jwks_are_refused(value: Any, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_ed25519_jwk(value, "key")
    assert refused.value.place == place
