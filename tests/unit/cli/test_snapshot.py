from __future__ import annotations

from pathlib import Path

import pytest

from node.cli.exit_codes import ExitCode
from node.cli.main import main


def test_only_a_running_node_can_take_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snapshot", "--home", str(tmp_path)]) == ExitCode.UNREACHABLE
    assert "no node runs there" in capsys.readouterr().err
