"""A file mapped into memory: searched like bytes, and read by pyHanko like a file."""

from __future__ import annotations

from mmap import mmap
from typing import Any

__all__ = ["MappedFile"]


class MappedFile(mmap):
    """A mapping that can also be read into a buffer, which the library asks of its streams.

    Searched, it is like bytes: from its beginning, and not from wherever it was last read.
    """

    def find(self, mark: Any, start: int = 0, end: int | None = None) -> int:
        """Where ``mark`` first stands, -1 if nowhere."""
        return super().find(mark, start, len(self) if end is None else end)

    def rfind(self, mark: Any, start: int = 0, end: int | None = None) -> int:
        """Where ``mark`` last stands, -1 if nowhere."""
        return super().rfind(mark, start, len(self) if end is None else end)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Read as much as ``buffer`` takes; how many bytes that were."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
