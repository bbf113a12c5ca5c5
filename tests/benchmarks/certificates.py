"""A certificate of a dossier of ten records: composed from the ledger, and typeset."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import Figure, figure_of

sys.path.insert(0, str(Path(__file__).parents[1]))

from builders.certified import Registry

from node.evidence.certificates.port import Draft
from node.evidence.certificates.typesetting import typeset

__all__ = ["certificates"]

_DOSSIERS = 40
_MOST_COMPOSED, _MOST_TYPESET = 15.0, 25.0


def certificates() -> list[Figure]:
    """``certificate.compose`` and ``certificate.typeset``, in milliseconds against what is wanted
    of each.

    Every dossier is another case of ten records with a seal, all of its private fields disclosed;
    the compiler has typeset others before, as a worker's has.
    """
    made = Registry()
    made.seal()
    subjects = [f"case:platform-a:{number:04d}" for number in range(_DOSSIERS)]
    for number, subject in enumerate(subjects):
        made.case(subject, rounds=2, sign_no=f"QY{number:018d}-1")
    drafts: list[Draft] = []

    def compose(place: int) -> None:
        order = made.order(subjects[place], disclosed=True, case_no=f"（2026）鲁0102民初{place}号")
        drafts.append(made.compose(order, certificate_no=f"CERT-2026-{place:06d}"))

    composed = [_milliseconds(partial(compose, place)) for place in range(_DOSSIERS)]
    typeset(drafts[0])
    files = [typeset(drafts[1])]
    took = [_milliseconds(partial(typeset, draft)) for draft in drafts[2:]]
    note = f"{_DOSSIERS} cases of 10 records, {files[0].pages} pages, {len(files[0].pdf)} bytes"
    return [
        _against("certificate.compose", composed[2:], _MOST_COMPOSED, note),
        _against("certificate.typeset", took, _MOST_TYPESET, note),
    ]


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _against(name: str, took: list[float], most: float, note: str) -> Figure:
    pairs = [[one, most] for one in took]
    return figure_of(name, "ms, p50", f"{most:.0f} ms", pairs, note)


if __name__ == "__main__":
    for figure in certificates():
        print(f"{figure.name}: {figure.rate:.1f} {figure.unit}; wanted {figure.against}")
