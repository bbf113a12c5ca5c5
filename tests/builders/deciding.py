"""How a consortium under test decides: changes to propose, proofs of keys, votes enough or not."""

from __future__ import annotations

import functools
from typing import Any

from builders.consortium import CHAIN, MEMBERS, member_key
from builders.events import NOW
from builders.signing import BlockSigner, MemberKey
from builders.world import World

from node.core.encoding import encode_base64url
from node.core.genesis import ed25519_jwk
from node.core.key_proof import key_proof_message
from node.rules.judgement import in_force

__all__ = [
    "ENOUGH",
    "admission",
    "decide",
    "propose",
    "rotation",
    "validator_change",
    "validator_genesis",
    "validator_named",
    "vote",
]

ENOUGH = 16
"""Approvals that decide among the 23 members: 15 are less than 2/3 of them."""
WEEK = 7 * 86_400_000


def rotation(member: str, key: MemberKey, **changes: Any) -> dict[str, Any]:
    """The data of ``key.rotated``, with the new key's own signature."""
    signature = key.sign(key_proof_message(CHAIN, member, key.kid))
    return {"jwk": key.jwk.to_json(), "proof": encode_base64url(signature), **changes}


def admission(member: str, **changes: Any) -> dict[str, Any]:
    """The change that admits a member with one key and a recovery key."""
    return {
        "divisions": [],
        "keys": [member_key(member).jwk.to_json()],
        "kind": "member.admit",
        "member": member,
        "name": f"成员 {member}",
        "recovery_key": member_key(member, "recovery").jwk.to_json(),
        "roles": ["platform"],
        **changes,
    }


@functools.cache
def validator_named(name: str) -> BlockSigner:
    """A validator's key that follows from a name."""
    return BlockSigner(f"governed/{name}")


def validator_change(name: str, power: int, member: str = "operator-a") -> dict[str, Any]:
    """The change that gives a validator its power."""
    public_key = ed25519_jwk(validator_named(name).validator.public_key)
    return {"kind": "validator.set", "member": member, "power": power, "public_key": public_key}


def validator_genesis(*names: str, power: int = 10) -> list[dict[str, Any]]:
    """The ``validators`` of a genesis."""
    return [
        {
            "member": "operator-a",
            "power": power,
            "public_key": ed25519_jwk(validator_named(name).validator.public_key),
        }
        for name in names
    ]


def propose(world: World, change: dict[str, Any], by: str = "platform-a", **changes: Any) -> str:
    """Open a proposal; returns its dossier."""
    number = sum(key.startswith("dossier/") for key in world.state)
    sub = f"consortium:{by}:{number:04d}"
    data = {"change": change, "closes_at": max(NOW, world.time) + WEEK, **changes}
    world.record("governance.proposed", sub, data, by=by)
    return sub


def vote(world: World, sub: str, by: str, word: str = "approve") -> dict[str, str | int]:
    """A vote of a member; returns its facts."""
    return world.record("governance.voted", sub, {"vote": word}, by=by).facts


def decide(
    world: World, change: dict[str, Any], by: str = "platform-a", **changes: Any
) -> dict[str, str | int]:
    """Propose and approve by all who are asked until it is decided; returns the last facts."""
    sub = propose(world, change, by, **changes)
    facts: dict[str, str | int] = {}
    for member in sorted(MEMBERS):
        if world.dossier(sub)["status"] != "open":
            break
        held = in_force(world.state["member/" + member], world.height)
        if member != by and held["status"] == "active":
            facts = vote(world, sub, member)
    assert world.dossier(sub)["status"] != "open"
    return facts
