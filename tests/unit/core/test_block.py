"""Blocks against five heights of a real CometBFT chain; see tests/vectors/README.md."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from node.core.block import (
    BLOCK_PART_BYTES,
    FLAG_ABSENT,
    FLAG_COMMIT,
    FLAG_NIL,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    Validator,
    ValidatorSet,
    consensus_hash,
    data_hash,
    encode_block,
    evidence_hash,
    part_set,
    results_hash,
    tree_root,
    verify_commit,
)
from node.core.encoding import parse_rfc3339
from node.core.errors import InvalidInput, InvalidProof, InvalidSignature
from node.core.signatures import Backend

Height = dict[str, Any]
MAX_BYTES = 22_020_096
"""The block size of CometBFT's default parameters, with which the chain was made."""


def timestamp(text: str) -> Timestamp:
    return Timestamp(*parse_rfc3339(text, place="time"))


def block_id(value: dict[str, Any]) -> BlockId:
    parts = value["parts"]
    return BlockId(bytes.fromhex(value["hash"]), parts["total"], bytes.fromhex(parts["hash"]))


def header_of(value: dict[str, Any]) -> Header:
    """A header of the RPC's JSON."""
    hashes = (
        "last_commit_hash",
        "data_hash",
        "validators_hash",
        "next_validators_hash",
        "consensus_hash",
        "app_hash",
        "last_results_hash",
        "evidence_hash",
        "proposer_address",
    )
    return Header(
        version=(int(value["version"]["block"]), int(value["version"]["app"])),
        chain_id=value["chain_id"],
        height=int(value["height"]),
        time=timestamp(value["time"]),
        last_block_id=block_id(value["last_block_id"]),
        **{name: bytes.fromhex(value[name]) for name in hashes},
    )


def commit_of(value: dict[str, Any]) -> Commit:
    """A commit of the RPC's JSON."""
    return Commit(
        height=int(value["height"]),
        round=value["round"],
        block_id=block_id(value["block_id"]),
        signatures=tuple(
            CommitSignature(
                item["block_id_flag"],
                bytes.fromhex(item["validator_address"]),
                timestamp(item["timestamp"]),
                base64.b64decode(item["signature"]),
            )
            for item in value["signatures"]
        ),
    )


def signed(height: Height) -> tuple[Header, Commit, ValidatorSet]:
    part = height["commit"]["signed_header"]
    validators = ValidatorSet.of(
        Validator(base64.b64decode(item["pub_key"]["value"]), int(item["voting_power"]))
        for item in height["validators"]["validators"]
    )
    return header_of(part["header"]), commit_of(part["commit"]), validators


def frames_of(height: Height) -> list[bytes]:
    return [base64.b64decode(tx) for tx in height["block"]["block"]["data"]["txs"]]


@pytest.fixture(params=range(5), ids=lambda number: f"height {number + 1}")
def height(request: pytest.FixtureRequest, cometbft_heights: list[Height]) -> Height:
    return cometbft_heights[request.param]


@pytest.fixture
def third(cometbft_heights: list[Height]) -> tuple[Header, Commit, ValidatorSet]:
    """A height that all four validators signed."""
    return signed(cometbft_heights[2])


def test_header_hash(height: Height) -> None:
    header, commit, _ = signed(height)
    assert header.hash() == commit.block_id.hash
    assert header.hash().hex().upper() == height["block"]["block_id"]["hash"]


def test_header_names_the_block_before(cometbft_heights: list[Height]) -> None:
    headers = [signed(height)[0] for height in cometbft_heights]
    assert headers[0].last_block_id == BlockId()
    for before, after in itertools.pairwise(headers):
        assert after.last_block_id.hash == before.hash()


def test_part_set_of_the_whole_block(height: Height) -> None:
    block = height["block"]["block"]
    encoded = encode_block(
        header_of(block["header"]), frames_of(height), commit_of(block["last_commit"])
    )
    total, root = part_set(encoded)
    parts = height["block"]["block_id"]["parts"]
    assert (total, root.hex().upper()) == (parts["total"], parts["hash"])


def test_data_hash(height: Height) -> None:
    header, _, _ = signed(height)
    assert data_hash(frames_of(height)) == header.data_hash


def test_last_commit_hash(height: Height) -> None:
    header, _, _ = signed(height)
    last = commit_of(height["block"]["block"]["last_commit"])
    assert last.hash() == header.last_commit_hash


