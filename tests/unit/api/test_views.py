"""node.api.views, on a ledger that is a dictionary."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from node.api.views import Views

MEMBER = {"name": "旧名", "next": {"name": {"from": 12, "value": "新名"}}}


@pytest.mark.parametrize(("height", "name"), [(11, "旧名"), (12, "新名")])
def test_a_member_is_shown_by_the_name_in_force(height: int, name: str) -> None:
    state = {"member/court-a": MEMBER}
    reader: Any = SimpleNamespace(meta=SimpleNamespace(height=height), state=state.get)
    assert Views(reader, 0).member("court-a") == {"id": "court-a", "name": name}
    assert Views(reader, 0).member("gone") == {"id": "gone", "name": "gone"}
