"""Keeps the node from filling its disk: below a limit nothing more is taken, and above it again."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

__all__ = ["DiskGuard"]

_CHECK_SECONDS = 1.0


class DiskGuard:
    """Looks at the free space of ``path``, at most once a second."""

    def __init__(self, path: Path, min_free_bytes: int) -> None:
        self._path = path
        self._min_free = min_free_bytes
        self._checked = -_CHECK_SECONDS
        self._reason: str | None = None

    def reason(self) -> str | None:
        """Why nothing can be taken now, None while there is space."""
        now = time.monotonic()
        if now - self._checked >= _CHECK_SECONDS:
            self._checked = now
            free = shutil.disk_usage(self._path).free
            self._reason = None
            if free < self._min_free:
                self._reason = (
                    f"only {free >> 20} MiB are free on the disk of {self._path}, at least "
                    f"{self._min_free >> 20} must be; free some, and the node goes on by itself"
                )
        return self._reason
