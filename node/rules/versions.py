"""The versions of the rules: the state says which judges a block, and all stay runnable.

A chain's headers name the version in force (``version.app``). A node that does not know it stops
before the first block that is to be judged by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.core.errors import RulesUnknown
from node.rules import judge as first
from node.rules.judgement import Accepted, Event, View

__all__ = ["FORMS_VERSION", "RULES", "RuleSet", "rules_of"]


@dataclass(frozen=True)
class RuleSet:
    """One version: how an event is judged, and which rejection the form of a payload earns."""

    judge: Callable[[View, Event], Accepted]
    flaw_of: Callable[[Mapping[str, Any]], int]


RULES: dict[int, RuleSet] = {1: RuleSet(first.judge, first.flaw_of)}
FORMS_VERSION = 1
"""The version by whose forms transactions are looked at when they come in, before their height is
known."""


def rules_of(version: int) -> RuleSet:
    """The rules of a version.

    Raises:
        RulesUnknown: this software does not know them.
    """
    found = RULES.get(version)
    if found is None:
        raise RulesUnknown(
            f"the members have put rules of version {version} in force, and this software knows "
            f"{', '.join(map(str, sorted(RULES)))}; install a release that knows them and start "
            "the node again: it goes on where it stopped"
        )
    return found
