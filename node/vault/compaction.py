"""Making deleted bytes go: a store that never overwrites keeps them until it rewrites its files.

LevelDB's compaction of a range moves it down to the lowest level that has a file of it, and does
not rewrite that lowest file. A row that was written and deleted before it first left the memory
lies there with its deletion, and both stay, however often one compacts. So it is done twice: the
first time brings everything from the memory and the log into files; then two empty rows are written
at the ends of the range, newer than all those files and overlapping them, so that the second time
has to merge the lot, and leaves out what was deleted.

What no compaction reaches: old versions that an open snapshot or iterator still shows (a backup
under way), blocks that the file system freed but did not overwrite, copies in backups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.vault.rows import FIRST_MARK, LAST_MARK, after

if TYPE_CHECKING:
    from node.storage.ports import Store

__all__ = ["rewrite_range"]


def rewrite_range(store: Store, prefix: bytes) -> None:
    """Rid the store's files of deleted and replaced rows whose names begin with ``prefix``."""
    store.compact_range(prefix, after(prefix))
    marks = (prefix + FIRST_MARK, prefix + LAST_MARK)
    batch = store.batch()
    for mark in marks:
        batch.put(mark, b"")
    store.write(batch, sync=True)
    store.compact_range(prefix, after(prefix))
    batch = store.batch()
    for mark in marks:
        batch.delete(mark)
    store.write(batch, sync=True)
