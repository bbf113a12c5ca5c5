"""`make anchors`: whatever it shows has to have happened, and holds for both verifiers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from builders.anchor_story import play
from builders.second_opinion import both

from node.core.verify import NOT_CHECKED, PASSED


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Where its files are, and what it said."""
    lines: list[str] = []
    bundle = play(tmp_path_factory.mktemp("anchors") / "out", lines.append)
    return bundle.parent, lines


def test_the_story_is_told_to_its_end(told: tuple[Path, list[str]]) -> None:
    text = "\n".join(told[1])
    steps = [found[1] for line in told[1] if (found := re.match(r"(\d+)\. ", line))]
    assert steps == [str(number) for number in range(1, 7)]
    assert "breaker open" in text or "breaker half-open" in text
    assert "CONFLICT" in text
    assert "Nothing failed" in text


def test_both_verifiers_say_of_each_receipt_the_same(told: tuple[Path, list[str]]) -> None:
    out = told[0]
    report = both((out / "bundle.json").read_bytes(), (out / "trust.json").read_bytes())
    parts = {step.title: step.status for step in report.steps if step.number == 16 and step.part}
    assert sorted(parts.values()) == [NOT_CHECKED] + [PASSED] * 5
    assert parts["EVM chain"] == NOT_CHECKED, "the chain inside the node vouches for nothing"


def test_without_the_block_that_was_compared_the_chain_vouches_for_nothing(
    told: tuple[Path, list[str]],
) -> None:
    out = told[0]
    trust = json.loads((out / "trust.json").read_bytes())
    for entry in trust["anchors"]:
        if entry["kind"] == "evm":
            entry["blocks"] = []
    report = both((out / "bundle.json").read_bytes(), json.dumps(trust).encode())
    statuses = [step.status for step in report.steps if step.number == 16 and step.part]
    assert sorted(statuses) == [NOT_CHECKED] * 2 + [PASSED] * 4


def test_whoever_trusts_nobody_is_told_so(told: tuple[Path, list[str]]) -> None:
    out = told[0]
    report = both((out / "bundle.json").read_bytes(), (out / "trust-bare.json").read_bytes())
    assert report.accepted
    statuses = {step.status for step in report.steps if step.number == 16}
    assert statuses == {NOT_CHECKED}
