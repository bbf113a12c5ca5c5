"""What the demonstration's node issues certificates with: a seal, a description, time-stamps.

The institution, its seal and the authority above it exist in this demonstration alone, and every
certificate that is issued here says so in the names of all three.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from node.client.keys import SigningKey
from node.core.consortium_description import add_signature, draft_consortium_description
from node.core.encoding import canonical_json
from node.core.genesis import Genesis
from node.core.trust import Trust
from node.demo.anchors import DemoAnchors
from node.demo.authority import DemoAuthority
from node.demo.home import DemoHome
from node.demo.members import MEMBERS

__all__ = ["describe_demo_consortium", "equip_institution"]

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

[documents]
roots = ["certificates/root.pem"]
tsa_roots = ["{tsa_root}"]
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


def equip_institution(
    made: DemoHome, anchors: DemoAnchors, authority: DemoAuthority, made_at: int
) -> Trust:
    """Give a node that does not run yet what it issues certificates with, and checks documents by:
    the institution's key and certificate of ``authority``, its root, the consortium's description,
    signed by every member, and the trust file.

    Returns:
        The trust file: genesis, the time-stamp authority's root, the root of the institution's.
    """
    folder = made.path / "certificates"
    folder.mkdir()
    identity = authority.issue_signer("存证证书专用章", _INSTITUTION)
    chain = (identity.certificate, *identity.chain)
    authority.write_root(folder / "root.pem")
    (folder / "chain.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    key = made.path / "keys" / "seal.pem"
    key.touch(mode=0o600)
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    trust = Trust(
        made.genesis.chain_id,
        made.genesis.hash,
        tsa_roots=(anchors.tsa_root,),
        signer_roots=(authority.root.public_bytes(Encoding.DER),),
    )
    (folder / "trust.json").write_bytes(canonical_json(trust.to_json()) + b"\n")
    described = describe_demo_consortium(made.genesis, made.keys, made_at)
    (folder / "consortium.json").write_bytes(described)
    config = _CONFIG.format(
        institution=_INSTITUTION,
        seal_code=_SEAL_CODE,
        tsa=anchors.tsa_url,
        tsa_root=anchors.tsa_root_file,
    )
    with (made.path / "node.toml").open("a", encoding="utf-8") as file:
        file.write(config)
    return trust


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
