"""What the two verifiers say of a step that failed or was not checked, side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from node.core.verify import PASSED, Step

__all__ = ["english_in", "told_otherwise"]

_QUOTED = re.compile(r"“[^”]*”")
_WORDS = re.compile(r"[A-Za-z]{2,}[,;:.]? +[A-Za-z]{2,}")


def english_in(text: str) -> str:
    """A run of two English words in a Chinese text, "" where there is none.

    What stands in “ ” is a place or a title, the same in every language; a word alone may be a
    name, such as JSON, DER or of a member.
    """
    found = _WORDS.search(_QUOTED.sub("", text))
    return "" if found is None else found[0]


def told_otherwise(here: Sequence[Step], there: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """The Chinese of both, where it is not the same; of steps that found the same fault, which is
    where the English is: JSON that is none is described by each platform's own decoder."""
    return [
        (ours.text_zh, theirs["textZh"])
        for ours, theirs in zip(here, there)
        if ours.status != PASSED
        and ours.text == theirs["text"]
        and ours.text_zh != theirs["textZh"]
    ]
