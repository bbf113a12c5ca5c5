"""The rules change nothing in place, make only canonical values, and say the same everywhere.

`World` freezes every value that the rules get, and checks every value that they give.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from builders.rules_run import run_rules
from builders.world import FrozenDict, FrozenList, freeze, thaw
from hypothesis import given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from builders.rules_run import run_rules
for seed in range(4):
    print(run_rules(seed)[0])
"""


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_random_traffic_keeps_what_holds_of_every_event(seed: int) -> None:
    said, ends = run_rules(seed)
    assert run_rules(seed) == (said, ends)
    assert ends["accepted"] > 50


def test_traffic_meets_many_ends() -> None:
    ends: Counter[str] = sum((run_rules(seed)[1] for seed in range(10)), Counter())
    assert len(ends) > 12


def test_every_process_says_the_same() -> None:
    """Sets and dicts are in another order under another hash seed; nothing said may be."""
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(TESTS)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711", "4294967295")
    }
    assert len(said) == 1
    assert said.pop().split() == [run_rules(seed)[0] for seed in range(4)]


def test_frozen_values_do_not_change() -> None:
    """The tool itself: otherwise the tests that rest on it would say nothing."""
    value = {"a": [1, {"b": "c"}]}
    frozen = freeze(value)
    assert frozen == value
    assert thaw(frozen) == value
    assert type(thaw(frozen)["a"]) is list
    assert isinstance(frozen, FrozenDict)
    assert isinstance(frozen["a"], FrozenList)
    for change in (
        lambda: frozen.update(x=1),
        lambda: frozen["a"].append(1),
        lambda: frozen["a"][1].pop("b"),
        frozen["a"].sort,
        lambda: frozen.setdefault("x", 1),
        lambda: frozen.__setitem__("x", 1),
        lambda: frozen["a"].__iadd__([1]),
        lambda: frozen.__ior__({}),
    ):
        with pytest.raises(AssertionError, match="in place"):
            change()
    assert frozen == value
