"""Runs the benchmarks and writes ``out/bench.json``.

python tests/benchmarks/run.py [--quick] [--million] [--only NAME]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import solo
from harness import Figure, write_figures


def main() -> int:
    """Run what was asked for and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller loads, fewer rounds")
    parser.add_argument("--million", action="store_true", help="also at a million records")
    arguments = parser.parse_args()
    count, rounds = (10_000, 3) if arguments.quick else (50_000, 3)
    figures: list[Figure] = []
    made, _ = solo.commit(count, rounds)
    figures += made
    for figure in figures:
        print(
            f"{figure.name}: {figure.rate:.1f} {figure.unit}; {figure.against}: "
            f"{figure.against_rate:.1f}; ratio {figure.ratio:.3f}"
        )
    write_figures(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
