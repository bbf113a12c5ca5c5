"""The anchor point's document."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from node.core.anchors.point import AnchorPoint
from node.core.errors import InvalidInput

POINT = AnchorPoint("chain-a", 7, 12, b"\1" * 32, b"\2" * 32, b"\3" * 32)


def test_the_document_is_what_anybody_can_hash() -> None:
    told = {
        "chain_id": "chain-a",
        "format": "evidence-anchor/1",
        "header": "03" * 32,
        "height": 7,
        "root": "01" * 32,
        "size": 12,
        "state_root": "02" * 32,
    }
    assert json.loads(POINT.document()) == told
    plain = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    assert POINT.document() == plain
    assert POINT.digest() == hashlib.sha256(plain).digest()
    assert AnchorPoint.from_json(told) == POINT


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("format", "evidence-anchor/2", "must be evidence-anchor/1"),
        ("size", 0, "from 1"),
        ("height", -1, "from 0"),
        ("size", "12", "an integer"),
        ("root", "01" * 31, "64"),
        ("header", "0A" * 32, "lower-case"),
        ("chain_id", "", "1 to 50"),
        ("more", 1, "not a member"),
    ],
)
def test_another_form_is_refused(name: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule) as caught:
        AnchorPoint.from_json({**POINT.to_json(), name: value}, "here")
    assert caught.value.place == f"here.{name}"


@pytest.mark.parametrize("name", sorted(POINT.to_json()))
def test_every_member_is_needed_and_moves_the_digest(name: str) -> None:
    document = POINT.to_json()
    del document[name]
    with pytest.raises(InvalidInput, match="is missing"):
        AnchorPoint.from_json(document)
