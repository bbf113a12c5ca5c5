"""The state that a genesis sets up."""

from __future__ import annotations

import pytest
from builders.consortium import MEMBERS, VALIDATOR, consortium_genesis, member_key
from builders.signing import BlockSigner

from node.core.encoding import canonical_json
from node.core.genesis import DEFAULT_PARAMETERS, encode_genesis
from node.rules.genesis_parameters import first_keys, first_state, sign_no_fits


def test_members_and_keys() -> None:
    keys = [
        {"from": 1, "jwk": member_key("court-a").jwk.to_json(), "to": 100},
        {"from": 90, "jwk": member_key("court-a", "second").jwk.to_json()},
    ]
    genesis = consortium_genesis(keys={"court-a": keys}, initial_height=7)
    state = first_state(genesis)
    assert {key[7:] for key in state if key.startswith("member/")} == set(MEMBERS)
    assert state["member/police-shandong"] == {
        "divisions": ["12", "37"],
        "keys": 2,
        "name": "成员 police-shandong",
        "recovery_key": member_key("police-shandong", "recovery").jwk.to_json(),
        "roles": ["police"],
        "since": 7,
        "status": "active",
    }
    assert state[f"key/{member_key('court-a').kid}"] == {
        "from": 1,
        "jwk": member_key("court-a").jwk.to_json(),
        "member": "court-a",
        "to": 100,
    }
    assert "to" not in state[f"key/{member_key('court-a', 'second').kid}"]
    assert state["member/court-a"]["keys"] == 3
    assert len([key for key in state if key.startswith("key/")]) == 2 * len(MEMBERS) + 1
    recovery = member_key("court-a", "recovery")
    assert state[f"key/{recovery.kid}"] == {
        "from": 7,
        "jwk": recovery.jwk.to_json(),
        "member": "court-a",
        "use": "recovery",
    }
    assert state["consortium/members"] == {"ids": sorted(MEMBERS)}
    assert state["consortium/validators"] == {"addresses": [VALIDATOR.validator.address.hex()]}
    assert set(first_keys(genesis)) == {key[4:] for key in state if key.startswith("key/")}
    assert all(jwk.thumbprint() == kid for kid, jwk in first_keys(genesis).items())


def test_checkpoint_keys_validators_and_parameters() -> None:
    document = consortium_genesis().document
    from node.core.encoding import decode_canonical_json
    from node.core.genesis import ed25519_jwk

    value = decode_canonical_json(document, place="genesis", max_bytes=1 << 20)
    checkpoint = BlockSigner("checkpoint").validator.public_key
    value["members"][0]["checkpoint_key"] = ed25519_jwk(checkpoint)
    state = first_state(encode_genesis(value))
    first = value["members"][0]["id"]
    assert state[f"member/{first}"]["checkpoint_key"] == checkpoint.hex()
    validator = VALIDATOR.validator
    assert state[f"validator/{validator.address.hex()}"] == {
        "member": "operator-a",
        "power": 10,
        "public_key": validator.public_key.hex(),
    }
    for name, parameter in DEFAULT_PARAMETERS.items():
        assert state[f"parameter/{name}"] == {"value": parameter}
    assert state["parameter/rules_version"] == {"value": 1}


def test_every_key_is_ascii_and_every_value_canonical() -> None:
    for key, value in first_state(consortium_genesis()).items():
        assert key.isascii()
        assert canonical_json(value)


def test_the_first_state_shares_nothing_with_the_genesis() -> None:
    genesis = consortium_genesis()
    first_state(genesis)["member/police-jinan"]["divisions"].append("99")
    assert first_state(genesis)["member/police-jinan"]["divisions"] == ["3701"]


@pytest.mark.parametrize(
    ("patterns", "sign_no", "fits"),
    [
        ([r"QY\d{18}-\d+"], "QY812163472634127040-1", True),
        ([r"QY\d{18}-\d+"], "xQY812163472634127040-1", False),
        ([r"QY\d{18}-\d+"], "QY812163472634127040-1x", False),
        ([r"QY\d{18}-\d+"], "QY81216347263412704٣-1", False),
        (["A", "B"], "B", True),
        ([], "B", False),
    ],
)
def test_sign_numbers_match_whole(patterns: list[str], sign_no: str, fits: bool) -> None:
    assert sign_no_fits(sign_no, patterns) is fits
