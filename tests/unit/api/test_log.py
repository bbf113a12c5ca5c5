"""node.api.log: paths of tiles (C2SP tlog-tiles)."""

from __future__ import annotations

import pytest

from node.api.log import parse_tile


@pytest.mark.parametrize(
    ("path", "index", "width"),
    [
        ("000", 0, 256),
        ("067", 67, 256),
        ("x001/x234/067", 1_234_067, 256),
        ("x001/234", 1_234, 256),
        ("000.p/1", 0, 1),
        ("x001/234.p/255", 1_234, 255),
    ],
)
def test_paths(path: str, index: int, width: int) -> None:
    assert parse_tile(path) == (index, width)


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "00", "0000", "1234", "x001", "x001/", "001/234", "x1/234", "x000/001"),
        *("000.p/0", "000.p/256", "000.p/01", "000.p/", "000.p/1/", "000.p/-1", "000.p/1000"),
        *("x001/x234", "-01", "０００", "000/..", "x001/" * 10 + "001"),
    ],
)
def test_what_is_no_path(path: str) -> None:
    assert parse_tile(path) is None
