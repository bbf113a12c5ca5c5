"""What a check-up reads of one node: its home, and, where it runs, what it answers."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from node.cli.checkup_facts import NoAnswer, fetch_json
from node.cli.homes import opened_stores, read_meta
from node.config import NodeConfig
from node.core.genesis import Genesis, decode_genesis
from node.storage.ports import Reader, Store

__all__ = ["LedgerView", "key_modes", "own_url", "read_own_genesis", "running_view", "stopped_view"]

_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to ask at


class LedgerView(Protocol):
    """A node's ledger: read from its stores, or asked of it."""

    def height(self) -> int:
        """The newest height."""

    def app_hash(self, height: int) -> str | None:
        """The app_hash after the block at a height, hex; None where there is none."""

    def state(self, key: str) -> dict[str, Any] | None:
        """A value of the state map; None where the key is absent."""

    def stored_alarms(self) -> list[str]:
        """Conflicts with outside chains that the node has kept, where it does not run; one that
        runs tells them itself."""


def own_url(config: NodeConfig) -> str | None:
    """Where this machine reaches the node's interface; None where the system chooses its port."""
    if config.api.port == 0:
        return None
    host = _LOOPBACK.get(config.api.host, config.api.host)
    return (
        f"http://[{host}]:{config.api.port}" if ":" in host else f"http://{host}:{config.api.port}"
    )


def read_own_genesis(config: NodeConfig) -> Genesis:
    """The genesis in the home. Raises InvalidInput, OSError."""
    return decode_genesis(config.path("genesis.json").read_bytes())


def key_modes(config: NodeConfig) -> dict[str, int | None]:
    """The key files that the node needs, with their modes."""
    names = ["validator.pem", "checkpoint.pem", "wrapping.key"]
    if config.engine.kind == "cometbft":
        names.append("node.pem")
    paths = [Path("keys") / name for name in names]
    if config.operator.member:
        paths.append(Path(config.operator.key))
    modes: dict[str, int | None] = {}
    for path in paths:
        try:
            modes[str(path)] = stat.S_IMODE(config.path(str(path)).stat().st_mode)
        except FileNotFoundError:
            modes[str(path)] = None
    return modes


class _Running:
    """A node that is asked over its interface."""

    def __init__(self, url: str) -> None:
        self._url = url

    def height(self) -> int:
        return int(fetch_json(self._url, "/v1/node")["height"])

    def app_hash(self, height: int) -> str | None:
        try:
            return str(fetch_json(self._url, f"/v1/blocks/{height}")["app_hash"])
        except NoAnswer as error:
            if "404" in str(error):
                return None
            raise

    def state(self, key: str) -> dict[str, Any] | None:
        proof = fetch_json(self._url, f"/v1/state/{key}")["proof"]
        return dict(json.loads(proof["value"])) if "value" in proof else None

    def stored_alarms(self) -> list[str]:
        return []


def running_view(url: str) -> LedgerView:
    """The ledger of the node at ``url``; its methods raise NoAnswer."""
    return _Running(url)


class _Stopped:
    """A node that does not run; its stores are open."""

    def __init__(self, ledger: Reader, local: Store) -> None:
        self._ledger = ledger
        self._local = local

    def stored_alarms(self) -> list[str]:
        from chaincode_adapters.jobs_kept import JobsKept
        from chaincode_adapters.standing import alarms_of

        return [f"{one.adapter}: {one.text}" for one in alarms_of(JobsKept(self._local))]

    def height(self) -> int:
        return read_meta(self._ledger).height

    def app_hash(self, height: int) -> str | None:
        from node.ledger.rows import BLOCK, decode_block_row, number_key

        raw = self._ledger.get(number_key(BLOCK, height)) if height >= 0 else None
        return None if raw is None else decode_block_row(raw).app_hash.hex()

    def state(self, key: str) -> dict[str, Any] | None:
        from node.ledger.state import read_value

        raw = read_value(self._ledger, key)
        return None if raw is None else msgspec.json.decode(raw, type=dict[str, Any])


@contextmanager
def stopped_view(config: NodeConfig) -> Iterator[LedgerView]:
    """The ledger in the home of a node that does not run.

    Raises:
        LedgerFault: it holds no chain.
        StorageError: a store is missing, damaged, or in use.
    """
    with opened_stores(config) as stores:
        read_meta(stores.ledger)
        yield _Stopped(stores.ledger, stores.local)
