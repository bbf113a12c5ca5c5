"""The members of the demonstration's consortium, each with a role of the real thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from node.client.keys import SigningKey
from node.core.block import RULES_VERSION, Validator
from node.core.genesis import (
    DEFAULT_PARAMETERS,
    GENESIS_FORMAT,
    Genesis,
    ed25519_jwk,
    encode_genesis,
)

__all__ = ["DEMO_CHAIN", "DEMO_OPERATOR", "MEMBERS", "DemoMember", "demo_genesis"]

DEMO_CHAIN = "jinan-evidence-demo"
DEMO_OPERATOR = "jinan-data"
"""The member that runs the demonstration's node."""


@dataclass(frozen=True)
class DemoMember:
    """A member: id, name, roles, and the prefixes of the divisions that it may act in."""

    id: str
    name: str
    roles: tuple[str, ...]
    divisions: tuple[str, ...] = ()


MEMBERS = (
    DemoMember("anyunyin", "安云印电子印章平台（演示）", ("platform",)),
    DemoMember("dongying-police", "东营市公安局（演示）", ("police",), ("3705",)),
    DemoMember("jinan-court", "济南互联网审判庭（演示）", ("court",)),
    DemoMember("jinan-data", "济南市大数据局（演示）", ("auditor", "operator")),
    DemoMember("jinan-notary", "济南市公证处（演示）", ("notary",)),
    DemoMember("jinan-police", "济南市公安局（演示）", ("police", "status_authority"), ("3701",)),
    DemoMember("qilu-platform", "齐鲁签约平台（演示）", ("platform",)),
    DemoMember("renlian-idp", "人脸识别认证中心（演示）", ("identity_provider",)),
    DemoMember("shandong-ca", "山东电子认证中心（演示）", ("certificate_authority",), ("37",)),
    DemoMember("zhongfu-seals", "众福制章（演示）", ("seal_maker",)),
)


def demo_genesis(
    keys: Mapping[str, SigningKey],
    recovery_keys: Mapping[str, SigningKey],
    validator: bytes,
    checkpoint: bytes,
    genesis_time: int,
    *,
    operator: str = "jinan-data",
    members: Iterable[DemoMember] = MEMBERS,
) -> Genesis:
    """The genesis of the demonstration's solo chain.

    Args:
        keys: each member's signing key.
        recovery_keys: each member's recovery key.
        validator: the node's Ed25519 key that signs blocks.
        checkpoint: the node's Ed25519 key that signs checkpoints.
        genesis_time: in ms.
        operator: the member that runs the node.
        members: who takes part.
    """
    return encode_genesis(
        {
            "chain_id": DEMO_CHAIN,
            "format": GENESIS_FORMAT,
            "genesis_time": genesis_time,
            "initial_height": 1,
            "members": [
                _member_json(member, keys, recovery_keys, checkpoint, operator)
                for member in members
            ],
            "parameters": DEFAULT_PARAMETERS,
            "rules_version": RULES_VERSION,
            "validators": [
                {
                    "member": operator,
                    "power": 10,
                    "public_key": ed25519_jwk(Validator(validator, 10).public_key),
                }
            ],
        }
    )


def _member_json(
    member: DemoMember,
    keys: Mapping[str, SigningKey],
    recovery_keys: Mapping[str, SigningKey],
    checkpoint: bytes,
    operator: str,
) -> dict[str, Any]:
    out: dict[str, Any] = {
        "divisions": list(member.divisions),
        "id": member.id,
        "keys": [{"from": 1, "jwk": keys[member.id].jwk.to_json()}],
        "name": member.name,
        "recovery_key": recovery_keys[member.id].jwk.to_json(),
        "roles": list(member.roles),
    }
    if member.id == operator:
        out["checkpoint_key"] = ed25519_jwk(checkpoint)
    return out
