from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from node.core.block import (
    Commit,
    Header,
    Timestamp,
    consensus_hash,
    data_hash,
    encode_block,
    part_set,
    results_hash,
    verify_commit,
)
from node.core.signatures import load_backend
from node.engines.solo.blocks import BlockMaker, Tip


class Key:
    """A validator's key that is the same in every run."""

    def __init__(self) -> None:
        self._key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def maker(tip: Tip | None = None) -> BlockMaker:
    return BlockMaker("chain-1", Key(), 10, 4_194_304, 1, tip)


def stamp(milliseconds: int) -> Timestamp:
    return Timestamp.from_milliseconds(milliseconds)


@given(st.lists(st.lists(st.binary(max_size=300), max_size=4), min_size=1, max_size=6))
def test_each_block_builds_on_the_one_before(blocks: list[list[bytes]]) -> None:
    made = maker()
    before: tuple[Header, Commit, list[bytes]] | None = None
    for height, frames in enumerate(blocks, 1):
        time = 1_700_000_000_000 + 10 * height
        app_hash = bytes([height]) * 32
        header, commit = made.make(height, stamp(time), frames, app_hash, stamp(time + 1))
        results = [bytes(len(frame) % 7) for frame in frames]
        made.advance(header, commit, results)
        assert verify_commit(header, commit, made.validators, load_backend()) == 10
        assert (header.height, header.chain_id) == (height, "chain-1")
        assert (header.app_hash, header.data_hash) == (app_hash, data_hash(frames))
        assert header.consensus_hash == consensus_hash(4_194_304)
        assert header.validators_hash == header.next_validators_hash == made.validators.hash()
        last_commit = Commit(0, 0, commit.block_id.__class__(), ()) if before is None else before[1]
        assert header.last_block_id == last_commit.block_id
        assert header.last_commit_hash == last_commit.hash()
        assert header.last_results_hash == results_hash(() if before is None else before[2])
        total, parts = part_set(encode_block(header, frames, last_commit))
        assert (commit.block_id.total, commit.block_id.parts_hash) == (total, parts)
        assert commit.block_id.hash == header.hash()
        assert commit.signatures[0].time > header.time
        before = header, commit, results


def test_a_maker_goes_on_from_a_tip() -> None:
    first = maker()
    header, commit = first.make(1, stamp(1000), [b"x"], bytes(32), stamp(1001))
    first.advance(header, commit, [b"\0"])
    again = maker(first.tip)
    one = first.make(2, stamp(2000), [], bytes(32), stamp(2001))
    other = again.make(2, stamp(2000), [], bytes(32), stamp(2001))
    assert one == other
