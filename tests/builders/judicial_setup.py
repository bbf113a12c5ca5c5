"""Adapters of the tests' own judicial services, as the example files describe them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builders.judicial_service import JudicialService
from builders.key_files import write_key

from chaincode_adapters.port import Surroundings
from chaincode_adapters.rest.adapter import RestAdapter
from chaincode_adapters.rest.building import build
from chaincode_adapters.rest.settings import RestSettings
from node.core.anchors.point import AnchorPoint

__all__ = ["EXAMPLES", "OPERATOR", "point_of", "rest_adapter"]

EXAMPLES = Path(__file__).parents[2] / "config" / "anchors"
OPERATOR = "某市中级人民法院"


def point_of(number: int = 1, chain_id: str = "seals-of-zhengzhou") -> AnchorPoint:
    """A point; another one for another number."""
    return AnchorPoint(
        chain_id, 10 * number, 100 + number, bytes([number]) * 32, b"\x22" * 32, b"\x33" * 32
    )


def now_ms() -> int:
    return int(time.time() * 1000)


def rest_adapter(
    service: JudicialService,
    home: Path,
    *,
    now: Callable[[], int] = now_ms,
    text: str | None = None,
    member: str = "court-1",
    **settings: Any,
) -> RestAdapter:
    """The adapter of a service that runs, from its example file or another ``text``."""
    dialect: Any = service
    example = (EXAMPLES / f"{dialect.example}.toml").read_text() if text is None else text
    (home / "service.toml").write_text(example)
    write_key(home / "account.key", dialect.key_file)
    given = {"timeout_ms": 5000, "url": service.url, "values": dialect.values, **settings}
    adapter = build(
        RestSettings(
            name="judicial", operator=OPERATOR, service="service.toml", key="account.key", **given
        ),
        Surroundings(home, "seals-of-zhengzhou", b"\x07" * 32, member, now),
    )
    assert isinstance(adapter, RestAdapter)
    return adapter
