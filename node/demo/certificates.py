"""What the demonstration's node issues certificates with: a seal, a description, time-stamps.

The institution, its seal and the authority above it exist in this demonstration alone, and every
certificate that is issued here says so in the names of all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from node.client.keys import SigningKey
from node.core.consortium_description import add_signature, draft_consortium_description
from node.core.genesis import Genesis
from node.demo.authority import DemoAuthority
from node.demo.members import MEMBERS

__all__ = ["DemoInstitution", "describe_demo_consortium", "make_demo_institution"]

_INSTITUTION = "济南数据存证演示中心"
_SEAL_CODE = "37010000000001"
_CONFIG = """
[certificates]
institution = "{institution}"
chain = "certificates/chain.pem"
key = "keys/seal.pem"
seal_code = "{seal_code}"
trust = "certificates/trust.json"
description = "certificates/consortium.json"

[certificates.tsa]
url = "{tsa}"
name = "演示时间戳"
roots = ["{tsa_root}"]
"""
_PLATFORM = {
    "filings": [
        {
            "authority": "（演示，未备案）",
            "kind": "区块链信息服务备案",
            "number": "无：本平台为演示",
        }
    ],
    "interest_statement": "本平台为演示，由一台计算机运行；各成员均为虚构，与任何案件无利害关系。",
    "name": "电子印章存证演示联盟",
    "operator": "演示程序",
    "qualification": "本平台为演示，不具有任何资质。",
}
_ENVIRONMENT = {
    "description": "单机演示环境；区块由一个验证节点签名。",
    "security": "私密数据加密存放于本机；未经等级保护测评。",
    "time_source": "本机时钟，未与标准时间源核对。",
}


@dataclass(frozen=True)
class DemoInstitution:
    """What is put behind a node's configuration, and the root (DER) that its seal leads to."""

    config: str
    root: bytes


def make_demo_institution(home: Path, tsa_url: str, tsa_root: Path) -> DemoInstitution:
    """Make the institution's key and certificate in the home of a node; the trust file and the
    consortium's description, which need the genesis, are written before the node starts."""
    folder = home / "certificates"
    folder.mkdir(parents=True)
    authority = DemoAuthority.create(datetime.now(UTC))
    identity = authority.issue_signer("存证证书专用章", _INSTITUTION)
    chain = (identity.certificate, *identity.chain)
    (folder / "chain.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    key = home / "keys" / "seal.pem"
    key.touch(mode=0o600)
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    config = _CONFIG.format(
        institution=_INSTITUTION, seal_code=_SEAL_CODE, tsa=tsa_url, tsa_root=tsa_root
    )
    return DemoInstitution(config, authority.root.public_bytes(Encoding.DER))


def describe_demo_consortium(
    genesis: Genesis, keys: Mapping[str, SigningKey], made_at: int
) -> bytes:
    """The consortium's description of itself, signed by every member."""
    runs = {item.member for item in genesis.validators}
    described = draft_consortium_description(
        {
            "chain_id": genesis.chain_id,
            "environment": _ENVIRONMENT,
            "genesis_hash": genesis.hash.hex(),
            "made_at": made_at,
            "members": [
                {
                    "id": member.id,
                    "legal_name": member.name,
                    "neutrality": "演示成员，不存在真实利害关系。",
                    "runs_node": "yes" if member.id in runs else "no",
                }
                for member in MEMBERS
            ],
            "platform": _PLATFORM,
        }
    )
    for member in MEMBERS:
        key = keys[member.id]
        described = add_signature(described, member.id, key.kid, key.sign)
    return described.document
