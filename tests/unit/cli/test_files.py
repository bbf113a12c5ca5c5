from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from node.cli.failures import CommandFailure
from node.cli.files import read_input, write_output
from node.core.errors import InvalidInput


def test_reads_up_to_the_limit_and_not_beyond(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_input(str(path), 5) == b"12345"
    with pytest.raises(InvalidInput, match="at most 4 bytes") as caught:
        read_input(str(path), 4)
    assert caught.value.place == str(path)


def test_standard_input_has_the_same_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"12345")))
    with pytest.raises(InvalidInput, match="standard input: at most 4"):
        read_input("-", 4)


def test_new_file_is_not_put_in_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_output(path, b"first", secret=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CommandFailure, match="not overwritten"):
        write_output(path, b"second")
    assert path.read_bytes() == b"first"
    write_output(path, b"second", replace=True)
    assert path.read_bytes() == b"second"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
