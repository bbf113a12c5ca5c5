"""What the verifier in JavaScript says of receipts, beside the two in Python."""

from __future__ import annotations

from collections.abc import Iterable

from builders.anchor_vectors import Vector, ours
from builders.javascript import JAVASCRIPT

from node.core.encoding import canonical_json

__all__ = ["all_say", "in_javascript"]

_MODULE = "../../../tests/builders/receipts_in_javascript.mjs"


def in_javascript(vectors: Iterable[Vector]) -> list[tuple[str, str, str]]:
    """Of each: passed, not checked, failed, or trust refused; and why, in English and Chinese."""
    calls = [
        (
            _MODULE,
            "verdict",
            [canonical_json(one.item()), canonical_json(one.trust), one.attested],
        )
        for one in vectors
    ]
    found = []
    for answer in JAVASCRIPT.call_each(calls):
        if isinstance(answer, Exception):
            raise answer
        status, why, why_zh = answer
        found.append((status, why, why_zh))
    return found


def all_say(vectors: Iterable[Vector]) -> list[str]:
    """The verdict to which Python and JavaScript come, on each."""
    given = list(vectors)
    said = []
    for one, answer in zip(given, in_javascript(given), strict=True):
        expected = ours(one)
        assert answer[0] == expected[0], (answer, expected)
        said.append(answer[0])
    return said
