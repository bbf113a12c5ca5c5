"""Makes the home of a demonstration node: keys of all members, genesis, configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.client.keys import SigningKey
from node.core.genesis import Genesis
from node.demo.members import DEMO_OPERATOR, NodeKeys, demo_genesis, make_member_keys
from node.vault.keys import create_wrapping_key
from node.wiring import EdKey

__all__ = ["DemoHome", "create_demo_home"]

_CONFIG = """\
[api]
port = {port}

[operator]
member = "jinan-data"

[engine]
empty_block_ms = 1000

[submission]
workers = {workers}

[storage]
min_free_megabytes = {min_free}
"""


@dataclass(frozen=True)
class DemoHome:
    """A node's home, and the keys of all members, which in reality each keeps at home."""

    path: Path
    keys: dict[str, SigningKey]
    genesis: Genesis


def create_demo_home(
    path: Path,
    now: Callable[[], int],
    *,
    port: int = 8440,
    workers: int = 0,
    min_free: int = 256,
    parameters: Mapping[str, Any] | None = None,
    more: str = "",
) -> DemoHome:
    """Make the home in the directory ``path``, which must not exist yet.

    The members' keys go to ``path/../members``. ``parameters`` are those of the chain that differ
    from the defaults, ``more`` is put behind the configuration.
    """
    path.mkdir(parents=True)
    keys_path = path / "keys"
    keys_path.mkdir(mode=0o700)
    keys, recovery = make_member_keys(path.parent / "members")
    keys[DEMO_OPERATOR].save(keys_path / "operator.pem")
    validator = EdKey.generate(keys_path / "validator.pem")
    checkpoint = EdKey.generate(keys_path / "checkpoint.pem")
    create_wrapping_key(keys_path / "wrapping.key")
    node = NodeKeys(validator.public_key, checkpoint.public_key)
    genesis = demo_genesis(
        keys, recovery, {DEMO_OPERATOR: node}, now() - 1000, parameters=parameters
    )
    (path / "genesis.json").write_bytes(genesis.document)
    config = _CONFIG.format(port=port, workers=workers, min_free=min_free)
    (path / "node.toml").write_text(config + more, encoding="utf-8")
    return DemoHome(path, keys, genesis)
