from __future__ import annotations

import zlib
from typing import Any

import pytest

from node.core.errors import InvalidEncoding
from node.core.pdf.filters import decode_stream
from node.core.pdf.objects import Stream


def decoded(raw: bytes, most: int = 1000, **entries: Any) -> bytes:
    return decode_stream(Stream(entries, raw), "stream", most)


def up(rows: list[bytes]) -> bytes:
    out, above = b"", bytes(len(rows[0]))
    for row in rows:
        out += b"\2" + bytes((a - b) & 255 for a, b in zip(row, above))
        above = row
    return out


def test_contents_come_back() -> None:
    assert decoded(b"plain") == b"plain"
    assert decoded(zlib.compress(b"packed"), Filter="FlateDecode") == b"packed"
    assert decoded(zlib.compress(b"packed"), Filter=["FlateDecode"], DecodeParms=[{}]) == b"packed"


def test_predicted_rows_come_back() -> None:
    rows = [b"\1\2\3", b"\1\2\4", b"\xff\0\4"]
    packed = zlib.compress(up(rows) + b"\0abc")
    parameters = {"Predictor": 12, "Columns": 3}
    found = decoded(packed, Filter="FlateDecode", DecodeParms=parameters)
    assert found == b"".join(rows) + b"abc"
    found = decoded(packed, most=12, Filter="FlateDecode", DecodeParms=parameters)
    assert len(found) == 12


@pytest.mark.parametrize(
    ("raw", "entries", "rule"),
    [
        (b"x" * 1001, {}, "more than 1000 bytes"),
        (zlib.compress(bytes(1001)), {"Filter": "FlateDecode"}, "unpacks to more than 1000"),
        (zlib.compress(b"x")[:-1], {"Filter": "FlateDecode"}, "cut off"),
        (zlib.compress(b"x") + b"x", {"Filter": "FlateDecode"}, "bytes follow"),
        (b"", {"Filter": "FlateDecode"}, "cut off"),
        (b"\x78\x9cnothing", {"Filter": "FlateDecode"}, "no zlib data"),
        (b"x", {"Filter": "LZWDecode"}, "FlateDecode alone"),
        (b"x", {"Filter": ["FlateDecode", "FlateDecode"]}, "FlateDecode alone"),
        (b"x", {"DecodeParms": {}}, "FlateDecode alone"),
        (b"x", {"Filter": "FlateDecode", "DecodeParms": {"Colors": 3}}, "no parameters but"),
        (b"x", {"Filter": "FlateDecode", "DecodeParms": {"Predictor": 2}}, "one of PNG"),
        (b"x", {"Filter": "FlateDecode", "DecodeParms": {"Predictor": 12, "Columns": 999}}, "1 to"),
        (
            zlib.compress(b"\2ab"),
            {"Filter": "FlateDecode", "DecodeParms": {"Predictor": 12, "Columns": 3}},
            "whole rows",
        ),
        (
            zlib.compress(b"\4abc"),
            {"Filter": "FlateDecode", "DecodeParms": {"Predictor": 12, "Columns": 3}},
            "None or Up",
        ),
    ],
)
def test_other_contents_are_refused(raw: bytes, entries: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule):
        decoded(raw, **entries)
