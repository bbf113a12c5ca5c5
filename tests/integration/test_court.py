"""`make court`, with fewer dossiers and cases: the whole story, as a clerk would see it told."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.court_story import play

CASES = ("good-case", "last-record-withheld", "stale-head", "key-after-its-heights")


@pytest.mark.slow
def test_the_whole_story(tmp_path: Path) -> None:
    told: list[str] = []
    play(tmp_path, dossiers=50, say=told.append, names=CASES)
    text = "\n".join(told)
    assert text.count("accepted, ") == 3
    assert text.count("REFUSED at P3") == 3
    assert "4 cases, 0 disagreements" in text
    assert len(list((tmp_path / "court" / "screens").iterdir())) == 18
    table = (tmp_path / "court" / "corpus.txt").read_text("utf-8")
    assert "last-record-withheld" in table
    assert table.count("refused at 10 ") == 2
