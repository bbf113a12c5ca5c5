"""What LevelDB's errors mean, in the words of the Store port."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import plyvel

from node.storage.errors import (
    StorageError,
    StoreCorrupt,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)

__all__ = ["damaged_range", "storage_error", "tables_holding"]

_FILE = re.compile(r"\d+\.(?:ldb|sst|log)|MANIFEST-\d+|CURRENT")
_TABLE = re.compile(rb"^ (\d+):\d+\['(.*?)' @ \d+ : [01] \.\. '(.*?)' @ \d+ : [01]\]$", re.M | re.S)
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def storage_error(error: plyvel.Error, path: Path, doing: str) -> StorageError:
    """The storage error that stands for ``error``, met in the store at ``path`` while ``doing``.

    LevelDB tells kinds of errors apart, and the system's errors by their text alone.
    """
    raw = error.args[0] if error.args else b""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    file = _FILE.search(text.replace(str(path), ""))
    where = str(path / file.group()) if file else str(path)
    fault = f"{doing}: {text}"
    if not isinstance(error, plyvel.IOError):
        return StoreCorrupt(where, fault)
    if "/LOCK: " in text:
        return StoreLocked(str(path), None)
    if any(os.strerror(number) in text for number in (errno.ENOSPC, errno.EDQUOT)):
        return StoreFull(where, fault)
    if os.strerror(errno.EINVAL) in text:
        # A table that says its blocks lie behind its end: it is shorter than it was, or damaged.
        return StoreCorrupt(where, fault)
    return StoreUnavailable(where, fault)


def damaged_range(database: Any, path: Path, last: bytes) -> str:
    """Where damage met behind key ``last`` can lie: LevelDB itself does not say."""
    tables = tables_holding(database.get_property(b"leveldb.sstables"), last)
    return f"{path}, behind key {last.hex() or '(none)'}, in {' or '.join(tables) or 'the log'}"


def tables_holding(sstables: bytes, last: bytes) -> list[str]:
    """Names of the tables in which the pair behind key ``last`` can stand.

    Args:
        sstables: LevelDB's property of that name: level by level, tables in order with the first
            and last key of each, bytes that are not printable as ``\\xhh``.
        last: the last key that could be read.
    """
    found = []
    for level in sstables.split(b"--- level ")[1:]:
        beyond = 0
        for number, first, final in _TABLE.findall(level):
            if _unescaped(final) < last:
                continue
            beyond += _unescaped(first) > last
            # Below level 0 tables do not overlap, so only the next one can come into question.
            if beyond <= 1 or level.startswith(b"0"):
                found.append(f"{int(number):06d}.ldb")
    return found


def _unescaped(key: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: bytes.fromhex(match.group(1).decode()), key)
