"""Which (iss, jti) the chain holds: the index of them, and in memory which it does not.

Nearly every transaction is new, and a look-up that finds nothing is the dearest there is. What is
in memory is made when the node starts, beside its work; until then every look-up is made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress

from node.ledger.key_filter import KeyFilter
from node.ledger.rows import ISSUED
from node.storage.errors import StorageError
from node.storage.ports import Store

__all__ = ["IssuedKeys"]

_END = ISSUED + b"\xff" * 17
_AT_ONCE = 1024


class IssuedKeys:
    """The index ``j`` of a store, which one thread adds to and any thread may ask.

    ``empty`` says that there is nothing in it yet.
    """

    def __init__(self, store: Store, *, empty: bool) -> None:
        self._store = store
        self._young = KeyFilter()
        self._written: KeyFilter | None = KeyFilter(1) if empty else None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, keys: Iterable[bytes]) -> None:
        """These will be in the index: a block holds them."""
        self._young.add(keys)

    def find(self, key: bytes) -> int | None:
        """The index of the entry with this issuer key, as of the last written block."""
        written = self._written
        if written is not None and not written.may_hold(key) and not self._young.may_hold(key):
            return None
        row = self._store.get(ISSUED + key)
        return None if row is None else int.from_bytes(row, "big")

    def learn(self) -> None:
        """Begin to read, in a thread of its own, what was written before this was made."""
        if self._written is not None:
            return
        snapshot = self._store.snapshot()

        def read() -> None:
            known = KeyFilter()
            keys: list[bytes] = []
            # A store that does not let itself be read is told of by whoever needs the row.
            with suppress(StorageError), snapshot:
                for key, _ in snapshot.scan(ISSUED, _END):
                    keys.append(key[1:])
                    if len(keys) == _AT_ONCE:
                        known.add(keys)
                        keys.clear()
                        if self._closing.is_set():
                            return
                known.add(keys)
                self._written = known

        self._thread = threading.Thread(target=read, name="issued-keys", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the index has been read, which takes a second for a million records."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Have the thread end, and wait for it."""
        self._closing.set()
        self.wait()
