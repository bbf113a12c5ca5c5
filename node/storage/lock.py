"""One process at a time has a directory, and the one that waits learns which.

LevelDB locks its directory too, but cannot say who holds it, and segments have no lock of their
own. This is a POSIX record lock on a file that holds the owner's process id: the kernel lets go
of it when the process ends, however it ends, and children that it forked do not inherit it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from node.storage.errors import StoreLocked, from_os_error

__all__ = ["LOCK_NAME", "DirectoryLock"]

LOCK_NAME = "owner.pid"

# A record lock does not keep a process out of what it has locked itself, and closing *any*
# descriptor of the file gives it up: so each process also keeps a list, and looks there first.
# (Its forked children inherit the list, but not the locks.)
_held: dict[Path, int] = {}
_held_guard = threading.Lock()


class DirectoryLock:
    """The right to write in a directory, held from construction to `release`.

    Raises:
        StoreLocked: somebody has it.
        StoreUnavailable: the lock file cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory.resolve() / LOCK_NAME
        with _held_guard:
            if _held.get(self._path) == os.getpid():
                raise StoreLocked(str(directory), os.getpid())
            self._descriptor: int | None = self._lock(directory)
            _held[self._path] = os.getpid()

    def _lock(self, directory: Path) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise from_os_error(error, str(self._path), "opening the lock file") from error
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            holder = _owner(descriptor)
            os.close(descriptor)
            raise StoreLocked(str(directory), holder) from error
        except OSError as error:
            os.close(descriptor)
            raise from_os_error(error, str(self._path), "locking") from error
        return descriptor

    def release(self) -> None:
        """Give the directory back; a second time does nothing."""
        with _held_guard:
            if self._descriptor is None:
                return
            _held.pop(self._path, None)
            os.close(self._descriptor)
            self._descriptor = None


def _owner(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
