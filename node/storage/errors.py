"""Every error that the stores raise.

EvidenceError
└── StorageError            where it happened, what is wrong there, and what to do about it
    ├── StoreLocked         another process, or another part of this one, has the store
    ├── StoreFormat         the store is of another kind, or newer than this program
    ├── StoreCorrupt        what is stored is not what was written (also a LedgerFault)
    ├── StoreFull           no space or no quota is left
    ├── StoreUnavailable    the operating system refuses to read, write or sync
    ├── StoreClosed         the store, snapshot or segments have been closed
    └── SegmentDropped      the record stood in a segment that has been dropped on purpose
"""

from __future__ import annotations

import errno

from node.core.errors import EvidenceError, LedgerFault

__all__ = [
    "SegmentDropped",
    "StorageError",
    "StoreClosed",
    "StoreCorrupt",
    "StoreFormat",
    "StoreFull",
    "StoreLocked",
    "StoreUnavailable",
    "from_os_error",
]


class StorageError(EvidenceError):
    """A store could not do what was asked of it.

    ``where`` names the file, with segment and offset or the key range; ``fault`` says what is
    wrong there; ``remedy`` says what to do.
    """

    remedy = "see the node's log"

    def __init__(self, where: str, fault: str) -> None:
        super().__init__(where, fault)
        self.where = where
        self.fault = fault

    def __str__(self) -> str:
        return f"{self.where}: {self.fault}; {self.remedy}"

    def repeated(self) -> StorageError:
        """The error for a later call that is refused because of this one."""
        error = type(self)(*self.args)
        error.fault = f"refused since an earlier call failed ({self.fault})"
        return error


class StoreLocked(StorageError):
    """Somebody else has the store. ``pid`` is the holder's process id, when it is known."""

    remedy = "stop that process first, or give this one a directory of its own"

    def __init__(self, where: str, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(where, f"is in use by {holder}")
        self.args = (where, pid)
        self.pid = pid


class StoreFormat(StorageError):
    """The store is not of the kind and format that this program reads; it was left as it is."""

    remedy = "run the version of the program that wrote it, or name another directory"

    def __init__(self, where: str, found: str, known: str) -> None:
        super().__init__(where, f"holds {found}, and this program reads {known}")
        self.args = (where, found, known)
        self.found = found
        self.known = known


class StoreCorrupt(StorageError, LedgerFault):
    """What is stored is not what was written: a checksum or a structure does not hold."""

    remedy = (
        "keep a copy of the directory as it is, check the disk, then restore a backup or let the "
        "node rebuild from its peers, and audit the ledger"
    )


class StoreFull(StorageError):
    """The file system has no space or no quota left."""

    remedy = "free some space and start again; whatever was synced is there"


class StoreUnavailable(StorageError):
    """The operating system refused to read, write or sync."""

    remedy = (
        "look at the disk and at the rights on the directory, then start again; whatever was "
        "synced is there"
    )


class StoreClosed(StorageError):
    """The store, snapshot or segments have been closed."""

    remedy = "open it again"


class SegmentDropped(StorageError):
    """The record stood in a segment that has been dropped on purpose."""

    remedy = "ask a node or an archive that keeps it"


def from_os_error(error: OSError, where: str, doing: str) -> StorageError:
    """The storage error that stands for ``error``, met while ``doing`` (“writing”) at ``where``."""
    kind = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreUnavailable
    return kind(where, f"{doing}: {error.strerror or error}")
