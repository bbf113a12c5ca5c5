"""kill -9 at random moments: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path

import pytest
from builders.home import make_home
from builders.killing import Acknowledged, run_and_kill, signed_records

from node.ledger.audit import audit_ledger
from node.storage.memory import MemoryStore
from node.wiring import Node, open_stores, system_time

ROUNDS = 200 if os.environ.get("CI") else 25
RECORDS = 400


def seed() -> int:
    return int(os.environ.get("KILL_SEED", secrets.randbelow(1 << 32)))


def check_recorded(home: object, told: Acknowledged) -> None:
    """Start the node again: all that was acknowledged must be there, or come with the journal."""
    node = Node(home.config)  # type: ignore[attr-defined]
    node.start()
    try:
        with node.submission._changed:
            done = node.submission._changed.wait_for(lambda: not node.submission.pending, 30)
        assert done, "what the journal held was not committed"
        with node.reader() as reader:
            for identifier in told.committed | told.journaled:
                judged = reader.judged(identifier)
                assert judged is not None, f"lost: {identifier.hex()}"
                assert judged.index is not None, f"refused: {identifier.hex()}"
    finally:
        node.stop()


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    chosen = seed()
    print(f"KILL_SEED={chosen}")
    chance = random.Random(chosen)
    home = make_home(
        tmp_path / "home",
        genesis_time=system_time() - 1000,
        settings={"storage": {"min_free_megabytes": 0}},
    )
    told = Acknowledged()
    for number in range(ROUNDS):
        got = run_and_kill(home, signed_records(home, RECORDS), chance)
        told.committed |= got.committed
        told.journaled |= got.journaled
        if number % 20 == 19:
            check_recorded(home, told)
    check_recorded(home, told)
    assert told.committed, "no round got as far as a commit"

    stores = open_stores(home.config, create=False)
    try:
        report = audit_ledger(
            stores.ledger, stores.blocks, MemoryStore(), 1, lambda phase, done, of: None
        )
        assert report.findings == ()
    finally:
        stores.close()

    node = Node(home.config)
    try:
        with node.reader() as reader:
            entries = list(reader.entries(range(1, reader.meta.size)))
        ids = [entry.transaction.id for entry in entries]
        events = [(entry.transaction.iss, entry.transaction.jti) for entry in entries]
        assert len(set(ids)) == len(ids)
        assert len(set(events)) == len(events)
        assert told.committed | told.journaled <= set(ids)
        undisclosed = [
            (entry.index, entry.transaction.id in told.committed)
            for entry in entries
            if entry.transaction.id in told.committed | told.journaled
            and [item.digest for item in node.vault.reveal(entry.transaction.sub)]
            != list(entry.transaction.digests)
        ]
        assert undisclosed == []
    finally:
        node.stores.close()
