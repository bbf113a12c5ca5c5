"""The engine's directory: its configuration, genesis and keys, written anew at every start.

Only ``data/`` is the engine's own: its blocks, its write-ahead log, and the state that keeps its
validator key from signing two blocks of one height. That is made once and never touched again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from node.core.errors import LedgerFault
from node.core.frame import MAX_FRAME_BYTES
from node.core.genesis import Genesis
from node.engines.cometbft.genesis_file import engine_genesis
from node.storage.directory import sync_directory

__all__ = [
    "ABCI_SOCKET",
    "RPC_SOCKET",
    "EngineHome",
    "EngineSettings",
    "PrivateKey",
    "StateSync",
    "node_id",
    "validator_address",
]

ABCI_SOCKET, RPC_SOCKET = "abci.sock", "rpc.sock"
_CHUNKS = "tm-statesync"
_SIGNING_STATE = "priv_validator_state.json"
_MEMPOOL_FRAMES = 2000
_NEVER_SIGNED = {"height": "0", "round": 0, "step": 0}


class PrivateKey(Protocol):
    """An Ed25519 key."""

    @property
    def public_key(self) -> bytes:
        """32 bytes."""

    @property
    def seed(self) -> bytes:
        """The private key's 32 bytes."""


@dataclass(frozen=True)
class StateSync:
    """How a new node begins with a snapshot.

    ``servers`` are the URLs of two or more nodes' ``/v1/engine/rpc``; the header at ``height`` with
    ``hash`` (32 bytes) is one that the operator trusts, not older than ``period_hours``.
    """

    servers: tuple[str, ...]
    height: int
    hash: bytes
    period_hours: int = 168


@dataclass(frozen=True)
class EngineSettings:
    """How the engine runs.

    ``listen`` is the address at which the other nodes reach this one (host:port, or tcp://…),
    ``peers`` are theirs, as ``<node id>@host:port``. ``guests`` are ids of nodes that may connect
    besides. ``keep_blocks`` is how many blocks the engine keeps, 0 all; ``snapshot_every`` how many
    lie between two snapshots, 0 none; ``min_free`` the bytes of disk that a snapshot leaves free;
    ``sync`` how the node begins where it has no blocks. ``look_back_blocks`` is how many of the
    last blocks must not bear the validator key's signature where it is not known what that signed.
    """

    listen: str
    peers: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    moniker: str = "node"
    timeout_commit_ms: int = 100
    timeout_propose_ms: int = 3_000
    empty_block_ms: int = 10_000
    strict_addresses: bool = False
    keep_blocks: int = 0
    snapshot_every: int = 0
    min_free: int = 0
    look_back_blocks: int = 100
    sync: StateSync | None = None


def node_id(public_key: bytes) -> str:
    """How peers name the node with this key: the first 20 bytes of SHA-256 of it, in hex."""
    return hashlib.sha256(public_key).digest()[:20].hex()


def validator_address(public_key: bytes) -> bytes:
    """What CometBFT calls the validator with this Ed25519 key: 20 bytes."""
    return hashlib.sha256(public_key).digest()[:20]


class EngineHome:
    """The engine's directory at ``path``, inside the node's home."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(
        self,
        genesis: Genesis,
        validator: PrivateKey,
        node_key: PrivateKey,
        settings: EngineSettings,
        *,
        begun: bool = False,
    ) -> None:
        """Write everything but what the engine writes itself. ``begun``: the chain has blocks.

        Raises:
            LedgerFault: the ledger has blocks and the engine's own files are gone.
            OSError: the directory cannot be written.
        """
        config, data = self.path / "config", self.path / "data"
        state = data / _SIGNING_STATE
        if begun and not state.exists():
            raise LedgerFault(
                f"{state} is gone: it keeps this node's validator key from signing two blocks of "
                "one height. Bring back the engine's directory as it was when the node last ran, "
                'or have the node join anew: docs/consortium.md, "Bringing a node back"'
            )
        for directory in (self.path, config, data):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(config / "genesis.json", engine_genesis(genesis))
        sync = None if begun else settings.sync
        unsigned = not state.exists() or _has_never_signed(state)
        text = _config(settings, sync, looks_back=settings.look_back_blocks if unsigned else 0)
        _write(config / "config.toml", text.encode("utf-8"))
        for left in data.glob(f"{_CHUNKS}*"):
            shutil.rmtree(left)
        _write(config / "node_key.json", _json({"priv_key": _private(node_key)}))
        _write(config / "priv_validator_key.json", _json(_validator(validator)))
        if not state.exists():
            _write(state, _json(_NEVER_SIGNED))
        for name in (ABCI_SOCKET, RPC_SOCKET):
            (self.path / name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what the engine wrote itself, all but the state of the validator's key: a node
        that could not join begins anew."""
        data = self.path / "data"
        if data.is_dir():
            for entry in data.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name != _SIGNING_STATE:
                    entry.unlink()


