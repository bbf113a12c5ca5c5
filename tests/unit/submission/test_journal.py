from __future__ import annotations

from pathlib import Path

from node.storage.memory import MemorySegments
from node.storage.segments import FileSegments
from node.submission.journal import Journal


def test_what_is_not_settled_is_left_over() -> None:
    segments = MemorySegments()
    journal = Journal(segments)
    first, second = journal.append(b"one"), journal.append(b"two")
    journal.sync()
    journal.settle(first)
    again = Journal(segments)
    # settling is by segment: what shares one with an unsettled frame comes again, and is known then
    assert [frame for _, frame in again.left_over()] == [b"one", b"two"]
    assert again.unsettled == 2
    assert second > first


def test_settled_segments_are_deleted_and_the_last_stays(tmp_path: Path) -> None:
    segments = FileSegments(tmp_path / "journal", max_bytes=64)
    journal = Journal(segments)
    references = [journal.append(bytes([number]) * 40) for number in range(5)]
    journal.sync()
    files = set((tmp_path / "journal").glob("*"))
    journal.settle(references[1])
    assert set((tmp_path / "journal").glob("*")) == files, "the first is not settled yet"
    journal.settle(references[0])
    assert len(set((tmp_path / "journal").glob("*"))) == len(files) - 2
    for reference in references[2:]:
        journal.settle(reference)
    assert journal.unsettled == 0
    assert [frame for _, frame in Journal(segments).left_over()] == [bytes([4]) * 40]
    segments.close()


def test_an_empty_journal_has_nothing_left() -> None:
    assert list(Journal(MemorySegments()).left_over()) == []


def test_it_is_emptied_only_when_all_is_settled(tmp_path: Path) -> None:
    segments = FileSegments(tmp_path / "journal", max_bytes=64)
    journal = Journal(segments)
    references = [journal.append(bytes([number]) * 40) for number in range(3)]
    journal.sync()
    for reference in references[:2]:
        journal.settle(reference)
    journal.empty()
    assert bytes([2]) * 40 in [frame for _, frame in Journal(segments).left_over()]
    journal.settle(references[2])
    journal.empty()
    assert list(Journal(segments).left_over()) == []
    journal.append(b"after it")
    journal.sync()
    assert [frame for _, frame in Journal(segments).left_over()] == [b"after it"]
    segments.close()
