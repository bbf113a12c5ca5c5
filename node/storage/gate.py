"""Keeps a native object alive as long as some thread is inside one of its calls.

LevelDB crashes the process when it is closed under a running read. A lock around every read would
make readers wait for each other; this only counts them, with list operations that are atomic.
"""

from __future__ import annotations

import threading

from node.storage.errors import StoreClosed

__all__ = ["Gate"]


class Gate:
    """``with gate:`` around each call; `shut` returns once nobody is inside, then nobody enters."""

    __slots__ = ("_empty", "_inside", "_name", "_shut")

    def __init__(self, name: str) -> None:
        self._name = name
        self._inside: list[None] = []
        self._shut = False
        self._empty = threading.Event()

    def __enter__(self) -> None:
        # In this order: whoever shuts the gate sets the mark first and looks inside afterwards.
        self._inside.append(None)
        if self._shut:
            self._leave()
            raise StoreClosed(self._name, "has been closed")

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        self._inside.pop()
        if self._shut and not self._inside:
            self._empty.set()

    def shut(self) -> None:
        """Let nobody in any more, and wait for those inside."""
        self._shut = True
        while self._inside:
            self._empty.wait()
