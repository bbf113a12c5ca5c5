"""The key by which a store says what it is, so that nobody reads it as something else.

It is the first key there can be: 0x00 ‖ ``format``. Its value is a JSON object; ``kind`` and
``format`` are in it whatever the version, what else there may be belongs to that version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plyvel

from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidEncoding
from node.storage.errors import StoreCorrupt, StoreFormat
from node.storage.leveldb_faults import damaged_range, storage_error

__all__ = ["FORMAT", "FORMAT_KEY", "verify_format"]

FORMAT = 1
FORMAT_KEY = b"\x00format"

_MAX_BYTES = 4096


def verify_format(database: Any, path: Path, kind: str) -> None:
    """Check that the store is of this kind and format; a store that holds nothing becomes so.

    Raises:
        StoreFormat: it is not.
        StoreCorrupt, StoreFull, StoreUnavailable: it cannot be read, or be marked.
    """
    known = f"kind {kind!r}, format {FORMAT}"
    try:
        value = database.get(FORMAT_KEY, None, verify_checksums=True)
        if value is None:
            with database.raw_iterator(verify_checksums=True) as cursor:
                cursor.seek_to_first()
                if cursor.valid():
                    raise StoreFormat(str(path), "keys, but does not say of which format", known)
            database.put(FORMAT_KEY, canonical_json({"format": FORMAT, "kind": kind}), sync=True)
            return
    except plyvel.Error as error:
        fault = storage_error(error, path, "reading the format")
        if isinstance(fault, StoreCorrupt):
            fault = StoreCorrupt(damaged_range(database, path, b""), fault.fault)
        raise fault from error
    try:
        found = decode_json_object(value, place="format", max_bytes=_MAX_BYTES)
    except InvalidEncoding as error:
        raise StoreFormat(str(path), f"a format that cannot be read ({error})", known) from error
    if found.get("kind") != kind or found.get("format") != FORMAT:
        text = f"kind {found.get('kind')!r}, format {found.get('format')}"
        raise StoreFormat(str(path), text, known)
