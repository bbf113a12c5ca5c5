"""A run of the rules over random traffic, for comparing processes with each other."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from builders.traffic import traffic
from builders.world import World

from node.core.evidence_code import check_digit
from node.rules.judgement import Refused
from node.rules.rejections import REJECTIONS

__all__ = ["run_rules"]


def run_rules(seed: int) -> tuple[str, Counter[str]]:
    """Judge the traffic of ``seed``.

    Returns:
        A hash of all that the rules said, in the order in which they said it, and how often they
        accepted ("accepted") and refused (by names).
    """
    world = World()
    said = hashlib.sha256()
    ends: Counter[str] = Counter()
    for number, step in enumerate(traffic(seed, proposals=4)):
        data = dict(step.data)
        if step.about is not None and "code" in data:
            about = world.get(f"dossier/{step.about}")
            data["code"] = (
                f"CZ{about['code']}" if about else "CZ" + "0" * 12 + check_digit("0" * 12)
            )
        event = world.event(step.event_type, step.sub, data, by=step.by, **step.changes)
        try:
            accepted = world.judge(event)
        except Refused as refusal:
            ends[REJECTIONS[refusal.code].name] += 1
            said.update(bytes((refusal.code,)))
        else:
            ends["accepted"] += 1
            # Not sorted: even the order of members must be alike.
            said.update(json.dumps([accepted.dossier, accepted.changes, accepted.facts]).encode())
            world.apply(event, accepted)
        if number % 5 == 0:
            world.next_block()
    return said.hexdigest(), ends
