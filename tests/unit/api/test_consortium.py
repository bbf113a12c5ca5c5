"""node.api.consortium, on a ledger that is a few lists."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from node.api import consortium


def test_of_many_proposals_the_newest_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(rows: object, kind: str, value: str, *, limit: int) -> Iterator[int]:
        assert (kind, value) == ("proposal", "")
        yield from list(range(5))[:limit]

    def entries(indexes: Any) -> list[Any]:
        return [SimpleNamespace(transaction=SimpleNamespace(sub=f"sub-{at}")) for at in indexes]

    monkeypatch.setattr(consortium, "find", find)
    monkeypatch.setattr(consortium, "_MOST_PROPOSALS", 2)
    reader: Any = SimpleNamespace(rows=None, entries=entries)
    view: Any = None
    assert consortium._subjects(reader, view, "all") == ["sub-3", "sub-4"]
