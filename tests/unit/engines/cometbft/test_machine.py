"""What the application says to proposals, and how one block goes through it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import zstandard
from builders.events import case_sub
from builders.ledger import LedgerBench
from builders.signing import MemberKey
from google.protobuf import timestamp_pb2

from node.core.encoding import encode_uvarint
from node.core.errors import InvalidInput, LedgerFault
from node.core.frame import encode_frame
from node.engines.cometbft.machine import Decided, Machine
from node.engines.cometbft.opened import OpenedFrames
from node.engines.cometbft.proto import abci_pb2 as abci
from node.ledger.intake import Intake, KeyRing, TakenValues
from node.rules.rejections import rejection

ACCEPT, REJECT = abci.ResponseProcessProposal.ACCEPT, abci.ResponseProcessProposal.REJECT


class Opener:
    """Opens at once; remembers what it was asked for."""

    def __init__(self, ring: KeyRing) -> None:
        self._intake = Intake(ring)
        self.asked: list[bytes] = []

    def open_frame(self, frame: bytes) -> Future[list[TakenValues]]:
        result: Future[list[TakenValues]] = Future()
        self.asked.append(frame)
        try:
            result.set_result(list(self._intake.open_frame(frame)))
        except InvalidInput as error:
            result.set_exception(error)
        return result

    def hasten(self, result: Future[list[TakenValues]]) -> None:
        """All are opened at once."""


@pytest.fixture
def bench() -> LedgerBench:
    return LedgerBench()


def play(bench: LedgerBench, scenario: Callable[[Machine, Opener], Awaitable[None]]) -> None:
    async def run() -> None:
        ring = bench.application.key_ring()
        opener = Opener(ring)
        with ThreadPoolExecutor(1) as consensus:
            machine = Machine(
                bench.application,
                bench.genesis,
                OpenedFrames(opener, ring),
                consensus,
                (),
                told.append,
                lambda _: None,
                now=lambda: NOW_MS,
            )
            await scenario(machine, opener)

    told: list[Decided] = []
    asyncio.run(run())


def frame_of(bench: LedgerBench, *numbers: int) -> bytes:
    return encode_frame([bench.jwt("signing.initiated", case_sub(number)) for number in numbers])


def claiming(count: int, size: int) -> bytes:
    """A frame that says to hold so many transactions, in so many bytes, and holds none."""
    content = encode_uvarint(count).ljust(size, b"\0")
    return b"\x01" + zstandard.ZstdCompressor().compress(content)


def spoilt(bench: LedgerBench) -> bytes:
    """A frame with one signature that does not hold."""
    good, other = (bench.jwt("signing.initiated", case_sub(number)) for number in (901, 902))
    return encode_frame([good[: good.rindex(b".")] + other[other.rindex(b".") :]])


def twice(bench: LedgerBench) -> bytes:
    """A frame of one good transaction, as often as it may have any."""
    content = zstandard.ZstdDecompressor().decompress(frame_of(bench, 903)[1:])
    many = encode_uvarint(256) + content[1:] * 256
    return b"\x01" + zstandard.ZstdCompressor().compress(many)


async def status(machine: Machine, frames: list[bytes]) -> int:
    request = abci.RequestProcessProposal(txs=frames, height=1)
    return (await machine.process_proposal(request)).status


NOW_MS = 1_790_000_000_000


def stamp(milliseconds: int) -> timestamp_pb2.Timestamp:
    moment = timestamp_pb2.Timestamp()
    moment.FromMilliseconds(milliseconds)
    return moment


@pytest.mark.parametrize(
    ("behind", "count"), [(-60_000, 2), (0, 2), (5_000, 2), (5_001, 0), (3_600_000, 0)]
)
def test_after_a_sleep_a_block_without_frames_comes_first(
    bench: LedgerBench, behind: int, count: int
) -> None:
    """Whose votes tell what time it is: a record of this morning must not bear last night's."""

    async def scenario(machine: Machine, _: Opener) -> None:
        request = abci.RequestPrepareProposal(
            txs=[frame_of(bench, 1), frame_of(bench, 2)],
            max_tx_bytes=1 << 20,
            time=stamp(NOW_MS - behind),
        )
        assert len((await machine.prepare_proposal(request)).txs) == count

    play(bench, scenario)


