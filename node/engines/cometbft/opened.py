"""Frames that have been opened: signatures checked once, however often the engine asks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256

from node.core.errors import InvalidInput
from node.core.signatures import PublicJwk
from node.ledger.application import OpenedFrame
from node.ledger.intake import Intake, KeyRing

__all__ = ["OpenedFrames", "frame_id"]

_MOST_BYTES = 64 << 20
_WEIGHT = 24
"""Bytes of memory for each packed byte of a frame, its parsed transactions with it."""


def frame_id(frame: bytes) -> bytes:
    """SHA-256 of a frame: what the engine calls a transaction's hash."""
    return sha256(frame).digest()


class _Intakes(threading.local):
    def __init__(self, ring: KeyRing) -> None:
        self.intake = Intake(ring)
        self.ring = ring


class OpenedFrames:
    """Opens frames and remembers them until they are in a block. Safe for threads.

    A frame that was proposed and never decided is forgotten when there are too many.
    """

    def __init__(self, ring: KeyRing, most_bytes: int = _MOST_BYTES) -> None:
        self._intakes = _Intakes(ring)
        self._most_bytes = most_bytes
        self._held: OrderedDict[bytes, OpenedFrame] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add_keys(self, keys: Mapping[str, PublicJwk]) -> None:
        """These keys are registered: from the next block on, who proposes a frame with a bad
        signature of one of them is refused, by every node, whatever it has seen of it before."""
        if keys:
            self._intakes.ring.add(keys)

    def _is_stale(self, held: OpenedFrame) -> bool:
        """Whether a key has been registered since, whose signature in it was not looked at."""
        known = self._intakes.ring.get
        return any(item[3] and known(item[4][4]) is not None for item in held.taken)

    def put(self, opened: OpenedFrame) -> bytes:
        """Remember a frame that somebody else has opened; its id."""
        identifier = frame_id(opened.frame)
        with self._lock:
            if identifier not in self._held:
                self._held[identifier] = opened
                self._bytes += _WEIGHT * len(opened.frame)
            while self._bytes > self._most_bytes and len(self._held) > 1:
                _, dropped = self._held.popitem(last=False)
                self._bytes -= _WEIGHT * len(dropped.frame)
        return identifier

    def open(self, frame: bytes) -> OpenedFrame:
        """The frame with its transactions.

        Raises:
            InvalidInput: it is undecodable, or a transaction in it malformed or badly signed.
        """
        with self._lock:
            held = self._held.get(frame_id(frame))
        if held is not None and not self._is_stale(held):
            return held
        self.forget(frame)
        opened = OpenedFrame(frame, self._intakes.intake.open_frame(frame))
        self.put(opened)
        return opened

    def flaw(self, frame: bytes) -> InvalidInput | None:
        """Why the frame cannot be opened; None where it can."""
        try:
            self.open(frame)
        except InvalidInput as error:
            return error
        return None

    def forget(self, frame: bytes) -> None:
        """The frame is in a block."""
        with self._lock:
            held = self._held.pop(frame_id(frame), None)
            if held is not None:
                self._bytes -= _WEIGHT * len(held.frame)
