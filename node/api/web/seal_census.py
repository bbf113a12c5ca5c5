"""Seals by their status. Each seal has to be looked at, since time alone makes one expire; so a
thread does it, a few at a time, and pages show what it came to last."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.core.errors import EvidenceError
from node.ledger.indexes import find
from node.rules.seals import shown_status

if TYPE_CHECKING:
    from node.ledger.reader import LedgerReader
    from node.wiring import Node

__all__ = ["Census", "SealCensus"]

_ALL = 1 << 48
_SLICE = 50
_PAUSE_SECONDS = 0.02
_AT_ONCE = 200
"""Seals that are counted while a page waits."""
_AT_MOST_EVERY_MS = 60_000


@dataclass(frozen=True)
class Census:
    """Seals by status at ``time`` (ms), as the ledger was at ``height``."""

    height: int
    time: int
    seals: dict[str, int] = field(default_factory=dict)


class SealCensus:
    """Counts again when it is asked, where the last count is old and the ledger went on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: Census | None = None
        self._ids: dict[int, str] = {}
        self._counting = False

    def newest(self, node: Node) -> Census | None:
        """The last count; None while the first one is under way."""
        with self._lock:
            if self._counting or not self._is_due(node):
                return self._newest
            self._counting = True
        try:
            with node.reader() as reader:
                indexes = list(find(reader.rows, "seal", "", limit=_ALL))
        except EvidenceError:
            self._counting = False
            raise
        if len(indexes) <= _AT_ONCE:
            self._count(node, indexes, 0.0)
        else:
            thread = threading.Thread(
                target=self._count,
                args=(node, indexes, _PAUSE_SECONDS),
                name="seal-census",
                daemon=True,
            )
            thread.start()
        return self._newest

    def _is_due(self, node: Node) -> bool:
        newest = self._newest
        if newest is None:
            return True
        with node.reader() as reader:
            went_on = reader.meta.height > newest.height
        few = len(self._ids) <= _AT_ONCE
        return went_on and (few or node.now() - newest.time >= _AT_MOST_EVERY_MS)

    def _count(self, node: Node, indexes: list[int], pause: float) -> None:
        census = self._newest
        try:
            census = self._counted(node, indexes, pause)
        except EvidenceError:  # the node stops, or its store cannot be read now
            pass
        finally:
            with self._lock:
                self._newest, self._counting = census, False

    def _counted(self, node: Node, indexes: list[int], pause: float) -> Census:
        found: Counter[str] = Counter()
        height, now = 0, node.now()
        for at in range(0, len(indexes), _SLICE):
            with node.reader() as reader:  # none is held for long: it would hold old blocks too
                height = height or reader.meta.height
                for index in indexes[at : at + _SLICE]:
                    found[self._status(reader, index, now)] += 1
            if pause:
                time.sleep(pause)
        if not height:
            with node.reader() as reader:
                height = reader.meta.height
        return Census(height, now, dict(found))

    def _status(self, reader: LedgerReader, index: int, now: int) -> str:
        es_id = self._ids.get(index)
        if es_id is None:
            es_id = self._ids[index] = reader.entry(index).transaction.data["es_id"]
        seal = reader.state(f"seal/{es_id}")
        assert seal is not None
        return shown_status(seal, now)
