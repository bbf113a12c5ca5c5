"""Descriptions of members, by keys that follow from names, for tests of founding a consortium."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from builders.signing import BlockSigner, MemberKey

from node.core.genesis import ed25519_jwk
from node.core.member_description import MemberDescription, encode_description

__all__ = ["Founder", "signers_of"]


class Founder:
    """A member to be: its keys, and the body of its description, which a test may change."""

    def __init__(
        self,
        member: str,
        roles: tuple[str, ...] = ("court",),
        *,
        power: int = 10,
        address: str = "",
        divisions: tuple[str, ...] = (),
    ) -> None:
        self.signing, self.recovery = MemberKey(member), MemberKey(f"{member} recovery")
        self.keys = {
            name: BlockSigner(f"{member} {name}") for name in ("checkpoint", "node", "validator")
        }
        public = {name: ed25519_jwk(key.validator.public_key) for name, key in self.keys.items()}
        described: dict[str, Any] = {
            "checkpoint_key": public["checkpoint"],
            "divisions": list(divisions),
            "id": member,
            "keys": [{"from": 1, "jwk": self.signing.jwk.to_json()}],
            "name": f"成员 {member}",
            "recovery_key": self.recovery.jwk.to_json(),
            "roles": list(roles),
        }
        self.body: dict[str, Any] = {
            "member": described,
            "node": {"address": address or f"{member}.example:26656", "public_key": public["node"]},
        }
        if power:
            self.body["validator"] = {"power": power, "public_key": public["validator"]}

    def describe(self, **signers: Callable[[bytes], bytes]) -> MemberDescription:
        """The signed description; ``signers`` sign instead of its own keys."""
        body = json.loads(json.dumps(self.body))
        return encode_description(body, {**signers_of(self), **signers})


def signers_of(founder: Founder) -> dict[str, Callable[[bytes], bytes]]:
    """What signs for each key that the founder's body has."""
    signers: dict[str, Callable[[bytes], bytes]] = {
        "recovery": founder.recovery.sign,
        "signing": founder.signing.sign,
    }
    if "node" in founder.body:
        signers["checkpoint"] = founder.keys["checkpoint"].sign
        signers["node"] = founder.keys["node"].sign
    if "validator" in founder.body:
        signers["validator"] = founder.keys["validator"].sign
    return signers
