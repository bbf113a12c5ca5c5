"""Publishes the statuses of all seals as Token Status Lists, 65,536 seals each.

A seal's place follows from the order in which the ledger recorded the seals: that of the n-th is
``idx`` n modulo 65,536 in list n // 65,536, the first being 0, and never changes. A list is made
when it is asked for and its next update is due.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from dataclasses import dataclass

from node.client.keys import SigningKey
from node.core.compact_jws import encode_compact_jws
from node.core.errors import InvalidInput
from node.core.seal_status import derived_status
from node.core.status_list import (
    BITS,
    MAX_LIST_SEALS,
    STATUS_LIST_TYP,
    STATUS_VALUES,
    pack_statuses,
)
from node.evidence.seal_status import StatusTimes
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader

__all__ = ["STATUS_LISTS_PATH", "PublishedList", "StatusLists"]

STATUS_LISTS_PATH = "/v1/seals/status-lists"
"""Where a node publishes them."""
_ALL = 1 << 48
_MOST_FOUND = 100_000


@dataclass(frozen=True)
class PublishedList:
    """A signed list; ``made_at`` and ``next_update`` in ms."""

    token: bytes
    made_at: int
    next_update: int


class StatusLists:
    """The lists that one member signs, of one ledger. Threads may share it.

    ``base`` is the address below which they are published, without a slash at its end.
    """

    def __init__(self, key: SigningKey, member: str, times: StatusTimes, base: str) -> None:
        self._key = key
        self._member = member
        self._times = times
        self._base = base
        self._lock = threading.Lock()  # of the indexes; held for moments
        self._making = threading.Lock()  # of the lists, each of which takes seconds
        self._found: dict[str, int] = {}
        self._indexes = array("Q")
        self._names: dict[int, list[str]] = {}
        self._made: dict[int, PublishedList] = {}

    def count(self, reader: LedgerReader) -> int:
        """How many lists there are."""
        with self._lock:
            self._catch_up(reader)
            return -(-len(self._indexes) // MAX_LIST_SEALS)

    def uri(self, number: int) -> str:
        """The address of a list."""
        return f"{self._base}/{number}"

    def place_of(self, reader: LedgerReader, es_id: str) -> dict[str, int | str]:
        """Where a seal of the state map stands: ``{"idx": …, "uri": …}``.

        Raises:
            InvalidInput: the ledger has no such seal.
        """
        index = self._found.get(es_id)
        if index is None:
            index = self._index_of(reader, es_id)
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            self._found[es_id] = index
        with self._lock:
            if not self._indexes or self._indexes[-1] < index:
                self._catch_up(reader)
            number, place = divmod(bisect_left(self._indexes, index), MAX_LIST_SEALS)
        return {"idx": place, "uri": self.uri(number)}

    @staticmethod
    def _index_of(reader: LedgerReader, es_id: str) -> int:
        """The index in the log of the record that made the seal. The look-up index forgives case,
        so it may find others too."""
        found = list(find(reader.rows, "es_id", es_id, limit=_ALL))
        for index in found:
            if len(found) == 1 or reader.entry(index).transaction.data["es_id"] == es_id:
                return index
        raise InvalidInput("es_id", f"no seal of this ledger is called {es_id}")

    def sign(self, reader: LedgerReader, number: int, now: int) -> PublishedList:
        """The list ``number``, of now, or of less than its next update ago.

        Raises:
            InvalidInput: there is no such list.
        """
        with self._making:
            held = self._made.get(number)
            if held is not None and held.made_at <= now < held.next_update:
                return held
            if not 0 <= number < self.count(reader):
                raise InvalidInput("list", f"there is no list {number}")
            made = self._sign(reader, number, now)
            self._made[number] = made
            return made

    def _sign(self, reader: LedgerReader, number: int, now: int) -> PublishedList:
        issued = now // 1000
        values = bytearray()
        for es_id in self._seals(reader, number):
            seal = reader.state(f"seal/{es_id}")
            assert seal is not None  # seals are never deleted
            status = derived_status(
                seal["status"], seal["valid_from"], seal["valid_to"], issued * 1000
            )
            values.append(STATUS_VALUES[status])
        claims = {
            "as_of": {"height": reader.meta.height, "time": reader.meta.time},
            "cid": reader.meta.chain_id,
            "exp": issued + self._times.stale_after,
            "iat": issued,
            "iss": self._member,
            "status_list": {"bits": BITS, "lst": pack_statuses(bytes(values))},
            "sub": self.uri(number),
            "ttl": self._times.next_update,
        }
        token = encode_compact_jws(STATUS_LIST_TYP, self._key.kid, claims, self._key.sign)
        until = (issued + self._times.next_update) * 1000
        return PublishedList(token.encode("ascii"), issued * 1000, until)

    def _seals(self, reader: LedgerReader, number: int) -> list[str]:
        """The es_ids of a list, in order, as far as ``reader`` sees them; read once, since they
        never change."""
        start = number * MAX_LIST_SEALS
        with self._lock:
            seen = bisect_left(self._indexes, reader.meta.size)
            indexes = self._indexes[start : min(start + MAX_LIST_SEALS, seen)]
        names = self._names.setdefault(number, [])
        missing = indexes[len(names) :]
        names += [entry.transaction.data["es_id"] for entry in reader.entries(missing)]
        return names[: len(indexes)]

    def _catch_up(self, reader: LedgerReader) -> None:
        """Take in the seals that were recorded since."""
        first = self._indexes[-1] + 1 if self._indexes else 0
        self._indexes.extend(find(reader.rows, "seal", "", limit=_ALL, first=first))
