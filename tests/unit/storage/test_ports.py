"""What the storage modules export."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import node.storage
from node.storage.ports import SegmentRef

MODULES = [f"node.storage.{module.name}" for module in pkgutil.iter_modules(node.storage.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_there_and_sorted(name: str) -> None:
    module = importlib.import_module(name)
    constants = [public for public in module.__all__ if public.isupper()]
    others = [public for public in module.__all__ if not public.isupper()]
    assert constants == sorted(constants)
    assert others == sorted(others, key=lambda public: (public.islower(), public))
    assert all(getattr(module, public) is not None for public in module.__all__)


def test_refs_order_by_segment_then_offset() -> None:
    assert SegmentRef(1, 900, 5) < SegmentRef(2, 16, 0) < SegmentRef(2, 24, 0)
