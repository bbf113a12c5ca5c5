"""The corpus of certificates in tests/vectors/certificates, for the tests of every verifier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CORPUS", "TRUST", "Recorded", "recorded"]

_FOLDER = Path(__file__).parents[1] / "vectors" / "certificates"


@dataclass(frozen=True)
class Recorded:
    """A file of the corpus: what it is, which steps fail, and how each step ends, by its label."""

    name: str
    what: str
    fails: tuple[str, ...]
    ends: dict[str, str]

    @property
    def pdf(self) -> bytes:
        """The file."""
        return (_FOLDER / f"{self.name}.pdf").read_bytes()


CORPUS = [
    Recorded(one["name"], one["what"], tuple(one["fails"]), one["ends"])
    for one in json.loads((_FOLDER / "index.json").read_bytes())
]
TRUST = (_FOLDER / "trust.json").read_bytes()
"""The trust file that the corpus is verified with."""


def recorded(name: str) -> Recorded:
    """The file of this name."""
    return next(one for one in CORPUS if one.name == name)
