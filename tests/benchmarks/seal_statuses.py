"""Signed statuses of seals against bare ES256 signatures: what the proof beside each costs."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.consortium import member_key
from builders.events import data_of
from builders.ledger import LedgerBench
from harness import Figure, interleave

from node.client.keys import SigningKey
from node.evidence.seal_status import SealStatuses, StatusTimes
from node.evidence.status_lists import StatusLists
from node.ledger.reader import open_reader
from node.ledger.reader_cache import ReaderCache
from node.storage.leveldb import open_leveldb

_SEALS = 2_000
_IN_BLOCK = 250
_SIGNED = 2_000
_WANTED = 0.3


def seal_statuses(rounds: int) -> list[Figure]:
    """``seals.statuses``: each of another seal, with its own proof, out of LevelDB."""
    with tempfile.TemporaryDirectory() as directory:
        bench = _grown(Path(directory))
        key = SigningKey.generate()
        # The ledger's own key of that member signs; its costs are the generated one's.
        named = member_key("operator-a")
        key.kid = named.kid
        statuses = SealStatuses(key, "operator-a", StatusTimes())
        lists = StatusLists(key, "operator-a", StatusTimes(), "/lists")
        names = [f"ES-{number}" for number in range(_SEALS)]
        random.Random(1).shuffle(names)
        now, frames = bench.time(), ReaderCache(bench.bodies)

        def measure() -> float:
            started = time.perf_counter()
            for name in names:
                with open_reader(bench.store, frames, bench.application.layers) as reader:
                    statuses.sign(reader, name, now, lists.place_of(reader, name))
            return len(names) / (time.perf_counter() - started)

        def baseline() -> float:
            message = bytes(300)
            started = time.perf_counter()
            for _ in range(_SIGNED):
                key.sign(message)
            return _SIGNED / (time.perf_counter() - started)

        return [
            interleave(
                "seals.statuses",
                "signed statuses/s",
                "ES256 signatures/s",
                measure,
                baseline,
                rounds,
                f"wanted: {_WANTED}; {_SEALS} seals, each asked for once a round",
            )
        ]


def _grown(directory: Path) -> LedgerBench:
    bench = LedgerBench(store=open_leveldb(directory / "ledger"))
    for first in range(0, _SEALS, _IN_BLOCK):
        numbers = range(first, first + _IN_BLOCK)
        for event_type in ("seal.applied", "seal.created"):
            jwts = []
            for number in numbers:
                data = data_of(event_type)
                if event_type == "seal.created":
                    data = data_of(event_type, es_id=f"ES-{number}")
                jwts.append(bench.jwt(event_type, f"seal:maker-a:{number:05}", data))
            if set(bench.block(jwts)) != {"accepted"}:
                raise RuntimeError("a seal was not recorded")
    return bench
