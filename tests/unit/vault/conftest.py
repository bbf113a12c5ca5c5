"""Stores and vaults to test on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.vault import LocalStore, level_store, memory_store, wrapping_key

from node.vault.vault import Vault


@pytest.fixture(params=["memory", "leveldb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    """Each kind of store in turn."""
    opened = memory_store() if request.param == "memory" else level_store(tmp_path / "local")
    yield opened
    opened.close()


@pytest.fixture
def vault(store: LocalStore) -> Vault:
    """A vault in ``store`` under the wrapping key "first"."""
    return Vault(store, wrapping_key())