def test_proposals_that_no_node_accepts(bench: LedgerBench) -> None:
    good = [frame_of(bench, number) for number in range(3)]
    refused = {
        "undecodable": [*good, b"\x01nothing"],
        "empty": [b"", *good],
        "a bad signature": [*good, spoilt(bench)],
        "the same transaction twice": [twice(bench)],
        "too many transactions": [*good, *[claiming(256, 300)] * 32],
        "too much unpacked": [*good, *[claiming(1, 3_000_000)] * 3],
    }

    async def scenario(machine: Machine, opener: Opener) -> None:
        assert await status(machine, good) == ACCEPT
        assert await status(machine, []) == ACCEPT
        for name, frames in refused.items():
            assert await status(machine, frames) == REJECT, name

    play(bench, scenario)


@pytest.mark.parametrize("more", [claiming(256, 300), claiming(1, 3_000_000)])
def test_no_signature_of_a_block_that_is_too_large_is_checked(
    bench: LedgerBench, more: bytes
) -> None:
    good = frame_of(bench, 1)

    async def scenario(machine: Machine, opener: Opener) -> None:
        assert await status(machine, [good, *[more] * 33]) == REJECT
        assert not opener.asked

    play(bench, scenario)


def test_what_is_proposed_is_what_the_others_accept(bench: LedgerBench) -> None:
    """Flawed frames are left out, and the block ends where it is full."""
    good = [frame_of(bench, number) for number in range(4)]
    large = claiming(1, 3_900_000)

    async def prepared(machine: Machine, frames: list[bytes], room: int = 1 << 22) -> list[bytes]:
        request = abci.RequestPrepareProposal(txs=frames, max_tx_bytes=room, time=stamp(NOW_MS))
        return list((await machine.prepare_proposal(request)).txs)

    async def scenario(machine: Machine, opener: Opener) -> None:
        frames = [good[0], spoilt(bench), good[1], b"\x01nothing", b"", twice(bench), good[2]]
        assert await prepared(machine, frames) == good[:3]
        assert await status(machine, good[:3]) == ACCEPT
        assert await prepared(machine, [large, large, good[0], large, good[1]]) == [good[0]]
        many = [claiming(256, 300)] * 31
        assert await prepared(machine, [*many, *good]) == good
        assert await prepared(machine, [*many, many[0], *good]) == []
        room = len(good[0]) + len(good[1]) + 16
        assert await prepared(machine, good, room) == good[:2]
        assert await prepared(machine, good, room - 1) == good[:1]

    play(bench, scenario)


def finalize(frames: list[bytes], height: int) -> abci.RequestFinalizeBlock:
    time = timestamp_pb2.Timestamp(seconds=2_000_000_000 + height)
    return abci.RequestFinalizeBlock(txs=frames, height=height, time=time)


def test_a_key_counts_from_the_block_after_the_one_that_registers_it(bench: LedgerBench) -> None:
    """The frame has been opened when its key was unknown: a proposer brought it. Mempools do not
    take it: where its signature does not hold, it would never leave them again."""
    key = MemberKey("comes later")
    exp = 2_000_000_000 + 3600
    good, other = (
        bench.jwt(
            *("signing.initiated", case_sub(number)),
            key=key,
            iat=exp - 3600,
            exp=exp,
            occurred_at=2_000_000_000_000,
        )
        for number in (1, 2)
    )
    frame, again = encode_frame([good]), encode_frame([other, good])
    bad = encode_frame([good[: good.rindex(b".")] + other[other.rindex(b".") :]])

    async def scenario(machine: Machine, opener: Opener) -> None:
        for some in (frame, bad):
            answer = await machine.check_tx(abci.RequestCheckTx(tx=some))
            assert (answer.code, key.kid in answer.log) == (1, True)
        assert await status(machine, [bad]) == ACCEPT, "nothing is known of its signature"
        told = await machine.finalize_block(finalize([bad, again], 1))
        unknown = bytes([rejection("unknown_key")])
        assert [result.data for result in told.tx_results] == [unknown, unknown * 2]
        bench.application._working.state.set(
            f"key/{key.kid}", {"from": 1, "jwk": key.jwk.to_json(), "member": "platform-a"}
        )
        bench.application.keys_registered({key.kid: key.jwk})
        await machine.commit(abci.RequestCommit())
        assert (await machine.check_tx(abci.RequestCheckTx(tx=bad))).code == 1
        assert (await machine.check_tx(abci.RequestCheckTx(tx=frame))).code == 0
        assert await status(machine, [frame, bad]) == REJECT
        assert await status(machine, [frame]) == ACCEPT
        told = await machine.finalize_block(finalize([frame], 2))
        assert [result.data for result in told.tx_results] == [b"\0"]
        await machine.commit(abci.RequestCommit())
        with pytest.raises(LedgerFault, match="cannot be opened"):
            await machine.finalize_block(finalize([bad], 3))

    play(bench, scenario)
