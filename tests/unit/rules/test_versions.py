"""Versions of the rules: which are known, and what is said of those that are not."""

from __future__ import annotations

import pytest

from node.core.errors import RulesUnknown
from node.core.genesis import RULES_VERSION
from node.rules import judge
from node.rules.versions import FORMS_VERSION, RULES, rules_of


def test_the_first_version_is_what_judges() -> None:
    assert rules_of(1).judge is judge.judge
    assert rules_of(1).flaw_of is judge.flaw_of
    assert RULES_VERSION in RULES
    assert FORMS_VERSION in RULES


def test_a_version_that_is_not_known_is_named_with_what_to_do() -> None:
    with pytest.raises(RulesUnknown) as caught:
        rules_of(2)
    said = str(caught.value)
    assert "rules of version 2" in said
    assert "this software knows 1" in said
    assert "install a release" in said
    assert "goes on where it stopped" in said