def test_commit_of_a_height_is_the_last_commit_of_the_next(cometbft_heights: list[Height]) -> None:
    for before, after in itertools.pairwise(cometbft_heights):
        assert signed(before)[1].hash() == signed(after)[0].last_commit_hash


def test_results_of_a_height_stand_in_the_next_header(cometbft_heights: list[Height]) -> None:
    """The RPC's result has eight members; only the deterministic ones are hashed."""
    assert signed(cometbft_heights[0])[0].last_results_hash == hashlib.sha256(b"").digest()
    for before, after in itertools.pairwise(cometbft_heights):
        results = before["results"]["txs_results"] or []
        assert all(
            (item["code"], item["gas_wanted"], item["gas_used"]) == (0, "0", "0")
            for item in results
        ), "results_hash is for results of code 0 that use no gas"
        data = [base64.b64decode(item["data"] or "") for item in results]
        assert results_hash(data) == signed(after)[0].last_results_hash


def test_consensus_hash(height: Height) -> None:
    header, _, _ = signed(height)
    assert consensus_hash(MAX_BYTES) == header.consensus_hash
    assert consensus_hash(MAX_BYTES, 0) != header.consensus_hash
    assert consensus_hash(MAX_BYTES + 1) != header.consensus_hash


def test_evidence_hash_of_none(height: Height) -> None:
    assert evidence_hash() == signed(height)[0].evidence_hash


def test_validator_set(height: Height) -> None:
    header, _, validators = signed(height)
    assert validators.hash() == header.validators_hash == header.next_validators_hash
    listed = height["validators"]["validators"]
    assert [item.address.hex().upper() for item in validators.validators] == [
        item["address"] for item in listed
    ], "our order is the order that the engine gives"
    assert validators.total_power == 4


def test_commit_holds(height: Height, backend: Backend) -> None:
    header, commit, validators = signed(height)
    votes = [vote.flag for vote in commit.signatures]
    assert verify_commit(header, commit, validators, backend) == votes.count(FLAG_COMMIT)


def test_nil_vote_does_not_count(cometbft_heights: list[Height], backend: Backend) -> None:
    header, commit, validators = signed(cometbft_heights[0])
    assert commit.signatures[3].flag == FLAG_NIL
    assert verify_commit(header, commit, validators, backend) == 3
    as_commit = replace(commit.signatures[3], flag=FLAG_COMMIT)
    lying = replace(commit, signatures=(*commit.signatures[:3], as_commit))
    with pytest.raises(InvalidSignature) as refused:
        verify_commit(header, lying, validators, backend)
    assert refused.value.place == "commit.signatures[3]"


def flipped(value: Any) -> Iterator[Any]:
    """``value`` with one bit or one step changed, at every place of a field of a header."""
    if isinstance(value, bytes):
        for position in range(len(value)):
            for bit in range(8):
                yield bytes((*value[:position], value[position] ^ 1 << bit, *value[position + 1 :]))
    elif isinstance(value, int):
        for bit in range(max(8, value.bit_length() + 1)):
            yield value ^ 1 << bit
    elif isinstance(value, str):
        yield from (text.decode() for text in flipped(value.encode()) if text.isascii())
    elif isinstance(value, tuple):
        for position, item in enumerate(value):
            for wrong in flipped(item):
                yield (*value[:position], wrong, *value[position + 1 :])
    else:
        for field in fields(value):
            for wrong in flipped(getattr(value, field.name)):
                yield replace(value, **{field.name: wrong})


def test_every_flipped_bit_of_a_header_changes_its_hash(
    third: tuple[Header, Commit, ValidatorSet],
) -> None:
    header, _, _ = third
    genuine, seen = header.hash(), set()
    for wrong in flipped(header):
        seen.add(wrong.hash())
        assert wrong.encode() != header.encode()
    assert genuine not in seen
    assert len(seen) > 2500


def without_backend() -> Backend:
    class Refusing:
        name = "none"

        def verify_es256(self, *args: object) -> None:
            raise AssertionError("not reached")

        def verify_ed25519(self, *args: object) -> None:
            raise AssertionError("the header is refused before any signature is checked")

    return Refusing()


