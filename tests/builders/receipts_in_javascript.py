"""What the verifier in JavaScript says of receipts, beside the two in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from builders.anchor_vectors import Vector, ours
from builders.javascript import JAVASCRIPT, JavaScriptError

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput

__all__ = ["all_say", "in_javascript", "result_of", "same_result"]

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


def result_of(check: Callable[[], Any]) -> Any:
    """What a function returns, or the InvalidInput that it raises."""
    try:
        return check()
    except InvalidInput as error:
        return error


def same_result(answer: Any, expected: Any) -> bool:
    """Whether JavaScript's answer is what `result_of` gave, an error by its rule and place; asserts
    that it is a refusal where that is one."""
    if not isinstance(expected, InvalidInput):
        assert not isinstance(answer, JavaScriptError), (answer, expected)
        return bool(answer == expected)
    assert isinstance(answer, JavaScriptError), (answer, expected)
    assert answer.name == "InvalidInput", answer
    assert answer.rule_zh
    return (answer.place, answer.rule) == (expected.place, expected.rule)