def _write(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode("ascii") + b"\n"


def _private(key: PrivateKey) -> dict[str, str]:
    raw = key.seed + key.public_key
    return {"type": "tendermint/PrivKeyEd25519", "value": b64encode(raw).decode("ascii")}


def _validator(key: PrivateKey) -> dict[str, object]:
    public = {
        "type": "tendermint/PubKeyEd25519",
        "value": b64encode(key.public_key).decode("ascii"),
    }
    address = validator_address(key.public_key)
    return {"address": address.hex().upper(), "pub_key": public, "priv_key": _private(key)}


def _state_sync(sync: StateSync | None) -> dict[str, object]:
    """The section ``statesync``. Chunks on their way lie in the engine's own directory."""
    if sync is None:
        return {"enable": False}
    return {
        "enable": True,
        "rpc_servers": ",".join(sync.servers),
        "trust_height": sync.height,
        "trust_hash": sync.hash.hex(),
        "trust_period": f"{sync.period_hours}h0m0s",
        "discovery_time": "5s",
        "chunk_request_timeout": "10s",
        "chunk_fetchers": "4",
        "temp_dir": "data",
    }


def _has_never_signed(state: Path) -> bool:
    """Whether that is what the file says; one that cannot be read is the engine's to refuse."""
    try:
        return bool(json.loads(state.read_bytes())["height"] == "0")
    except (ValueError, LookupError, TypeError):
        return False


def _config(settings: EngineSettings, sync: StateSync | None, looks_back: int) -> str:
    """``config.toml``: what differs from CometBFT's defaults. Sockets are named relative to the
    engine's working directory, which is its home: a path may have 107 bytes only.

    A key that is not known to have signed anything does not sign before the engine has seen that
    none of the last ``looks_back`` blocks bears its signature.
    """
    sections: Sequence[tuple[str, dict[str, object]]] = (
        (
            "",
            {
                "proxy_app": f"unix://{ABCI_SOCKET}",
                "abci": "socket",
                "moniker": settings.moniker,
                "log_format": "json",
                "log_level": "consensus:info,state:info,*:error",
                "filter_peers": bool(settings.peers or settings.guests),
            },
        ),
        (
            "rpc",
            {
                "laddr": f"unix://{RPC_SOCKET}",
                "unsafe": True,  # `dial_peers`: see outlook.py; only the own user can enter
                "pprof_laddr": "",
                "cors_allowed_origins": [],
            },
        ),
        (
            "p2p",
            {
                "laddr": _tcp(settings.listen),
                "persistent_peers": ",".join(settings.peers),
                "pex": False,
                "addr_book_strict": settings.strict_addresses,
                "allow_duplicate_ip": not settings.strict_addresses,
                "flush_throttle_timeout": "10ms",
                "max_packet_msg_payload_size": 32_768,
                "send_rate": 100 << 20,
                "recv_rate": 100 << 20,
            },
        ),
        (
            "mempool",
            {
                "recheck": False,
                "size": _MEMPOOL_FRAMES,
                "max_tx_bytes": MAX_FRAME_BYTES,
                "max_txs_bytes": 64 << 20,
                "cache_size": 10 * _MEMPOOL_FRAMES,
            },
        ),
        (
            "consensus",
            {
                "timeout_propose": f"{settings.timeout_propose_ms}ms",
                "timeout_commit": f"{settings.timeout_commit_ms}ms",
                "create_empty_blocks": True,
                "create_empty_blocks_interval": f"{settings.empty_block_ms}ms",
                "peer_gossip_sleep_duration": "10ms",
                "double_sign_check_height": looks_back,
            },
        ),
        ("statesync", _state_sync(sync)),
        ("storage", {"discard_abci_responses": True}),
        ("tx_index", {"indexer": "null"}),
        ("instrumentation", {"prometheus": False}),
    )
    lines: list[str] = []
    for name, members in sections:
        if name:
            lines += ["", f"[{name}]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in members.items()]
    return "\n".join(lines) + "\n"


def _tcp(address: str) -> str:
    return address if "://" in address else f"tcp://{address}"
