"""A dossier of ten records: its bundle built from a ledger of many, and verified."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import Figure

from node.config import load_config
from node.core.encoding import canonical_json
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify import verify_bundle
from node.evidence.bundle import bundle_dossier, encode_bundle
from node.wiring import Node

_RECORDS = 10
_DOSSIERS = 60
_MERGED_AT = 4
"""Tables of level 0 at which LevelDB begins to merge them."""
_MOST_BUILT, _MOST_VERIFIED = 3.0, 10.0


def dossiers_of(node: Node, records: int, count: int) -> list[str]:
    """Dossiers with this many records, from all over the log."""
    found: dict[str, None] = {}
    with node.reader() as reader:
        indexes = list(range(1, reader.meta.size))
        random.Random(1).shuffle(indexes)
        for index in indexes:
            subject = reader.entry(index).transaction.sub
            if subject not in found and len(reader.dossier_indexes(subject)) == records:
                found[subject] = None
                if len(found) == count:
                    break
    return list(found)


def bundles(home: Path) -> list[Figure]:
    """``bundle.build`` and ``bundle.verify``, in milliseconds against what is wanted of each.

    Every dossier is another one, so that nothing of it is cached by the ledger; the node is at
    rest.
    """
    node = Node(load_config(home))
    try:
        node.start()
        _settle(node)
        trust = canonical_json(Trust(node.genesis.chain_id, node.genesis.hash).to_json())
        subjects = dossiers_of(node, _RECORDS, _DOSSIERS)
        if len(subjects) < _DOSSIERS:
            raise RuntimeError(f"only {len(subjects)} dossiers of {_RECORDS} records were found")
        files: list[bytes] = []

        def build(subject: str) -> None:
            with node.reader() as reader:
                files.append(encode_bundle(bundle_dossier(reader, subject)))

        built = [_milliseconds(partial(build, subject)) for subject in subjects]
    finally:
        node.stop()
    backend = load_backend()
    verified = []
    for file in files:
        verified.append(_milliseconds(partial(verify_bundle, file, trust, backend)))
        if not verify_bundle(file, trust, backend).accepted:
            raise RuntimeError("a bundle did not verify")
    size = statistics.median(map(len, files))
    note = f"{len(subjects)} dossiers of {_RECORDS} records, bundles of {size:.0f} bytes"
    return [
        _against("bundle.build", built, _MOST_BUILT, note),
        _against("bundle.verify", verified, _MOST_VERIFIED, note),
    ]


def _settle(node: Node) -> None:
    """Wait until the workers are started, and until LevelDB has merged the tables of level 0 that
    the fill left: both take a core each as soon as the node is."""
    deadline = time.monotonic() + 60
    while not node.submission.workers_ready or _unmerged(node) >= _MERGED_AT:
        if time.monotonic() > deadline:
            raise RuntimeError("the node did not come to rest within a minute")
        time.sleep(0.05)


def _unmerged(node: Node) -> int:
    return int(node.stores.ledger.describe()["level_0_files"])


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _against(name: str, took: list[float], most: float, note: str) -> Figure:
    median = statistics.median(took)
    ordered = sorted(took)
    return Figure(
        name,
        median,
        "ms, p50",
        f"{most:.0f} ms",
        most,
        median / most,
        [[ordered[0], ordered[-1]]],
        note=f"rounds: the quickest and the slowest of {note}",
    )