def test_flipped_headers_are_refused_with_their_commit(
    third: tuple[Header, Commit, ValidatorSet],
) -> None:
    header, commit, validators = third
    for number, wrong in enumerate(flipped(header)):
        if number % 5 == 0:
            with pytest.raises(InvalidProof):
                verify_commit(wrong, commit, validators, without_backend())


def test_flipped_commits_are_refused(
    third: tuple[Header, Commit, ValidatorSet], backend: Backend
) -> None:
    """Every bit of what the validators signed, and a sample of the bits of their signatures."""
    header, commit, validators = third
    step = 7 if backend.name == "cryptography" else 97
    for number, wrong in enumerate(flipped(commit)):
        if number % step == 0:
            if any(vote.flag != FLAG_COMMIT for vote in wrong.signatures):
                continue
            with pytest.raises(InvalidInput):
                verify_commit(header, wrong, validators, backend)


def test_flipped_validators_are_refused(third: tuple[Header, Commit, ValidatorSet]) -> None:
    header, commit, validators = third
    for number, wrong in enumerate(flipped(validators)):
        if number % 5 == 0:
            with pytest.raises(InvalidProof, match="not the set that the header names"):
                verify_commit(header, commit, wrong, without_backend())


ABSENT = CommitSignature(FLAG_ABSENT, b"", Timestamp(0), b"")


def test_three_of_four_suffice_and_two_do_not(
    third: tuple[Header, Commit, ValidatorSet], backend: Backend
) -> None:
    header, commit, validators = third
    votes = commit.signatures
    for missing in range(4):
        some = tuple(ABSENT if n == missing else vote for n, vote in enumerate(votes))
        assert verify_commit(header, replace(commit, signatures=some), validators, backend) == 3
    two = replace(commit, signatures=(votes[0], ABSENT, votes[2], ABSENT))
    with pytest.raises(InvalidProof, match="power 2 of 4 signed, more than 2/3 must"):
        verify_commit(header, two, validators, backend)
    with pytest.raises(InvalidProof, match="power 0 of 4"):
        verify_commit(header, replace(commit, signatures=(ABSENT,) * 4), validators, backend)


def test_one_validator_does_not_count_twice(
    third: tuple[Header, Commit, ValidatorSet], backend: Backend
) -> None:
    header, commit, validators = third
    votes = commit.signatures
    twice = replace(commit, signatures=(votes[0], votes[0], votes[2], ABSENT))
    with pytest.raises(InvalidProof) as refused:
        verify_commit(header, twice, validators, backend)
    assert refused.value.place == "commit.signatures[1]"
    renamed = replace(votes[0], address=votes[1].address)
    with pytest.raises(InvalidSignature):
        verify_commit(
            header,
            replace(commit, signatures=(votes[0], renamed, votes[2], ABSENT)),
            validators,
            backend,
        )


def test_swapped_and_missing_places_are_refused(
    third: tuple[Header, Commit, ValidatorSet], backend: Backend
) -> None:
    header, commit, validators = third
    votes = commit.signatures
    swapped = replace(commit, signatures=(votes[1], votes[0], votes[2], votes[3]))
    with pytest.raises(InvalidProof) as refused:
        verify_commit(header, swapped, validators, backend)
    assert refused.value.place == "commit.signatures[0]"
    for wrong in (votes[:3], (*votes, votes[0]), ()):
        with pytest.raises(InvalidProof, match="a place for each validator"):
            verify_commit(header, replace(commit, signatures=wrong), validators, backend)


def test_a_commit_of_another_chain_is_refused(
    third: tuple[Header, Commit, ValidatorSet], backend: Backend
) -> None:
    header, commit, validators = third
    other = replace(header, chain_id=header.chain_id + "x")
    with pytest.raises(InvalidProof, match="for another block"):
        verify_commit(other, commit, validators, backend)
    moved = replace(commit, block_id=replace(commit.block_id, hash=other.hash()))
    with pytest.raises(InvalidSignature):
        verify_commit(other, moved, validators, backend)


def test_commits_of_other_heights_are_refused(
    cometbft_heights: list[Height], backend: Backend
) -> None:
    header, _, validators = signed(cometbft_heights[2])
    for number in (1, 3):
        _, other, _ = signed(cometbft_heights[number])
        with pytest.raises(InvalidProof, match="for another block"):
            verify_commit(header, other, validators, backend)


