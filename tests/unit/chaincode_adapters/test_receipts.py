"""Which receipts cover which records, and what is kept of other members' anchors."""

from __future__ import annotations

import hashlib

import pytest
from builders.fake_chain import point_of
from hypothesis import given
from hypothesis import strategies as st

from chaincode_adapters.receipts import (
    MAX_RECEIPT_BYTES,
    MAX_RECEIPTS,
    Receipts,
    Wanted,
    decode_item,
    encode_item,
)
from node.core.anchors.receipts import AnchorReceipt
from node.core.errors import InvalidInput, LedgerFault
from node.storage.memory import MemoryStore


def item_of(number: int, note: str = "") -> bytes:
    return encode_item(AnchorReceipt("fake", point_of(number), {"note": note}))


def wanted_of(number: int, item: bytes, member: str = "court-a") -> Wanted:
    point = point_of(number)
    digest = hashlib.sha256(item).digest()
    return Wanted(digest, 7, member, "c:1", point.size, point.root, point.state_root)


class Kept:
    """A store with receipts of chains at sizes of 100 times a number."""

    def __init__(self, **chains: list[int]) -> None:
        self.store = MemoryStore()
        self.receipts = Receipts(self.store, "court-a", ["liar"])
        for chain, numbers in chains.items():
            for number in numbers:
                self.add(chain, number)

    def add(self, chain: str, number: int, member: str = "court-a") -> None:
        batch = self.store.batch()
        item = item_of(number, f"{chain} {member}")
        self.receipts.add(batch, item, chain, 100 * number, member)
        self.store.write(batch, sync=True)

    def covering(self, indexes: list[int], size: int) -> list[tuple[str, int]]:
        return [(held.chain, held.size) for held in self.receipts.covering(indexes, size)]


def test_for_every_chain_the_earliest_that_covers_each_record() -> None:
    kept = Kept(evm=[1, 2, 5], tsa=[2, 3])
    assert kept.covering([50], 1000) == [("evm", 100), ("tsa", 200)]
    assert kept.covering([99, 100, 150], 1000) == [("evm", 100), ("evm", 200), ("tsa", 200)]
    assert kept.covering([299, 300], 1000) == [("tsa", 300), ("evm", 500)]
    assert kept.covering([500], 1000) == []
    assert kept.covering([], 1000) == []


def test_no_point_beyond_the_log_that_is_shown() -> None:
    kept = Kept(evm=[1, 2])
    assert kept.covering([99, 150], 199) == [("evm", 100)]
    assert kept.covering([150], 200) == [("evm", 200)]
    assert kept.covering([150], 150) == []


def test_of_several_members_at_one_size_one_is_enough() -> None:
    kept = Kept(evm=[1])
    kept.add("evm", 1, "notary-a")
    assert len(kept.receipts.at(100)) == 2
    assert kept.covering([5], 1000) == [("evm", 100)]


def test_what_another_member_calls_by_the_name_of_a_chain_displaces_nothing() -> None:
    """Nobody vouches for the name of the chain that a record of an anchor gives."""
    kept = Kept(evm=[1, 3])
    for number in (1, 2, 3):
        kept.add("evm", number, "court-b")
    held = kept.receipts.covering([50, 150, 250], 1000)
    assert [(one.member, one.size) for one in held] == [
        ("court-a", 100),
        ("court-b", 200),
        ("court-a", 300),
    ]


def test_a_member_with_very_many_chains_leaves_the_others_their_share() -> None:
    kept = Kept(evm=[9])
    for number in range(300):
        kept.add(f"0-{number:03d}", 1, "court-b")
    kept.add("tsa", 8, "notary-a")
    found = kept.covering([50], 1000)
    assert ("evm", 900) in found
    assert ("tsa", 800) in found
    assert len(found) == 66, "64 chains of the one member are looked at"
    kept = Kept(evm=[9])
    for member in range(5):
        for number in range(300):
            kept.add(f"0-{number:03d}", 1, f"court-c{member}")
    kept.add("tsa", 8, "notary-a")
    found = kept.covering([50], 1000)
    assert len(found) == MAX_RECEIPTS
    assert {("evm", 900), ("tsa", 800)} <= set(found)


def test_receipts_of_ignored_members_are_not_shown() -> None:
    kept = Kept(evm=[1])
    kept.add("rest:court", 1, "liar")
    assert kept.covering([5], 1000) == [("evm", 100)]
    kept.receipts.want([wanted_of(2, item_of(2), "liar")], 9)
    assert kept.receipts.wanted() == []


def test_no_more_than_a_bundle_may_have() -> None:
    kept = Kept(evm=list(range(1, 251)))
    found = kept.covering(list(range(0, 25_000, 50)), 25_000)
    assert len(found) == MAX_RECEIPTS
    assert found[0] == ("evm", 100)


@given(
    sizes=st.lists(st.integers(1, 40), max_size=12),
    indexes=st.lists(st.integers(0, 4200), max_size=12),
    size=st.integers(1, 4200),
)
def test_covering_is_what_its_definition_says(
    sizes: list[int], indexes: list[int], size: int
) -> None:
    kept = Kept(evm=sizes)
    wanted = set()
    for index in indexes:
        able = [100 * number for number in sizes if index < 100 * number <= size]
        if able:
            wanted.add(("evm", min(able)))
    assert set(kept.covering(indexes, size)) == wanted


def test_items_are_those_of_bundles() -> None:
    kept = Kept(evm=[1])
    [item] = kept.receipts.items([5], 1000)
    assert item["point"] == point_of(1).to_json()
    assert item["receipt"] == {"note": "evm court-a"}
    batch = kept.store.batch()
    batch.delete(b"a/r/" + kept.receipts.at(100)[0].receipt)
    kept.store.write(batch, sync=True)
    with pytest.raises(LedgerFault, match="is missing"):
        kept.receipts.items([5], 1000)


def test_what_is_wanted_until_it_is_here() -> None:
    kept, item = Kept(evm=[1]), item_of(2)
    held = kept.receipts.at(100)[0].receipt
    first = wanted_of(2, item)
    there = Wanted(held, 3, "court-a", "evm", 100, bytes(32), bytes(32))
    kept.receipts.want([first, there], 9)
    assert kept.receipts.followed == 9
    assert kept.receipts.wanted() == [first]
    kept.receipts.keep(item, first)
    assert kept.receipts.wanted() == []
    assert kept.receipts.get(first.receipt) == item
    assert [held.member for held in kept.receipts.at(200)] == ["court-a"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        item_of(1) + b"\n",
        item_of(1).replace(b'"kind":"fake"', b'"kind":"Fake!"'),
        item_of(1).replace(b'"kind":"fake"', b'"extra":1,"kind":"fake"'),
        item_of(1).replace(b'"kind":"fake",', b'"kind": "fake",'),
        item_of(1).replace(b'"size":100', b'"size":0'),
    ],
)
def test_what_is_no_item(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_item(content)


def test_an_item_has_an_end() -> None:
    with pytest.raises(InvalidInput, match="at most"):
        item_of(1, "x" * MAX_RECEIPT_BYTES)


def test_where_not_all_fit_the_one_that_covers_all_records_is_kept() -> None:
    kept = Kept(evm=list(range(1, 251)))
    indexes = list(range(0, 25_000, 50))
    assert kept.covering(indexes, 25_000)[-1] == ("evm", 25_000)
    sizes = [item["point"]["size"] for item in kept.receipts.items(indexes, 25_000)]
    assert len(sizes) == MAX_RECEIPTS
    assert 25_000 in sizes
