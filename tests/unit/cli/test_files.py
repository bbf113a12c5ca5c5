from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from node.cli.failures import CommandFailure
from node.cli.files import check_absent, read_input, replace_file, write_output
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
    with pytest.raises(CommandFailure, match="not overwritten"):
        check_absent(path)
    check_absent(tmp_path / "other")


def test_link_to_nowhere_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "target")
    with pytest.raises(CommandFailure, match="not overwritten"):
        check_absent(path)
    with pytest.raises(CommandFailure, match="not overwritten"):
        write_output(path, b"content")
    assert not (tmp_path / "target").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for content in (b"first", b"second"):
        replace_file(path, content)
        assert path.read_bytes() == content
    (tmp_path / ".state.json.new").write_bytes(b"a crash left this")
    replace_file(path, b"third")
    assert path.read_bytes() == b"third"
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]
    with pytest.raises(OSError):
        replace_file(tmp_path / "nowhere" / "state.json", b"x")
    assert path.read_bytes() == b"third"