def test_a_set_in_another_order_is_another_set(
    third: tuple[Header, Commit, ValidatorSet], backend: Backend
) -> None:
    header, commit, validators = third
    turned = ValidatorSet(validators.validators[::-1])
    with pytest.raises(InvalidProof) as refused:
        verify_commit(header, commit, turned, backend)
    assert refused.value.place == "validators"


def test_more_than_two_thirds_is_counted_by_power(
    third: tuple[Header, Commit, ValidatorSet], backend: Backend
) -> None:
    """Exactly 2/3 is too little; one more is enough. The powers are not what was signed."""
    header, commit, validators = third
    for powers, enough in (((4, 1, 1), False), ((5, 1, 1), True), ((2**50, 1, 1), True)):
        keys = [item.public_key for item in validators.validators[:3]]
        weighted = ValidatorSet.of(Validator(key, power) for key, power in zip(keys, powers))
        named = replace(header, validators_hash=weighted.hash())
        sole = weighted.validators[0]
        vote = next(vote for vote in commit.signatures if vote.address == sole.address)
        moved = replace(
            commit,
            block_id=replace(commit.block_id, hash=named.hash()),
            signatures=(vote, ABSENT, ABSENT),
        )
        accepting = Accepting()
        if enough:
            assert verify_commit(named, moved, weighted, accepting) == powers[0]
        else:
            with pytest.raises(InvalidProof, match="power 4 of 6 signed"):
                verify_commit(named, moved, weighted, accepting)
        assert accepting.asked == 1


class Accepting:
    """Counts how often it is asked, and refuses nothing."""

    name = "accepting"

    def __init__(self) -> None:
        self.asked = 0

    def verify_es256(self, *args: object) -> None:
        self.asked += 1

    def verify_ed25519(self, *args: object) -> None:
        self.asked += 1


def test_sign_bytes_by_hand(third: tuple[Header, Commit, ValidatorSet]) -> None:
    _, commit, _ = third
    signed_id = b"\x0a\x20" + commit.block_id.hash + b"\x12\x24\x08\x01\x12\x20"
    signed_id += commit.block_id.parts_hash
    body = b"\x08\x02\x11" + (3).to_bytes(8, "little") + b"\x22\x48" + signed_id
    tail = b"\x2a\x02\x08\x05\x32\x02ab"
    message = body + tail
    assert commit.sign_bytes("ab", Timestamp(5)) == bytes((len(message),)) + message
    later = b"\x19" + (9).to_bytes(8, "little")
    message = body[:11] + later + body[11:] + b"\x2a\x00\x32\x02ab"
    in_round = replace(commit, round=9)
    assert in_round.sign_bytes("ab", Timestamp(0)) == bytes((len(message),)) + message


def test_block_id_writes_its_parts_even_when_empty() -> None:
    assert BlockId().encode() == b"\x12\x00"


def test_timestamps() -> None:
    time = Timestamp.from_milliseconds(1_790_000_000_123)
    assert time == Timestamp(1_790_000_000, 123_000_000)
    assert time.milliseconds == 1_790_000_000_123
    assert Timestamp(1, 999_999_999).milliseconds == 1999
    assert Timestamp(0).encode() == b""
    assert Timestamp(1, 2).encode() == b"\x08\x01\x10\x02"
    assert Timestamp(1, 2) < Timestamp(1, 3) < Timestamp(2, 0)


def test_validators_stand_by_power_then_by_address() -> None:
    items = [Validator(bytes((n,)) * 32, power) for n, power in enumerate((1, 3, 1, 2, 1))]
    ordered = ValidatorSet.of(items).validators
    assert [item.power for item in ordered] == [3, 2, 1, 1, 1]
    last = [item.address for item in ordered[2:]]
    assert last == sorted(last)


def test_large_blocks_are_cut_into_parts() -> None:
    block = bytes(range(256)) * 700
    total, root = part_set(block)
    assert total == 3
    pieces = [block[:BLOCK_PART_BYTES], block[BLOCK_PART_BYTES:131_072], block[131_072:]]
    assert root == tree_root(pieces)
    assert part_set(block[:BLOCK_PART_BYTES]) == (1, tree_root([block[:BLOCK_PART_BYTES]]))


def test_frames_of_nothing_and_of_an_empty_frame_differ() -> None:
    assert data_hash([]) == hashlib.sha256(b"").digest()
    assert data_hash([b""]) != data_hash([])
    assert results_hash([b""]) != results_hash([])
