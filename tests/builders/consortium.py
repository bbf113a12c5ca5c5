"""A consortium for tests of the rules and the ledger: members of every role, their keys, a genesis.

All of it is made up and follows from names. No number in it is a person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from builders.signing import GENESIS_TIME, BlockSigner, MemberKey

from node.core.genesis import (
    DEFAULT_PARAMETERS,
    GENESIS_FORMAT,
    Genesis,
    ed25519_jwk,
    encode_genesis,
)

__all__ = [
    "CHAIN",
    "MEMBERS",
    "MEMBER_OF_ROLE",
    "VALIDATOR",
    "consortium_genesis",
    "member_key",
]

CHAIN = "consortium-test"
VALIDATOR = BlockSigner("consortium validator")

MEMBERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "auditor-a": (("auditor",), ()),
    "authority-jinan": (("status_authority",), ("3701",)),
    "authority-tianjin": (("status_authority",), ("12",)),
    "bureau-a": (("police", "seal_maker"), ("12",)),
    "ca-shandong": (("certificate_authority",), ("37",)),
    "ca-tianjin": (("certificate_authority",), ("12",)),
    "court-a": (("court",), ()),
    "identity-a": (("identity_provider",), ()),
    "maker-a": (("seal_maker",), ()),
    "maker-b": (("seal_maker",), ()),
    "notary-a": (("notary",), ()),
    "operator-a": (("operator",), ()),
    "operator-b": (("operator",), ()),
    "platform-a": (("platform",), ()),
    "platform-b": (("platform",), ()),
    "police-all": (("police",), ("",)),
    "police-jinan": (("police",), ("3701",)),
    "police-lixia": (("police",), ("370102",)),
    "police-nowhere": (("police",), ()),
    "police-shandong": (("police",), ("12", "37")),
    "police-shizhong": (("police",), ("370103",)),
    "police-tianjin": (("police",), ("12",)),
    "workshop-a": (("platform", "seal_maker"), ()),
}
"""Roles and divisions by member."""

MEMBER_OF_ROLE = {
    "auditor": "auditor-a",
    "certificate_authority": "ca-shandong",
    "court": "court-a",
    "identity_provider": "identity-a",
    "notary": "notary-a",
    "operator": "operator-a",
    "platform": "platform-a",
    "police": "police-jinan",
    "seal_maker": "maker-a",
    "status_authority": "authority-jinan",
}
"""For each role a member that has no other, and whose divisions cover 370102."""


@cache
def member_key(member: str, which: str = "signing") -> MemberKey:
    """The key pair of a member; ``which`` tells several apart."""
    return MemberKey(f"{CHAIN}/{member}/{which}")


def _member(name: str, keys: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    roles, divisions = MEMBERS[name]
    return {
        "divisions": list(divisions),
        "id": name,
        "keys": keys.get(name, [{"from": 1, "jwk": member_key(name).jwk.to_json()}]),
        "name": f"成员 {name}",
        "recovery_key": member_key(name, "recovery").jwk.to_json(),
        "roles": list(roles),
    }


def consortium_genesis(
    *,
    keys: Mapping[str, list[dict[str, Any]]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Genesis:
    """The genesis of a solo chain of all ``MEMBERS``.

    Args:
        keys: the genesis's ``keys`` of members that are to have others than one from height 1.
        parameters: those that differ from the defaults.
        changes: members of the document that are to be others.
    """
    return encode_genesis(
        {
            "chain_id": CHAIN,
            "format": GENESIS_FORMAT,
            "genesis_time": GENESIS_TIME,
            "initial_height": 1,
            "members": [_member(name, keys or {}) for name in MEMBERS],
            "parameters": {**DEFAULT_PARAMETERS, **(parameters or {})},
            "rules_version": 1,
            "validators": [
                {
                    "member": "operator-a",
                    "power": VALIDATOR.validator.power,
                    "public_key": ed25519_jwk(VALIDATOR.validator.public_key),
                }
            ],
            **changes,
        }
    )
