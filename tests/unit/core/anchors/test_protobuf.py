"""What anybody can send: messages whose repeated fields cost more than their bytes."""

from __future__ import annotations

import pytest

from node.core.anchors.protobuf import MESSAGE, Field, read_message
from node.core.errors import InvalidEncoding

LIST = {1: Field("items", MESSAGE, repeated=True)}


def test_a_repeated_field_has_a_bounded_number_of_items() -> None:
    assert len(read_message(b"\x0a\x00" * 1000, "m", LIST)["items"]) == 1000
    with pytest.raises(InvalidEncoding, match=r"m\.items: has more than 1000 items"):
        read_message(b"\x0a\x00" * 1_500_000, "m", LIST)
