"""Looks at LevelDB's files before LevelDB does, for damage that it would take for something else.

With `paranoid_checks` LevelDB refuses every damaged byte of its files but in two cases, and then
goes on to *delete* what it believes to be unused:

- Its logs (``*.log``, the batches not yet in tables; ``MANIFEST-*``, the list of tables) consist of
  blocks of 32 KiB with records of u32 masked CRC-32C ‖ u16 length ‖ u8 type ‖ data, little-endian.
  A record in the last block whose length runs past the end of the file is taken for the torn end
  of a write that a crash interrupted, and dropped in silence with all that stands behind it. One
  bit flipped in a length makes any record of the last block look so. It can be told: for some
  shorter length the checksum holds.
- A directory without CURRENT is taken for a new one, without any ``*.log`` for one that had
  nothing in its log.

What this cannot tell from a crash: whole records cut off at the end of the last log. A counter in
every batch would show that only with a second file to compare it with, synced each time. The ledger
has one: its block bodies, synced in segments before the batch that names them. What stands there
behind the last record that the store names was lost from the store, or never reached it, and is
applied again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from node.storage.errors import StoreCorrupt, from_os_error

__all__ = ["verify_directory", "verify_log_end"]

_BLOCK = 32768
_HEADER = 7
_MASK_DELTA = 0xA282EAD8
_CONTENT = re.compile(r"\d+\.(?:ldb|sst|log)")
_FIRST_MANIFEST = "MANIFEST-000001"


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _crc32c_table()


def _running_crc32c(data: bytes) -> Iterator[int]:
    """CRC-32C (RFC 3720 §12.1) of the first byte of ``data``, of the first two, and so on."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
        yield crc ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def verify_log_end(path: Path) -> None:
    """Check that the last record of a log, if it looks cut short, really is.

    Raises:
        StoreCorrupt: it is whole, and its length is what is wrong.
        StoreUnavailable: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = size - size % _BLOCK
            file.seek(start)
            block = file.read()
    except OSError as error:
        raise from_os_error(error, str(path), "reading") from error
    offset = 0
    while offset + _HEADER <= len(block):
        expected = int.from_bytes(block[offset : offset + 4], "little")
        length = int.from_bytes(block[offset + 4 : offset + 6], "little")
        end = offset + _HEADER + length
        if end > len(block):
            typed_data = block[offset + 6 :]
            if any(_masked(crc) == expected for crc in _running_crc32c(typed_data)):
                raise StoreCorrupt(
                    f"{path} at offset {start + offset}",
                    "the record's length is damaged: its checksum holds for a shorter one",
                )
            return
        offset = end


def verify_directory(path: Path) -> bool:
    """Check the files of a LevelDB directory as far as LevelDB does not.

    Returns:
        Whether there is a database; without one the directory is free to make one in.

    Raises:
        StoreCorrupt: files that must be there are missing, or a log's end is damaged.
        StoreUnavailable: the directory cannot be read.
    """
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise from_os_error(error, str(path), "reading the directory") from error
    manifests = [name for name in names if name.startswith("MANIFEST-")]
    has_content = any(_CONTENT.fullmatch(name) for name in names) or any(
        name != _FIRST_MANIFEST for name in manifests
    )
    if "CURRENT" not in names:
        if has_content:
            raise StoreCorrupt(f"{path}/CURRENT", "is missing beside the files of a database")
        return False
    logs = [name for name in names if name.endswith(".log")]
    if has_content and not logs:
        raise StoreCorrupt(str(path), "has lost its log of recent writes (*.log)")
    for name in [*manifests, *logs]:
        verify_log_end(path / name)
    return True
