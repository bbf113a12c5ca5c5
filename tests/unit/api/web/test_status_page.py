"""node.api.web.status_page: how a node stands, in one word."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from node.api.web.status_page import network_state
from node.api.web.texts_status import TEXTS

NOW = 1_600_000_000_000


def service(**changes: Any) -> Any:
    held = {"time": NOW, "catching_up": None, "stopped": None, "damage": None, **changes}

    @contextmanager
    def reader() -> Any:
        yield SimpleNamespace(meta=SimpleNamespace(height=5, time=held["time"]))

    caught = held["catching_up"]
    sight = SimpleNamespace(catching_up=caught, told=lambda: "1 of 3 peers are connected")
    node = SimpleNamespace(
        failure=held.get("failure"),
        is_joining=held.get("joining", False),
        submission=SimpleNamespace(stopped=held["stopped"]),
        now=lambda: NOW,
        reader=reader,
        config=SimpleNamespace(engine=SimpleNamespace(empty_block_ms=10_000)),
        genesis=SimpleNamespace(initial_height=1),
        consortium=None if caught is None else SimpleNamespace(sight=sight),
        published=None if caught is None else SimpleNamespace(idle_ms=None),
    )
    return SimpleNamespace(node=node, damage=held["damage"])


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "working"),
        ({"time": NOW - 60_000}, "late"),
        ({"time": NOW - 60_000, "catching_up": False}, "late"),
        ({"time": NOW - 60_000, "catching_up": True}, "catching_up"),
        ({"catching_up": True}, "working"),
        ({"stopped": "the disk is full"}, "closed"),
        ({"joining": True}, "joining"),
        ({"failure": OSError("x")}, "failed"),
        ({"damage": "entry 5", "failure": OSError("x")}, "damaged"),
    ],
)
def test_how_it_stands_in_one_word(changes: dict[str, Any], state: str) -> None:
    assert network_state(service(**changes)) == state
    for language in ("zh", "en"):
        assert TEXTS[language][state]
        assert TEXTS[language][f"{state}_text"]
