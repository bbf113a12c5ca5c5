"""Nodes that anchor on fake chains: the wiring builds them as if they were of another kind."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType

import pytest
import uvicorn
from builders.fake_chain import FakeAdapter, FakeChain
from builders.served import ServedNode

from node.api.admin import create_admin
from node.api.sockets import admin_listener

__all__ = ["MINING", "Miner", "administered", "fake_kind", "settled", "to_chains"]

MINING = 0.02


def to_chains(
    *names: str, poll_ms: int = 20, peers: tuple[str, ...] = (), begin: str = "first"
) -> str:
    """The part of node.toml that names outside chains, each called as its adapter."""
    listed = ", ".join(f'"{peer}"' for peer in peers)
    tables = "".join(
        f"""
[[anchors.to]]
kind = "evm-embedded"
name = "{name}"
operator = "示例司法链 {name}"
poll_ms = {poll_ms}
from = "{begin}"
"""
        for name in names
    )
    return f"[anchors]\npeers = [{listed}]\n{tables}"


def fake_kind(
    monkeypatch: pytest.MonkeyPatch, chains: dict[str, FakeChain], **options: object
) -> dict[str, FakeAdapter]:
    """Have adapters of the kind ``evm-embedded`` be fake ones, of the chains called as they are.

    Returns:
        The adapters by their names, once they are built.
    """
    made: dict[str, FakeAdapter] = {}

    def build(settings: object, surroundings: object) -> FakeAdapter:
        name = settings.name  # type: ignore[attr-defined]
        adapter = FakeAdapter(
            chains[name],
            name,
            poll_ms=settings.poll_ms,  # type: ignore[attr-defined]
            in_flight=settings.in_flight,  # type: ignore[attr-defined]
            **options,  # type: ignore[arg-type]
        )
        made[name] = adapter
        return adapter

    module = ModuleType("chaincode_adapters.evm.building")
    module.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chaincode_adapters.evm.building", module)
    return made


class Miner:
    """Makes blocks on fake chains until it is left."""

    def __init__(self, *chains: FakeChain) -> None:
        self._chains = chains
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Miner:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(MINING):
            for chain in self._chains:
                chain.mine()


def settled(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something that a node's threads bring about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        threading.Event().wait(0.01)


@contextmanager
def administered(running: ServedNode) -> Iterator[None]:
    """The admin socket of a served node, in its home."""
    with ExitStack() as stack:
        listener = stack.enter_context(admin_listener(running.home.path))
        app = create_admin(running.app.state.service, lambda: None)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(20)
