"""Headers and commits as they come, over an engine whose answers are a real chain's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from node.core.block import Commit, CommitSignature, Header, Timestamp, ValidatorSet
from node.core.errors import LedgerFault
from node.engines.cometbft.keeper import Keeper
from node.engines.cometbft.rpc import EngineRpc, RpcRefused
from node.engines.cometbft.rpc_json import read_commit, read_header, read_validators
from node.ledger.rows import (
    KEPT,
    VALIDATORS,
    decode_kept,
    decode_validators,
    encode_kept,
    number_key,
)
from node.storage.memory import MemoryStore

Height = dict[str, Any]
CHAIN = "chain-8g5gjC"


class Rpc(EngineRpc):
    """Answers from recorded heights; refuses each height as often as it is told first."""

    def __init__(self, heights: list[Height]) -> None:
        self.heights = heights
        self.refusals = 0
        self.asked: list[str] = []

    async def signed_header(self, height: int) -> tuple[Header, Commit]:
        self.asked.append(f"commit {height}")
        if self.refusals:
            self.refusals -= 1
            raise RpcRefused("not yet")
        signed = self.heights[height - 1]["commit"]["signed_header"]
        return read_header(signed["header"]), read_commit(signed["commit"])

    async def validators(self, height: int) -> ValidatorSet:
        self.asked.append(f"validators {height}")
        return read_validators(self.heights[height - 1]["validators"]["validators"])


def run(keeper: Keeper, until: Callable[[], bool]) -> None:
    async def scenario() -> None:
        running = asyncio.create_task(keeper.run())
        while not until() and not running.done():
            await asyncio.sleep(0.001)
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            pass

    asyncio.run(scenario())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def keeper_of(rpc: Rpc, store: MemoryStore, told: list[int]) -> Keeper:
    return Keeper(rpc, store, CHAIN, 1, lambda header: told.append(header.height))


def test_what_is_decided_is_kept_in_order(
    cometbft_heights: list[Height], store: MemoryStore
) -> None:
    rpc, told = Rpc(cometbft_heights), list[int]()
    rpc.refusals = 2
    keeper = keeper_of(rpc, store, told)
    keeper.decided(3)
    run(keeper, lambda: keeper.next_height == 4)
    assert told == [1, 2, 3]
    assert keeper.next_height == 4
    for height in (1, 2, 3):
        raw = store.get(number_key(KEPT, height))
        assert raw is not None
        header, commit = decode_kept(raw)
        assert commit is not None
        assert header.hash() == commit.block_id.hash
        validators = store.get(VALIDATORS + header.validators_hash)
        assert validators is not None
        assert decode_validators(validators).hash() == header.validators_hash
    assert store.get(number_key(KEPT, 4)) is None
    assert [ask for ask in rpc.asked if ask.startswith("validators")] == ["validators 1"]


def test_after_a_crash_it_goes_on_where_it_was(
    cometbft_heights: list[Height], store: MemoryStore
) -> None:
    told: list[int] = []
    first = keeper_of(Rpc(cometbft_heights), store, told)
    first.decided(2)
    run(first, lambda: len(told) == 2)
    rpc = Rpc(cometbft_heights)
    again = keeper_of(rpc, store, told)
    assert again.next_height == 3
    again.decided(1)
    again.decided(5)
    run(again, lambda: len(told) == 5)
    assert told == [1, 2, 3, 4, 5]
    assert "commit 2" not in rpc.asked


def test_a_commit_that_the_next_block_does_not_name_is_exchanged(
    cometbft_heights: list[Height], store: MemoryStore
) -> None:
    """Of the newest block a node has only the votes that it saw itself."""
    told: list[int] = []
    rpc = Rpc(cometbft_heights)
    whole = rpc.signed_header

    async def seen(height: int) -> tuple[Header, Commit]:
        header, commit = await whole(height)
        if height == 2 and rpc.asked.count("commit 2") == 1:
            votes = list(commit.signatures)
            first = next(n for n, vote in enumerate(votes) if vote.flag == 2)
            votes[first] = CommitSignature(1, b"", Timestamp(-62_135_596_800), b"")
            commit = replace(commit, signatures=tuple(votes))
        return header, commit

    rpc.signed_header = seen  # type: ignore[method-assign]
    keeper = keeper_of(rpc, store, told)
    keeper.decided(3)
    run(keeper, lambda: keeper.next_height == 4)
    rows = [store.get(number_key(KEPT, height)) for height in (2, 3)]
    (_, commit), (header, _) = (decode_kept(row) for row in rows if row is not None)
    assert commit is not None
    assert commit.hash() == header.last_commit_hash
    assert rpc.asked.count("commit 2") == 2


def test_a_block_that_does_not_follow_what_a_snapshot_brought_stops_the_node(
    cometbft_heights: list[Height], store: MemoryStore
) -> None:
    told: list[int] = []
    keeper = keeper_of(Rpc(cometbft_heights), store, told)
    keeper.decided(2)
    run(keeper, lambda: keeper.next_height == 3)
    raw = store.get(number_key(KEPT, 2))
    assert raw is not None
    header, commit = decode_kept(raw)
    assert commit is not None
    other = replace(commit, block_id=replace(commit.block_id, hash=bytes(32)))
    batch = store.batch()
    batch.put(number_key(KEPT, 2), encode_kept(header, other))
    store.write(batch, sync=False)
    keeper.resume()
    assert keeper.next_height == 3
    keeper.decided(3)
    with pytest.raises(LedgerFault, match="does not follow the block at 2 that is kept"):
        run(keeper, lambda: keeper.next_height == 4)
    assert told == [1, 2]


Spoil = Callable[[Height], None]


def _other_chain(height: Height) -> None:
    height["commit"]["signed_header"]["header"]["chain_id"] = "another"


def _other_time(height: Height) -> None:
    height["commit"]["signed_header"]["header"]["time"] = "2026-11-22T08:40:30Z"


def _few_votes(height: Height) -> None:
    for vote in height["commit"]["signed_header"]["commit"]["signatures"][1:]:
        vote.update(block_id_flag=1, validator_address="", signature=None)


def _other_validators(height: Height) -> None:
    for validator in height["validators"]["validators"]:
        validator["voting_power"] = "11"


@pytest.mark.parametrize("spoil", [_other_chain, _other_time, _few_votes, _other_validators])
def test_what_does_not_prove_the_block_stops_the_node(
    cometbft_heights: list[Height], store: MemoryStore, spoil: Spoil
) -> None:
    import copy

    heights = copy.deepcopy(cometbft_heights)
    spoil(heights[0])
    keeper = keeper_of(Rpc(heights), store, [])
    keeper.decided(1)
    with pytest.raises(LedgerFault, match="height 1 does not prove it"):
        asyncio.run(_in_time(keeper.run()))
    assert store.get(number_key(KEPT, 1)) is None


async def _in_time(work: Awaitable[None]) -> None:
    await asyncio.wait_for(work, 20)
