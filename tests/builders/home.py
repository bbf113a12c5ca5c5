"""Homes of nodes for tests: keys, genesis and configuration, ready to be started.

The members' keys follow from their names, so that whoever has the chain's id can sign as any of
them; the node's own keys are made afresh, as `evidence-node init` would.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders.signing import CHAIN_ID, GENESIS_TIME, MemberKey
from cryptography.hazmat.primitives.asymmetric import ec

from node.client.keys import SigningKey
from node.config import NodeConfig, load_config
from node.core.genesis import DEFAULT_PARAMETERS, GENESIS_FORMAT, ed25519_jwk, encode_genesis
from node.vault.keys import create_wrapping_key
from node.wiring import EdKey

OPERATOR = "node-operator"

# Member, name, roles, divisions.
MEMBERS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("auditor-a", "示例审计所", ("auditor",), ()),
    ("ca-a", "示例电子认证公司", ("certificate_authority",), ("",)),
    ("court-a", "示例互联网法院", ("court",), ()),
    ("data-bureau", "示例大数据局", ("status_authority",), ("3701",)),
    ("identity-a", "示例实名核验公司", ("identity_provider",), ()),
    (OPERATOR, "示例存证节点运营方", ("operator",), ()),
    ("notary-a", "示例公证处", ("notary",), ()),
    ("platform-a", "示例电子印章平台", ("platform",), ()),
    ("platform-b", "另一签约平台", ("platform",), ()),
    ("police-jinan", "示例济南公安", ("police",), ("3701",)),
    ("police-qingdao", "示例青岛公安", ("police",), ("3702",)),
    ("seal-maker-a", "示例印章制作公司", ("seal_maker",), ("",)),
)


def steady_clock(start: int = GENESIS_TIME + 100_000) -> Callable[[], int]:
    """A clock that reads ``start`` (ms) now and runs on from there, whatever the machine's says."""
    began = time.monotonic_ns()
    return lambda: start + (time.monotonic_ns() - began) // 1_000_000


def signing_key(name: str) -> SigningKey:
    """The P-256 key that follows from ``name``, as a node or client would load it."""
    return SigningKey(ec.derive_private_key(MemberKey(name).scalar, ec.SECP256R1()))


@dataclass(frozen=True)
class Home:
    """A node's home, and the keys of the chain's members."""

    path: Path
    chain_id: str
    keys: Mapping[str, MemberKey]
    future_key: MemberKey
    config: NodeConfig = field(repr=False)

    def member_key(self, member: str) -> SigningKey:
        """A member's key as its owner would load it."""
        return signing_key(f"{self.chain_id}/{member}")


def make_home(
    path: Path,
    *,
    chain_id: str = CHAIN_ID,
    operator: str = OPERATOR,
    genesis_time: int = GENESIS_TIME,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    more: str = "",
) -> Home:
    """Make the home of a solo node in ``path``, which is created.

    ``settings`` are tables of ``node.toml``; port 0 and one worker are set unless they say else.
    ``parameters`` are those of the genesis that differ from the defaults, ``more`` is TOML behind.
    ``court-a`` has a second key, ``Home.future_key``, which is not in force before height 1000000.
    """
    keys_path = path / "keys"
    keys_path.mkdir(parents=True, mode=0o700)
    validator = EdKey.generate(keys_path / "validator.pem")
    EdKey.generate(keys_path / "checkpoint.pem")
    create_wrapping_key(keys_path / "wrapping.key")
    if operator:
        signing_key(f"{chain_id}/{operator}").save(keys_path / "operator.pem")
    keys = {member[0]: MemberKey(f"{chain_id}/{member[0]}") for member in MEMBERS}
    future = MemberKey(f"{chain_id}/court-a/future")
    genesis = encode_genesis(
        {
            "chain_id": chain_id,
            "format": GENESIS_FORMAT,
            "genesis_time": genesis_time,
            "initial_height": 1,
            "members": [_member(chain_id, keys, future, *member) for member in MEMBERS],
            "parameters": {**DEFAULT_PARAMETERS, **(parameters or {})},
            "rules_version": 1,
            "validators": [
                {
                    "member": OPERATOR,
                    "power": 10,
                    "public_key": ed25519_jwk(validator.public_key),
                }
            ],
        }
    )
    (path / "genesis.json").write_bytes(genesis.document)
    tables = {
        "api": {"port": 0},
        "operator": {"member": operator},
        "submission": {"workers": 1},
    }
    for name, table in (settings or {}).items():
        tables[name] = {**tables.get(name, {}), **table}
    (path / "node.toml").write_text(f"{_toml(tables)}\n{more}")
    return Home(path, chain_id, keys, future, load_config(path))


def _member(
    chain_id: str,
    keys: Mapping[str, MemberKey],
    future: MemberKey,
    name: str,
    title: str,
    roles: tuple[str, ...],
    divisions: tuple[str, ...],
) -> dict[str, Any]:
    held: list[dict[str, Any]] = [{"from": 1, "jwk": keys[name].jwk.to_json()}]
    if name == "court-a":
        held.append({"from": 1_000_000, "jwk": future.jwk.to_json()})
    return {
        "divisions": list(divisions),
        "id": name,
        "keys": held,
        "name": title,
        "recovery_key": MemberKey(f"{chain_id}/{name}/recovery").jwk.to_json(),
        "roles": list(roles),
    }


def _toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[str] = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        for key, value in table.items():
            text = str(value).lower() if isinstance(value, (bool, int)) else f'"{value}"'
            lines.append(f"{key} = {text}")
        lines.append("")
    return "\n".join(lines)
