"""Directories whose entries survive a loss of power: a new name is durable once its folder is."""

from __future__ import annotations

import os
from pathlib import Path

from node.storage.errors import StoreUnavailable, from_os_error

__all__ = ["ensure_directory", "remove_file", "sync_directory"]


def sync_directory(path: Path) -> None:
    """Make durable which names ``path`` holds.

    Raises:
        StoreUnavailable, StoreFull: the system refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(error, str(path), "syncing the directory") from error


def ensure_directory(path: Path, *, create: bool) -> None:
    """See to it that the directory is there, with every folder above it, durably.

    Raises:
        StoreUnavailable: it is not there and is not to be made, or cannot be.
    """
    if path.is_dir():
        return
    if not create:
        raise StoreUnavailable(str(path), "there is no such directory")
    missing = [path, *(folder for folder in path.parents if not folder.exists())]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, str(path), "making the directory") from error
    for folder in missing:
        sync_directory(folder.parent)


def remove_file(path: Path) -> int:
    """Delete a file, durably.

    Returns:
        Its size in bytes.

    Raises:
        StoreUnavailable: it cannot be deleted.
    """
    try:
        size = path.stat().st_size
        path.unlink()
    except OSError as error:
        raise from_os_error(error, str(path), "deleting") from error
    sync_directory(path.parent)
    return size
