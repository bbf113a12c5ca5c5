"""Where the embedded chain keeps its blocks and state: one SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from eth.db.backends.base import BaseDB

from chaincode_adapters.errors import Misconfigured, Unreachable
from chaincode_adapters.evm.recursion import lower_recursion_limit

__all__ = ["ChainStore"]

lower_recursion_limit()


class ChainStore(BaseDB):
    """Keys and values of py-evm's chain.

    What is written is durable once `commit` returns; what was written after the last one is gone
    when the process ends.
    """

    def __init__(self, path: Path) -> None:
        """Raises Unreachable: another process has it. Misconfigured: it is no such file."""
        try:
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=0
            )
        except sqlite3.Error as error:
            raise Misconfigured(f"path: {path}: {error}") from error
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" not in str(error):
                raise Misconfigured(f"path: {path}: {error}") from error
            raise Unreachable(f"{path} is used by another process") from error
        except sqlite3.Error as error:
            self._connection.close()
            raise Misconfigured(f"path: {path}: {error}") from error

    def _prepare(self) -> None:
        # A second process with the same chain would fork it: it is kept out.
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
            " WITHOUT ROWID"
        )

    def commit(self) -> None:
        """Make everything so far durable."""
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN IMMEDIATE")

    def roll_back(self) -> None:
        """Forget what was written since the last commit."""
        self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Close the file, without what was not committed. May be called more than once."""
        self._connection.close()

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, bytes(value)))

    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("DELETE FROM kept WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        found = self._connection.execute("SELECT 1 FROM kept WHERE key = ?", (key,)).fetchone()
        return found is not None
