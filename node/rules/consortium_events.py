"""The events by which a consortium governs itself: proposals, votes, keys, misbehaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.core.errors import InvalidInput
from node.core.genesis import DEFAULT_PARAMETERS, ROLES, read_ed25519_bytes
from node.core.signatures import PublicJwk
from node.rules.event_form import HASH, HEIGHT, MEMBER, TIME, event_type, match
from node.rules.schema import Choice, FieldError, Form, Integer, ListOf, Object, Text, Variants

__all__ = [
    "BY_RECOVERY_KEY",
    "CHANGES",
    "CONSORTIUM",
    "CONSORTIUM_JUDGED",
    "ED25519_KEY",
    "MAX_MEMBER_KEYS",
    "MAX_OVERLAP",
    "P256_KEY",
    "ParameterValue",
    "PublicKey",
    "Roles",
]

MAX_MEMBER_KEYS = 1_000
"""Of so many keys, a member registers more by vote only: every node keeps all of them at hand."""
MAX_OVERLAP = 1_000_000
"""Blocks that a replaced key may go on being in force."""
BY_RECOVERY_KEY = frozenset({"key.rotated", "key.compromised"})
"""What a recovery key may sign, and nothing else."""


@dataclass(frozen=True)
class PublicKey:
    """A public key as a JWK; ``read`` raises InvalidInput for all that is none. ``members`` are
    those of the JWK: a text that it must be, or None for 32 bytes in base64url."""

    read: Callable[[Any, str], object]
    rule: str
    members: tuple[tuple[str, str | None], ...]

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        try:
            self.read(value, place)
        except InvalidInput as error:
            raise FieldError(error.place, error.rule) from error

    def describe(self) -> dict[str, Any]:
        """See Form."""
        bytes_ = {"type": "string", "pattern": "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048](?!\\n)$"}
        return {
            "type": "object",
            "properties": {
                name: bytes_ if value is None else {"const": value} for name, value in self.members
            },
            "required": [name for name, _ in self.members],
            "additionalProperties": False,
            "description": self.rule,
        }


class Roles:
    """Known roles in their order, each once."""

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) is not list or not value or value != [r for r in ROLES if r in value]:
            raise FieldError(place, "must be known roles, sorted, each once")

    def describe(self) -> dict[str, Any]:
        """See Form."""
        return {
            "type": "array",
            "minItems": 1,
            "maxItems": len(ROLES),
            "uniqueItems": True,
            "items": {"enum": list(ROLES)},
        }


class ParameterValue:
    """The value of a parameter: of which form, the rules ask where they know which members are."""

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) not in (int, list):
            raise FieldError(place, "must be an integer or an array")

    def describe(self) -> dict[str, Any]:
        """See Form."""
        return {"type": ["array", "integer"], "description": "the parameter's form"}


def _read_p256(value: Any, place: str) -> PublicJwk:
    return PublicJwk.from_json(value, place=place)


P256_KEY = PublicKey(
    _read_p256,
    "must be a P-256 public key as a JWK",
    (("crv", "P-256"), ("kty", "EC"), ("x", None), ("y", None)),
)
# Whether the bytes are a key takes forty times as long as a signature: it is asked when a change is
# made, which takes the members' votes, and not of everything that anybody sends.
ED25519_KEY = PublicKey(
    read_ed25519_bytes,
    "must be an Ed25519 public key as a JWK",
    (("crv", "Ed25519"), ("kty", "OKP"), ("x", None)),
)
KID = match(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", "must be a key's RFC 7638 thumbprint")
PROOF = match(r"[A-Za-z0-9_-]{85}[AQgw]", "must be the new key's signature, raw r‖s in base64url")
DIVISIONS = ListOf(
    match(r"(?:\d\d){0,3}", "must be the first 0, 2, 4 or 6 digits of a division's code"), 0, 500
)
OVERLAP = Integer(0, MAX_OVERLAP, f"must be a number of blocks up to {MAX_OVERLAP}")

CHANGES: dict[str, dict[str, Form]] = {
    "key.replace": {
        "jwk": P256_KEY,
        "member": MEMBER,
        "overlap_blocks?": OVERLAP,
        "replaces?": KID,
    },
    "key.revoke": {"kid": KID, "member": MEMBER, "suspect_from?": TIME},
    "member.admit": {
        "checkpoint_key?": ED25519_KEY,
        "divisions": DIVISIONS,
        "keys": ListOf(P256_KEY, 1, 10),
        "member": MEMBER,
        "name": Text(200),
        "recovery_key": P256_KEY,
        "roles": Roles(),
    },
    "member.change": {
        "checkpoint_key?": ED25519_KEY,
        "divisions?": DIVISIONS,
        "member": MEMBER,
        "name?": Text(200),
        "roles?": Roles(),
    },
    "member.readmit": {"member": MEMBER},
    "member.suspend": {"member": MEMBER},
    "parameter.set": {"name": Choice(tuple(DEFAULT_PARAMETERS)), "value": ParameterValue()},
    "recovery_key.replace": {"jwk": P256_KEY, "member": MEMBER},
    "rules.set": {"version": Integer(1, 2**31 - 1, "must be a version of the rules")},
    "validator.set": {
        "member": MEMBER,
        "power": Integer(0, 2**40, "must be a power, 0 for none"),
        "public_key": ED25519_KEY,
    },
}
"""What can be proposed, and what each proposal says."""

_CHANGE = Variants(
    "kind",
    {
        kind: Object({**fields, "kind": Choice(tuple(sorted(CHANGES)))})
        for kind, fields in CHANGES.items()
    },
)
_ALL = " ".join(ROLES)

CONSORTIUM = (
    event_type(
        "governance.proposed",
        "提案",
        _ALL,
        "consortium",
        {"change": _CHANGE, "closes_at": TIME, "from?": HEIGHT, "reason?": Text(500)},
        opens=True,
    ),
    event_type(
        "governance.voted",
        "表决",
        _ALL,
        "consortium",
        {"proposal_hash": HASH, "reason?": Text(500), "vote": Choice(("approve", "reject"))},
    ),
    event_type("governance.withdrawn", "撤回提案", _ALL, "consortium", {"reason?": Text(500)}),
    event_type(
        "key.rotated",
        "密钥更换",
        _ALL,
        "consortium",
        {"jwk": P256_KEY, "overlap_blocks?": OVERLAP, "proof": PROOF, "replaces?": KID},
        opens=True,
    ),
    event_type(
        "key.compromised",
        "密钥泄露报告",
        _ALL,
        "consortium",
        {"kid": KID, "reason?": Text(500), "suspect_from": TIME},
        opens=True,
    ),
    event_type(
        "validator.misbehaved",
        "验证节点违规",
        _ALL,
        "consortium",
        {
            "address": match(r"[0-9a-f]{40}", "must be a validator's address in hex"),
            "height": HEIGHT,
            "misbehaviour": Choice(("duplicate_vote", "light_client_attack")),
        },
        opens=True,
    ),
)

CONSORTIUM_JUDGED = frozenset(
    [
        "address",
        "change",
        "closes_at",
        "from",
        "height",
        "jwk",
        "kid",
        "misbehaviour",
        "overlap_blocks",
        "proof",
        "proposal_hash",
        "replaces",
        "suspect_from",
        "vote",
    ]
)
"""See `node.rules.events.JUDGED`."""
