"""What the rules promise as a whole: they are pure, and say what is public."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import node.rules

FOLDER = Path(node.rules.__file__ or "").parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
IMPURE = {
    "asyncio",
    "datetime",
    "io",
    "locale",
    "os",
    "plyvel",
    "random",
    "secrets",
    "socket",
    "time",
    "unicodedata",  # its answers change with Python's version
    "uuid",
}


def in_order(names: list[str]) -> list[str]:
    """Constants, then classes, then the rest, each by name."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


@pytest.mark.parametrize("name", MODULES)
def test_all_is_in_order_and_there(name: str) -> None:
    module = importlib.import_module(f"node.rules.{name}")
    assert list(module.__all__) == in_order(list(module.__all__))
    assert all(hasattr(module, item) for item in module.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_no_clock_no_chance_no_disk(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    imported = set()
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            imported.add((statement.module or "").partition(".")[0])
    assert not imported & IMPURE


@pytest.mark.parametrize("name", MODULES)
def test_no_floats_and_no_sets_to_iterate(name: str) -> None:
    """A float could differ between machines, a set is in another order in another process. Sets
    are only asked what they hold."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    for node_ in ast.walk(tree):
        if name != "private":  # checked at the edge, where nothing is agreed on
            assert not (isinstance(node_, ast.Constant) and type(node_.value) is float)
            assert not (isinstance(node_, ast.BinOp) and isinstance(node_.op, ast.Div))
        if isinstance(node_, (ast.For, ast.comprehension)):
            assert not isinstance(node_.iter, (ast.Set, ast.SetComp))
