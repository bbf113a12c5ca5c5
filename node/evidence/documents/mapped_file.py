"""A file mapped into memory: searched like bytes, and read by pyHanko like a file."""

from __future__ import annotations

from mmap import mmap

__all__ = ["MappedFile"]


class MappedFile(mmap):
    """A mapping that can also be read into a buffer, which the library asks of its streams."""

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Read as much as ``buffer`` takes; how many bytes that were."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
