"""The members of the demonstration's consortium, each with a role of the real thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.client.keys import SigningKey
from node.core.block import RULES_VERSION
from node.core.genesis import (
    DEFAULT_PARAMETERS,
    GENESIS_FORMAT,
    Genesis,
    ed25519_jwk,
    encode_genesis,
)

__all__ = [
    "DEMO_CHAIN",
    "DEMO_OPERATOR",
    "MEMBERS",
    "DemoMember",
    "NodeKeys",
    "demo_genesis",
    "make_member_keys",
]

DEMO_CHAIN = "jinan-evidence-demo"
DEMO_OPERATOR = "jinan-data"
"""The member that runs the demonstration's node."""
_POWER = 10


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


@dataclass(frozen=True)
class NodeKeys:
    """A node's public Ed25519 keys: the one that signs blocks, the one that signs checkpoints."""

    validator: bytes
    checkpoint: bytes


def make_member_keys(path: Path) -> tuple[dict[str, SigningKey], dict[str, SigningKey]]:
    """Make every member's signing and recovery key and keep them in the directory ``path``. In
    reality no one place would hold them."""
    path.mkdir(mode=0o700, exist_ok=True)
    keys = {member.id: SigningKey.generate() for member in MEMBERS}
    recovery = {member.id: SigningKey.generate() for member in MEMBERS}
    for member in MEMBERS:
        keys[member.id].save(path / f"{member.id}.pem")
        recovery[member.id].save(path / f"{member.id}.recovery.pem")
    return keys, recovery


def demo_genesis(
    keys: Mapping[str, SigningKey],
    recovery_keys: Mapping[str, SigningKey],
    nodes: Mapping[str, NodeKeys],
    genesis_time: int,
    *,
    chain_id: str = DEMO_CHAIN,
    members: Iterable[DemoMember] = MEMBERS,
    parameters: Mapping[str, Any] | None = None,
) -> Genesis:
    """The genesis of a demonstration's chain.

    Args:
        keys: each member's signing key.
        recovery_keys: each member's recovery key.
        nodes: the members that run a validating node, with its keys.
        genesis_time: in ms.
        chain_id: the chain's id.
        members: who takes part.
        parameters: those that differ from the defaults.
    """
    return encode_genesis(
        {
            "chain_id": chain_id,
            "format": GENESIS_FORMAT,
            "genesis_time": genesis_time,
            "initial_height": 1,
            "members": [
                _member_json(member, keys, recovery_keys, nodes.get(member.id))
                for member in members
            ],
            "parameters": {**DEFAULT_PARAMETERS, **(parameters or {})},
            "rules_version": RULES_VERSION,
            "validators": [
                {"member": member, "power": _POWER, "public_key": ed25519_jwk(node.validator)}
                for member, node in sorted(nodes.items())
            ],
        }
    )


def _member_json(
    member: DemoMember,
    keys: Mapping[str, SigningKey],
    recovery_keys: Mapping[str, SigningKey],
    node: NodeKeys | None,
) -> dict[str, Any]:
    out: dict[str, Any] = {
        "divisions": list(member.divisions),
        "id": member.id,
        "keys": [{"from": 1, "jwk": keys[member.id].jwk.to_json()}],
        "name": member.name,
        "recovery_key": recovery_keys[member.id].jwk.to_json(),
        "roles": sorted({*member.roles, *(("operator",) if node is not None else ())}),
    }
    if node is not None:
        out["checkpoint_key"] = ed25519_jwk(node.checkpoint)
    return out
