"""What the tests of the command line share."""

from __future__ import annotations

import pytest
from builders.commands import Cli, Evidence, in_process, write_evidence


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command in this process."""
    return in_process(capsys, monkeypatch)


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A bundle, a trust file and a genesis; not to be changed."""
    return write_evidence(tmp_path_factory.mktemp("evidence"))
