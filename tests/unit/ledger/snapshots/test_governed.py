"""Snapshots of a consortium that changed: new keys, other validators, misbehaviour."""

from __future__ import annotations

import msgspec
import pytest
from builders.deciding import admission, validator_change
from builders.ledger import rows_of
from builders.snapshots import ConsortiumBench, Taken, Target, comparable
from builders.validating import SetBench

from node.core.errors import InvalidInput
from node.ledger.application import Application
from node.ledger.rows import CHANGE_OF_VALIDATORS, KEY
from node.ledger.snapshots.format import BlockItem, decode_items
from node.ledger.snapshots.restoring import Restoring, settle_restored
from node.rules.judgement import Misbehaviour

DEED = Misbehaviour("duplicate_vote", bytes(20), 10, 1, 1_790_000_000_000, 30)


class Bench(ConsortiumBench, SetBench):
    """A ledger whose validators change, and whose bodies hold no seal."""


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """After a member was admitted, a validator voted in, and another shown to misbehave, twice."""
    bench = Bench()
    bench.decide(validator_change("e", 10))
    bench.decide(admission("newcomer"))
    bench.show(DEED)
    bench.show(DEED)
    bench.record("signing.initiated", "case:newcomer:1", by="newcomer")
    bench.pass_block()
    view = bench.store.snapshot()
    for _ in range(3):
        bench.pass_block()
    return Taken.of(bench, view, tmp_path_factory.mktemp("snapshot"), 64 << 20)


def restore(restoring: Restoring, chunks: list[bytes]) -> None:
    for chunk in chunks:
        restoring.take(chunk)


def test_rows_are_those_of_a_replay(taken: Taken) -> None:
    target = Target(taken)
    restore(target.restoring(taken.manifest), taken.chunks)
    settle_restored(target.store)
    rows = comparable(rows_of(target.store))
    assert rows == taken.replayed()
    assert sum(key[:1] == CHANGE_OF_VALIDATORS for key in rows) == 1
    application = Application(target.store, target.bodies)
    assert application.public_keys() == taken.bench.application.public_keys()
    assert sum(key[:1] == KEY for key in rows) == len(application.public_keys())


def test_a_node_that_restores_it_knows_the_new_keys(taken: Taken) -> None:
    target = Target(taken)
    ring = target.bench.application.key_ring()
    restore(target.restoring(taken.manifest), taken.chunks)
    target.bench.application.reopen()
    known = taken.bench.application.public_keys()
    assert all(ring.get(kid) is not None for kid in known)


@pytest.mark.parametrize(
    ("shown", "rule"),
    [
        ([], "its frames are not those"),
        ([DEED._replace(address=b"\1" * 20)], "do not say of misbehaviour/01"),
        ([DEED._replace(power=11)], "do not say of misbehaviour/00"),
        ([DEED, DEED._replace(height=2)], "do not say of misbehaviour/00"),
    ],
)
def test_other_misbehaviour_than_the_state_shows_is_refused(
    taken: Taken, shown: list[Misbehaviour], rule: str
) -> None:
    number = taken.manifest.headers
    items = decode_items(taken.content(number), BlockItem)
    place = next(place for place, item in enumerate(items) if item.misbehaviour)
    items[place] = msgspec.structs.replace(items[place], misbehaviour=shown)
    manifest, chunks = taken.forged(number, msgspec.msgpack.encode(items))
    restoring = Target(taken).restoring(manifest)
    with pytest.raises(InvalidInput, match=rule):
        restore(restoring, chunks)
