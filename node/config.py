"""The node's configuration: one TOML file, every member optional but the node's name.

A mistyped member is refused with its place; nothing is guessed. Paths are relative to the home.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from chaincode_adapters.settings import AdapterSettings
from node.core.errors import EvidenceError

__all__ = [
    "AnchorsConfig",
    "ApiConfig",
    "ConfigError",
    "ConsortiumConfig",
    "EngineConfig",
    "LogConfig",
    "NodeConfig",
    "OperatorConfig",
    "SealsConfig",
    "StorageConfig",
    "SubmissionConfig",
    "SyncConfig",
    "load_config",
]

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]


class ConfigError(EvidenceError):
    """A configuration that cannot be used: names the file, the member and the rule."""


class ApiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the node listens. ``public_url`` is how others reach it, behind a proxy."""

    host: str = "127.0.0.1"
    port: Port = 8440
    public_url: str = ""
    max_body_bytes: Positive = 8 << 20
    max_wait_seconds: Positive = 60


class EngineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes blocks: ``solo`` in this process, or ``cometbft`` together with other nodes."""

    kind: Literal["solo", "cometbft"] = "solo"
    empty_block_ms: Positive = 10_000
    max_frames: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 256


class SyncConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a node that has no blocks yet begins with a snapshot of the others; without ``servers``
    it replays all blocks.

    ``servers`` are the URLs of two nodes or more. ``trust_height`` and ``trust_hash`` name a header
    that the operator was told of by somebody he trusts, not older than ``trust_hours``.
    """

    servers: list[str] = []
    trust_height: Natural = 0
    trust_hash: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""
    trust_hours: Positive = 168

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec tells with the member's place."""
        if self.servers and (len(self.servers) < 2 or not self.trust_height or not self.trust_hash):
            raise ValueError("sync needs two servers, a trust_height and a trust_hash")


class ConsortiumConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this node and its engine reach the others, where ``engine.kind`` is ``cometbft``.

    ``binary`` is the engine's program; ``listen`` the address that it takes peers at, ``peers``
    theirs, as ``<node id>@host:port``; ``guests`` are ids of nodes that may connect besides.
    ``strict_addresses`` is for nets whose nodes have public addresses of their own.

    ``keep_blocks`` is how many blocks the engine keeps (0: all; evidence needs none),
    ``snapshot_every`` how many lie between two snapshots (0: only those asked for), ``sync`` how
    the node begins. ``look_back_blocks`` is how many of the last blocks must not bear the signature
    of this node's key where it is not known what that key has signed (0: any may).
    """

    binary: str = ""
    listen: str = "127.0.0.1:26656"
    peers: list[str] = []
    guests: list[str] = []
    keep_blocks: Natural = 100_000
    snapshot_every: Natural = 10_000
    look_back_blocks: Natural = 100
    sync: SyncConfig = SyncConfig()
    timeout_commit_ms: Positive = 100
    timeout_propose_ms: Positive = 3_000
    strict_addresses: bool = False


class SubmissionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much may be under way; ``workers`` 0 means one a core."""

    workers: Natural = 0
    depth: Annotated[int, msgspec.Meta(ge=1, le=32)] = 16
    max_items: Positive = 50_000
    max_megabytes: Positive = 128


class StorageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Memory of the stores, and the free space below which nothing is taken any more."""

    write_buffer_megabytes: Positive = 64
    block_cache_megabytes: Positive = 32
    min_free_megabytes: Natural = 256


class OperatorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The member that runs this node, and its key for the records that the node makes itself."""

    member: str = ""
    key: str = "keys/operator.pem"


class AnchorsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outside chains that the log's anchor points go ``to``, and URLs of other nodes, ``peers``,
    from which the receipts of their anchors are fetched. Receipts of the members in ``ignore`` are
    neither fetched nor put into bundles."""

    peers: list[Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/]")]] = []
    ignore: list[str] = []
    to: list[AdapterSettings] = []

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec tells with the member's place."""
        names = [one.name for one in self.to]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two adapters are called {name}: each needs a name of its own")


class SealsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How statuses of seals are published: after how many seconds a new one is to be asked for,
    and after how many one says nothing any more."""

    next_update_seconds: Positive = 60
    stale_after_seconds: Positive = 600

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec tells with the member's place."""
        if self.stale_after_seconds < self.next_update_seconds:
            raise ValueError("stale_after_seconds must not be below next_update_seconds")


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, to standard error."""

    level: str = "info"
    json: bool = False


class NodeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. ``home`` is the directory in which the file lies."""

    home: Path = Path()
    api: ApiConfig = ApiConfig()
    engine: EngineConfig = EngineConfig()
    consortium: ConsortiumConfig = ConsortiumConfig()
    submission: SubmissionConfig = SubmissionConfig()
    storage: StorageConfig = StorageConfig()
    operator: OperatorConfig = OperatorConfig()
    anchors: AnchorsConfig = AnchorsConfig()
    seals: SealsConfig = SealsConfig()
    log: LogConfig = LogConfig()

    @property
    def workers(self) -> int:
        """How many worker processes to run."""
        return self.submission.workers or len(os.sched_getaffinity(0))

    def path(self, name: str) -> Path:
        """A file or directory of the node."""
        return self.home / name


def load_config(home: str | Path) -> NodeConfig:
    """Read ``node.toml`` in ``home``; without the file, all defaults.

    Raises:
        ConfigError: the file is no TOML, or a member is unknown or of the wrong form.
    """
    home = Path(home)
    path = home / "node.toml"
    if not path.exists():
        return NodeConfig(home=home)
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        content["home"] = str(home)
        return msgspec.convert(content, NodeConfig, dec_hook=lambda kind, value: kind(value))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
