"""Peers that come and go: told once each, and dialled for as long as they are missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from node.engines.cometbft.outlook import Outlook, Sight
from node.engines.cometbft.rpc import EngineRpc, RpcUnreachable

A, B = "aa@10.0.0.1:26656", "bb@10.0.0.2:26656"


class Net:
    """An engine's RPC, and a clock."""

    def __init__(self) -> None:
        self.connected: set[str] = set()
        self.catching_up = False
        self.dialled: list[tuple[str, ...]] = []
        self.now = 0.0
        self.is_silent = False
        self.outlook = Outlook(cast(EngineRpc, self), (A, B), lambda: self.now)

    async def connected_peers(self) -> set[str]:
        if self.is_silent:
            raise RpcUnreachable("no answer")
        return self.connected

    async def is_catching_up(self) -> bool:
        return self.catching_up

    async def dial(self, peers: Sequence[str]) -> None:
        self.dialled.append(tuple(peers))

    def look(self, *connected: str, after: float = 2.0) -> list[tuple[str, Any]]:
        """Look once, ``after`` so many seconds; what was told, with the peer."""
        self.connected = set(connected)
        self.now += after
        with capture_logs() as logs:
            asyncio.run(self.outlook.look())
        return [(line["event"], line.get("peer")) for line in logs if line["log_level"] != "debug"]


@pytest.fixture
def net() -> Net:
    return Net()


def test_before_the_first_look_all_are_missing(net: Net) -> None:
    assert net.outlook.sight == Sight(2, (A, B), False)
    assert net.outlook.sight.told() == f"0 of 2 peers are connected, not {A}, {B}"


def test_peers_come_and_go(net: Net) -> None:
    assert net.look("aa", "stranger") == [("a peer is connected", A)]
    assert net.look("aa", "bb") == [("a peer is connected", B)]
    assert net.outlook.sight.told() == "2 of 2 peers are connected"
    assert net.look("aa", "bb") == []
    assert net.look("bb") == [("a peer is not connected any more", A)]
    assert net.look("bb") == []
    assert net.outlook.sight == Sight(2, (A,), False)
    assert net.look("aa", "bb") == [("a peer is connected", A)]


def test_who_is_missing_is_dialled_again_and_again(net: Net) -> None:
    net.look("aa", "bb")
    net.look("aa", after=100.0)
    assert net.dialled == [(B,)], "it was seen last 100 s ago"
    net.look("aa", after=14.0)
    assert len(net.dialled) == 1
    for _ in range(3):
        assert net.look("aa", after=15.0) == []
    assert net.dialled == [(B,)] * 4
    net.look("aa", "bb", after=15.0)
    net.look("aa", "bb", after=15.0)
    assert len(net.dialled) == 4


def test_who_never_came_is_told_once(net: Net) -> None:
    assert net.look() == []
    event = "a peer has not been reached"
    assert net.look(after=15.0) == [(event, A), (event, B)]
    assert net.look(after=15.0) == []


def test_an_engine_that_does_not_answer_changes_nothing(net: Net) -> None:
    net.look("aa", "bb")
    net.is_silent = True
    assert net.look() == []
    assert net.outlook.sight.missing == ()


def test_catching_up(net: Net) -> None:
    net.catching_up = True
    net.look("aa", "bb")
    assert net.outlook.sight.catching_up
