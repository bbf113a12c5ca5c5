"""Try every change of every character and byte of receipts on both verifiers, and count verdicts.

    PYTHONPATH=.:tests .venv/bin/python tests/vectors/anchors/mutate.py [NAME …]

Takes minutes for large receipts; tests/property/test_receipts_mutated.py tries a sample of those.
Ends with 1 where a change passes or the verifiers differ.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import Counter
from typing import Any

from builders.anchor_vectors import names, ours, theirs, vector
from builders.mutations import changed, structural, textual


def mutate(name: str) -> bool:
    made, counted, odd = vector(name), Counter[str](), 0
    begun = time.monotonic()

    def look(what: str, receipt: Any) -> int:
        other = dataclasses.replace(made, receipt=receipt)
        one, another = ours(other), theirs(other)
        counted[one[0]] += 1
        less = what in ("('link',): dropped", "('confirmation',): dropped")
        if one[0] == another[0] and (one[0] != "passed" or less):
            return 0
        print(f"  {what}: {one}, {another}", flush=True)
        return 1

    for what, receipt in structural(made.receipt):
        odd += look(what, receipt)
    for place, position, what, text in textual(made.receipt):
        odd += look(f"{place} {position} {what}", changed(made.receipt, place, text))
    seconds = round(time.monotonic() - begun)
    print(name, sum(counted.values()), dict(counted), f"{odd} odd, {seconds} s", flush=True)
    return odd == 0


if __name__ == "__main__":
    held = [mutate(name) for name in sys.argv[1:] or names()]
    sys.exit(not all(held))
