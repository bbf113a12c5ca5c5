"""What integration tests share: nodes that really run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.home import make_home
from builders.served import ServedNode, served


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    """A node that serves, with nothing recorded yet; one for each module."""
    with served(make_home(tmp_path_factory.mktemp("node") / "home")) as running:
        yield running


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[ServedNode]:
    """A node that serves, for one test alone."""
    with served(make_home(tmp_path / "home")) as running:
        yield running
