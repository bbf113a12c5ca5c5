"""Whatever the traffic: every record comes under a point in time, and no point is without cause."""

from __future__ import annotations

from itertools import pairwise

from builders.consortium import consortium_genesis
from builders.events import NOW, data_of
from builders.ledger import LedgerBench
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.genesis import DEFAULT_PARAMETERS
from node.ledger.audit import audit_ledger
from node.ledger.rows import ANCHOR_POINT, number_key
from node.storage.memory import MemoryStore

EVERY_MS, EVERY_RECORDS = 30_000, 4
PARAMETERS = {
    **DEFAULT_PARAMETERS,
    "anchor_every_ms": EVERY_MS,
    "anchor_every_records": EVERY_RECORDS,
}

blocks = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(10, 40_000)),
    min_size=1,
    max_size=25,
)
"""How many records and how many of anchors a block has, and how long after the last it comes."""


@settings(max_examples=40, deadline=None)
@given(blocks)
def test_every_record_comes_under_a_point_in_time(plan: list[tuple[int, int, int]]) -> None:
    bench = LedgerBench(genesis=consortium_genesis(parameters=PARAMETERS))
    time, number = bench.genesis.genesis_time, 0
    seen = [(bench.height - 1, time, 1, 1)]  # height, time, size, entries that are no anchors
    size = entries = 1
    for records, anchors, gap in plan:
        time += gap
        jwts = []
        for _ in range(records):
            number += 1
            jwts.append(
                bench.jwt("record.imported", f"record:platform-a:r{number:05d}", **at(time))
            )
        with bench.reader() as reader:
            root = reader.root(size).hex()
        for _ in range(anchors):
            number += 1
            data = data_of("anchor.confirmed", size=size, root=root)
            sub = f"anchor:operator-a:a{number:05d}"
            jwts.append(bench.jwt("anchor.confirmed", sub, data, **at(time)))
        height = bench.height
        assert set(bench.block(jwts, time=time) if jwts else bench.block(time=time)) <= {"accepted"}
        size, entries = size + len(jwts), entries + records
        seen += [(height, time, size, entries), (height + 1, time + 2, size, entries)]
        time += 2
    with bench.reader() as reader:
        points = {point.height: point for point in reader.anchor_points()}
        for point in points.values():
            row = reader.roots(point.height)
            assert (point.size, point.root) == (row.size, row.root)
            assert point.header == reader.header(point.height + 1).hash()
    check(seen[:-1], set(points))
    report = audit_ledger(bench.store, bench.bodies, MemoryStore(), 0, lambda *_: None)
    assert report.clean, report.findings


def at(time: int) -> dict[str, int]:
    """The times of an event in a block of that time."""
    return {"exp": time // 1000 + 3600, "iat": time // 1000, "occurred_at": time}


def check(seen: list[tuple[int, int, int, int]], points: set[int]) -> None:
    """``seen`` are all blocks that a header proves."""
    found = [block for block in seen if block[0] in points]
    assert found[0] == seen[0], "the genesis is a point"
    for before, after in pairwise(found):
        assert after[3] > before[3], "a point without anything new"
        assert after[1] - before[1] >= EVERY_MS or after[3] - before[3] >= EVERY_RECORDS
    waiting = None
    for before, block in pairwise(seen):
        new = block[3] - max(item[3] for item in found if item[0] <= block[0])
        assert new < EVERY_RECORDS, "as many records as that are a point"
        if block[0] in points or not new:
            waiting = None
        elif waiting is None and block[3] > before[3]:
            waiting = block[1]
        assert waiting is None or block[1] - waiting < EVERY_MS, "a record waited too long"


def test_points_do_not_depend_on_how_far_the_ledger_was_made_again() -> None:
    bench = LedgerBench(genesis=consortium_genesis(parameters=PARAMETERS))
    for number in range(8):
        jwt = bench.jwt("record.imported", f"record:platform-a:r{number:05d}")
        bench.block([jwt], time=NOW + 20_000 * (number + 1))
    with bench.reader() as reader:
        points = list(reader.anchor_points())
        assert [point for point in points if point.height > 4] == list(reader.anchor_points(4))
        assert reader.anchor_point(points[1].height) == points[1]
        assert reader.anchor_point(points[1].height + 1) is None


def test_a_chain_that_ends_with_a_point_holds_no_later_one_back() -> None:
    """No header ever shows what its last block left: the genesis that follows is the point."""
    bench = LedgerBench(genesis=consortium_genesis(parameters=PARAMETERS))
    bench.block([bench.jwt("record.imported", "record:platform-a:r00001")])
    bench.block([bench.jwt("record.imported", "record:platform-a:r00000")])
    with bench.reader() as reader:
        state = reader.state("anchor/point")
    assert state is not None
    bench.block(
        time=state["due_at"] - 1
    )  # and an empty block 2 ms later, which is a point, and the last
    last = bench.height - 1
    assert bench.store.get(number_key(ANCHOR_POINT, last)) is not None
    following = consortium_genesis(parameters=PARAMETERS).parameters
    bench.move_on(bench.successor(parameters=following))
    bench.block([bench.jwt("record.imported", "record:platform-a:r00002")])
    bench.block(time=bench.time() + EVERY_MS)
    with bench.reader() as reader:
        heights = [point.height for point in reader.anchor_points()]
    assert heights[0] == 0
    assert last + 1 in heights
    assert last not in heights
    assert heights[-1] > last + 1
