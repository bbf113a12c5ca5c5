"""The examples in the specification of receipts are receipts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from builders.judicial_setup import OPERATOR
from builders.rest_receipts import TIME, trusting

from node.core.anchors.point import AnchorPoint
from node.core.anchors.rekor import verify_rekor
from node.core.anchors.rest import verify_rest
from node.core.signatures import load_backend

SPEC = Path(__file__).parents[4] / "docs" / "spec"


def examples(name: str) -> list[Any]:
    """The JSON blocks behind the heading of the examples."""
    text = re.split(r"\n## Examples?\n", (SPEC / name).read_text())[1]
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def test_receipts_of_rest_services() -> None:
    point, *rest = examples("anchor-rest.md")
    assert len(rest) == 4
    for receipt, entry in (rest[:2], rest[2:]):
        vouched = verify_rest(
            receipt, AnchorPoint.from_json(point), trusting(entry), load_backend(), "receipt"
        )
        assert (vouched.by, vouched.time) == (OPERATOR, TIME)


def test_receipts_of_logs() -> None:
    point, receipt, entry = examples("anchor-rekor.md")
    vouched = verify_rekor(
        receipt, AnchorPoint.from_json(point), trusting(entry), load_backend(), "receipt"
    )
    assert (vouched.by, vouched.time) == ("某公证处", 1_795_422_846_999)
