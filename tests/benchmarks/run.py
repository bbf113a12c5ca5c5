"""Runs the benchmarks and writes ``out/bench.json``.

python tests/benchmarks/run.py [--quick] [--million] [--only NAME]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import anchors
import bundles
import certificates
import consortium
import http_posts
import issuing
import seal_statuses
import solo
import structlog
import verifiers
from harness import Figure, write_figures

_PARTS = (
    "solo",
    "certificates",
    "http",
    "consortium",
    "anchors",
    "seals",
    "verifiers",
    "million",
)


def main() -> int:
    """Run what was asked for and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller loads, fewer rounds")
    parser.add_argument("--million", action="store_true", help="also with a million records")
    parser.add_argument("--only", choices=_PARTS, help="one part; bench.json then holds no other")
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    count, rounds = (10_000, 3) if arguments.quick else (150_000, 3)
    figures: list[Figure] = []
    if arguments.only in (None, "solo"):
        made, home = solo.commit(count, rounds)
        figures += _told(made)
        figures += _told(bundles.bundles(home))
        figures += _told(issuing.issuing(home, 20 if arguments.quick else 60))
    if arguments.only in (None, "certificates"):
        figures += _told(certificates.certificates())
    if arguments.only in (None, "http"):
        figures += _told(http_posts.posts(3 if arguments.quick else 10, rounds))
    if arguments.only in (None, "consortium"):
        seconds = 5.0 if arguments.quick else 15.0
        figures += _told(consortium.consortium(seconds, 1 if arguments.quick else rounds))
    if arguments.only in (None, "anchors"):
        figures += _told(anchors.anchors(count, rounds))
    if arguments.only in (None, "seals"):
        figures += _told(seal_statuses.seal_statuses(rounds))
    if arguments.only in (None, "verifiers"):
        figures += _told(verifiers.verifiers(3 if arguments.quick else 10))
    if arguments.million or arguments.only == "million":
        few = 2_000 if arguments.quick else 10_000
        figures += _told(solo.million(10 * few if arguments.quick else 1_000_000, few, 5))
    write_figures(figures)
    return 0


def _told(figures: list[Figure]) -> list[Figure]:
    for figure in figures:
        print(
            f"{figure.name}: {figure.rate:.1f} {figure.unit}; {figure.against}: "
            f"{figure.against_rate:.1f}; ratio {figure.ratio:.3f}",
            flush=True,
        )
    return figures


if __name__ == "__main__":
    sys.exit(main())
