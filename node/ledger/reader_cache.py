"""What readers keep for the next one: frames of block bodies, unpacked, and dossiers' indexes."""

from __future__ import annotations

import threading
from collections import OrderedDict

import zstandard

from node.core.errors import InvalidInput, LedgerFault
from node.core.frame import unpack
from node.ledger.dossier_indexes import DossierIndexes
from node.storage.ports import SegmentRef, Segments

__all__ = ["ReaderCache"]

Body = tuple[int, int, int]
Span = tuple[int, int]
_MOST_BYTES = 24 << 20


class _Decompressors(threading.local):
    """Each thread's own."""

    def __init__(self) -> None:
        self.decompressor = zstandard.ZstdDecompressor()


class ReaderCache:
    """The unpacked content of the frames read last, and in ``dossiers`` where the records of the
    dossiers read last lie. Neither ever changes. Safe for threads."""

    def __init__(self, bodies: Segments) -> None:
        self._bodies = bodies
        self._held: OrderedDict[tuple[Body, Span], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._threads = _Decompressors()
        self.dossiers = DossierIndexes()

    def packed(self, body: Body, span: Span) -> bytes:
        """A frame as it lies in its body."""
        return self._bodies.read_range(SegmentRef(*body), *span)

    def content(self, body: Body, span: Span) -> bytes:
        """A frame's unpacked content.

        Raises:
            LedgerFault: what lies there is no frame.
        """
        place = (body, span)
        with self._lock:
            held = self._held.get(place)
            if held is not None:
                self._held.move_to_end(place)
                return held
        try:
            content = unpack(self.packed(body, span), self._threads.decompressor)
        except InvalidInput as error:
            raise LedgerFault(
                f"segment {body[0]}, offset {body[1]}: {error}; run `evidence-node audit`, then "
                "restore a backup"
            ) from error
        with self._lock:
            if place not in self._held:
                self._held[place] = content
                self._bytes += len(content)
            while self._bytes > _MOST_BYTES:
                self._bytes -= len(self._held.popitem(last=False)[1])
        return content
