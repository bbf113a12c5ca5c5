"""Reading LevelDB: the same from the store as it is and from a snapshot of it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import plyvel

from node.storage.gate import Gate
from node.storage.leveldb_faults import storage_error
from node.storage.ports import FIRST_KEY

__all__ = ["LevelReader", "LevelSnapshot"]

_READ_AHEAD_PAIRS = 256
_READ_AHEAD_BYTES = 1 << 20


class LevelReader(ABC):
    """`ports.Reader` over what plyvel can read from: a database, or a snapshot of one."""

    def __init__(self, source: Any, path: Path) -> None:
        self._source = source
        self._path = path
        self._gate = Gate(str(path))

    def get(self, key: bytes) -> bytes | None:
        """See `ports.Reader`."""
        with self._gate:
            try:
                value: bytes | None = self._source.get(key, None, verify_checksums=True)
            except plyvel.Error as error:
                raise storage_error(error, self._path, f"reading key {key.hex()}") from error
        return value if key >= FIRST_KEY else None

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ports.Reader`."""
        with self._gate:
            cursor = self._source.raw_iterator(verify_checksums=True)
        return self._pairs(cursor, max(start, FIRST_KEY), stop, reverse)

    def _pairs(
        self, cursor: Any, start: bytes, stop: bytes | None, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        """Read ahead in growing steps: many callers want one pair, others all of them."""
        last = stop if reverse else start
        wanted = 1
        more = True
        try:
            self._position(cursor, start, stop, reverse)
            while more:
                pairs: list[tuple[bytes, bytes]] = []
                fault = None
                with self._gate:
                    try:
                        more = _take(cursor, pairs, wanted, start, stop, reverse)
                    except plyvel.Error as error:
                        fault = error
                yield from pairs
                last = pairs[-1][0] if pairs else last
                if fault is not None:
                    doing = f"scanning {'down' if reverse else 'up'} from key {_text(last)}"
                    raise storage_error(fault, self._path, doing) from fault
                wanted = min(4 * wanted, _READ_AHEAD_PAIRS)
        finally:
            cursor.close()

    def _position(self, cursor: Any, start: bytes, stop: bytes | None, reverse: bool) -> None:
        with self._gate:
            try:
                if not reverse:
                    cursor.seek(start)
                elif stop is None:
                    cursor.seek_to_last()
                else:
                    cursor.seek(stop)
                    if cursor.valid():
                        cursor.prev()
                    else:
                        cursor.seek_to_last()
            except plyvel.Error as error:
                doing = f"going to key {_text(stop if reverse else start)}"
                raise storage_error(error, self._path, doing) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """See `ports.Reader`."""


def _text(key: bytes | None) -> str:
    return "(the last)" if key is None else key.hex() or "(the first)"


def _take(
    cursor: Any,
    pairs: list[tuple[bytes, bytes]],
    wanted: int,
    start: bytes,
    stop: bytes | None,
    reverse: bool,
) -> bool:
    """Move up to ``wanted`` pairs of the range to ``pairs``; whether there may be more."""
    step = cursor.prev if reverse else cursor.next
    room = _READ_AHEAD_BYTES
    while cursor.valid():
        key = cursor.key()
        if key < start or (stop is not None and key >= stop):
            return False
        value = cursor.value()
        pairs.append((key, value))
        step()
        room -= len(value)
        if len(pairs) == wanted or room < 0:
            return True
    return False


class LevelSnapshot(LevelReader):
    """What a LevelStore held at one moment."""

    def __init__(self, source: Any, path: Path) -> None:
        super().__init__(source, path)
        self._closing = threading.Lock()

    def close(self) -> None:
        """See `ports.Reader`."""
        with self._closing:
            self._gate.shut()
            self._source.close()
