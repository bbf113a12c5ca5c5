"""What streams are packed with: FlateDecode and its PNG predictors (ISO 32000-2 §7.4.4)."""

from __future__ import annotations

import zlib
from typing import Any

from node.core.errors import InvalidEncoding
from node.core.pdf.objects import Stream

__all__ = ["decode_stream"]

_UP, _MOST_COLUMNS = 2, 64


def decode_stream(stream: Stream, place: str, most: int) -> bytes:
    """The contents of a stream, at most ``most`` bytes: as they stand, or inflated.

    Raises:
        InvalidEncoding: packed in another way, not whole, or larger.
    """
    entries = stream.entries
    if not {"Filter", "DecodeParms"} & set(entries):
        if len(stream.raw) > most:
            raise InvalidEncoding(place, f"has more than {most} bytes")
        return stream.raw
    if entries.get("Filter") not in ("FlateDecode", ["FlateDecode"]):
        raise InvalidEncoding(place, "must be packed with FlateDecode alone, or not at all")
    parameters = entries.get("DecodeParms", {})
    if isinstance(parameters, list) and len(parameters) == 1:
        parameters = parameters[0]
    columns = _read_columns(parameters, place)
    grown = most if columns is None else most + most // columns + 1
    data = _inflate(stream.raw, place, grown)
    return data if columns is None else _unpredict(data, columns, place)


def _inflate(packed: bytes, place: str, most: int) -> bytes:
    """Zlib data (RFC 1950), whole and with nothing behind it."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, most + 1)
    except zlib.error as error:
        raise InvalidEncoding(place, "is no zlib data (RFC 1950)") from error
    if len(data) > most:
        raise InvalidEncoding(place, f"unpacks to more than {most} bytes")
    if not inflater.eof or inflater.unused_data:
        raise InvalidEncoding(place, "is cut off, or bytes follow the zlib data")
    return data


def _read_columns(parameters: Any, place: str) -> int | None:
    """How many bytes a row has that a PNG predictor made, or None where none did."""
    if parameters == {}:
        return None
    known = {"Predictor", "Columns"}
    if not isinstance(parameters, dict) or not set(parameters) <= known:
        raise InvalidEncoding(place, "must have no parameters but Predictor and Columns")
    predictor, columns = parameters.get("Predictor", 1), parameters.get("Columns", 1)
    if type(predictor) is int and predictor == 1:
        return None
    if type(predictor) is not int or not 10 <= predictor <= 15 or type(columns) is not int:
        raise InvalidEncoding(place, "its predictor must be one of PNG, with rows of whole bytes")
    if not 1 <= columns <= _MOST_COLUMNS:
        raise InvalidEncoding(place, f"its rows must have 1 to {_MOST_COLUMNS} bytes")
    return columns


def _unpredict(data: bytes, columns: int, place: str) -> bytes:
    """Undo the predictors None and Up, which are what cross-reference streams are written with."""
    if len(data) % (columns + 1):
        raise InvalidEncoding(place, "does not hold whole rows")
    out, above = bytearray(), bytes(columns)
    for start in range(0, len(data), columns + 1):
        kind, row = data[start], data[start + 1 : start + 1 + columns]
        if kind not in (0, _UP):
            raise InvalidEncoding(place, "its rows must be predicted by None or Up")
        if kind == _UP:
            row = bytes((a + b) & 0xFF for a, b in zip(above, row))
        out += row
        above = row
    return bytes(out)
