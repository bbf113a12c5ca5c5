"""Why a node of a consortium is not ready: each cause has words of its own."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.api.health import unready_reasons
from node.api.service import Service
from node.engines.cometbft.outlook import Sight

NOW = 1_700_000_000_000
EMPTY_BLOCK_MS = 10_000
CONNECTED = Sight(3)
PEERS = ("aa@10.0.0.1:26656", "bb@10.0.0.2:26656", "cc@10.0.0.3:26656")


def service_of(
    *,
    silent: int = 0,
    height: int = 7,
    sight: Sight | None = CONNECTED,
    idle: int | None = 100,
    joining: bool = False,
) -> Service:
    """A node whose last block is ``silent`` ms old by its clock, and came ``idle`` ms ago."""
    meta = SimpleNamespace(height=height, time=NOW - silent)
    node = SimpleNamespace(
        failure=None,
        is_joining=joining,
        submission=SimpleNamespace(stopped=None),
        reader=lambda: nullcontext(SimpleNamespace(meta=meta)),
        now=lambda: NOW,
        config=SimpleNamespace(engine=SimpleNamespace(empty_block_ms=EMPTY_BLOCK_MS)),
        genesis=SimpleNamespace(initial_height=1),
        consortium=None if sight is None else SimpleNamespace(sight=sight),
        published=None if sight is None else SimpleNamespace(idle_ms=idle),
    )
    return cast(Service, SimpleNamespace(node=node, damage=None))


def reason(**options: Any) -> str:
    [told] = unready_reasons(service_of(**options))
    return told


@pytest.mark.parametrize("silent", [-5_000, 0, 35_000])
@pytest.mark.parametrize("sight", [None, Sight(3)])
def test_all_is_well(silent: int, sight: Sight | None) -> None:
    assert unready_reasons(service_of(silent=silent, sight=sight)) == []


def test_a_node_that_joins_has_no_blocks_yet() -> None:
    told = unready_reasons(service_of(height=0, joining=True))
    assert told[0] == "it has no blocks yet: it joins the others by a snapshot of theirs"


def test_no_more_blocks_come() -> None:
    told = reason(silent=35_001, idle=35_001, sight=Sight(3, PEERS[1:]))
    assert "the last block was made 35 s ago" in told
    assert "1 of 3 peers are connected, not bb@10.0.0.2:26656, cc@10.0.0.3:26656" in told
    assert "more than 2/3 of the power" in told
    assert reason(silent=35_001, sight=None) == "the last block was made 35 s ago"


def test_after_a_start_no_block_has_come() -> None:
    assert "the last block was made 600 s ago" in reason(silent=600_000, idle=None)


def test_the_clock_is_ahead() -> None:
    """Blocks come, with times that lie far back: it is not they that are late."""
    told = reason(silent=600_000, idle=400)
    assert "the machine's clock is 600000 ms ahead of the validators'" in told
    assert "NTP" in told


@pytest.mark.parametrize("sight", [None, Sight(3)])
def test_the_clock_is_behind(sight: Sight | None) -> None:
    told = reason(silent=-5_001, sight=sight)
    assert "the machine's clock is 5001 ms behind the last block" in told
    assert "NTP" in told


def test_blocks_that_are_caught_up_with_say_nothing_of_the_clock() -> None:
    told = reason(silent=600_000, idle=10, sight=Sight(3, (), True))
    assert told.startswith("still catching up with the others, at height 7")


def test_before_the_first_block() -> None:
    assert "0 of 3 peers" in reason(height=0, sight=Sight(3, PEERS), idle=None)
    assert unready_reasons(service_of(height=0, silent=90_000, sight=None)) == []
