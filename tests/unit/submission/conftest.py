from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.home import Home, make_home
from builders.running import running

from node.wiring import Node, system_time


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(
        tmp_path_factory.mktemp("node") / "home",
        genesis_time=system_time() - 1000,
        settings={"storage": {"min_free_megabytes": 0}},
    )


@pytest.fixture(scope="module")
def node(home: Home) -> Iterator[Node]:
    """A running node, shared by the tests of a module."""
    started = running(home)
    yield started
    started.stop()


@pytest.fixture
def own_home(tmp_path: Path) -> Home:
    return make_home(
        tmp_path / "home",
        genesis_time=system_time() - 1000,
        settings={"storage": {"min_free_megabytes": 0}},
    )
