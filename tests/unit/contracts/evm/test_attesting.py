from __future__ import annotations

import hashlib

import pytest
from builders.anchor_contract import AnchorContract, Chain, Refused
from web3 import Web3

ROOT, DIGEST = b"\x0a" * 32, b"\x0d" * 32
OTHER = b"\x0f" * 32
LARGEST = 2**64 - 1


def refusal(raised: pytest.ExceptionInfo[Refused]) -> tuple:
    return (raised.value.name, *raised.value.values)


def slot_of(size: int, position: int) -> int:
    """Of a mapping(uint64 => …) at ``position``."""
    place = size.to_bytes(32, "big") + position.to_bytes(32, "big")
    return int.from_bytes(Web3.keccak(place), "big")


def test_the_third_of_three_confirms_with_the_time_of_its_block(four: AnchorContract) -> None:
    a, b, c, _ = four.chain.accounts[:4]
    for count, account in enumerate((a, b), start=1):
        assert four.attest(account, 7, ROOT, DIGEST) == [("Attested", 7, account, ROOT, DIGEST)]
        assert four.see("anchorOf", 7) == [ROOT, DIGEST, 0, count]
    assert four.attest(c, 7, ROOT, DIGEST) == [
        ("Attested", 7, c, ROOT, DIGEST),
        ("Anchored", 7, ROOT, DIGEST),
    ]
    assert four.see("anchorOf", 7) == [ROOT, DIGEST, four.chain.time(), 3]


def test_what_comes_after_the_threshold_counts_and_changes_nothing_else(
    four: AnchorContract,
) -> None:
    a, b, c, d = four.chain.accounts[:4]
    for account in (a, b, c):
        four.attest(account, 7, ROOT, DIGEST)
    confirmed = four.see("anchorOf", 7)
    four.chain.wait_until(four.chain.time() + 1000)
    assert four.attest(d, 7, ROOT, DIGEST) == [("Attested", 7, d, ROOT, DIGEST)]
    assert four.see("anchorOf", 7) == [*confirmed[:3], 4]


def test_only_members_attest(four: AnchorContract) -> None:
    stranger = four.chain.accounts[4]
    with pytest.raises(Refused) as raised:
        four.attest(stranger, 7, ROOT, DIGEST)
    assert refusal(raised) == ("NotMember", stranger.lower())
    assert four.see("anchorOf", 7) == [bytes(32), bytes(32), 0, 0]


def test_deployer_who_is_no_member_may_do_nothing(chain: Chain) -> None:
    contract = chain.deploy(chain.accounts[1:4], 2)
    with pytest.raises(Refused, match="NotMember"):
        contract.attest(chain.accounts[0], 7, ROOT, DIGEST)
    with pytest.raises(Refused, match="NotMember"):
        contract.vote(chain.accounts[0], threshold=3)


@pytest.mark.parametrize("size", [7, 1, 5, 6])
def test_sizes_of_one_member_rise(four: AnchorContract, size: int) -> None:
    a, b, *_ = four.chain.accounts
    four.attest(b, size, ROOT, DIGEST)
    four.attest(a, 8, ROOT, DIGEST)
    with pytest.raises(Refused) as raised:
        four.attest(a, size, ROOT, DIGEST)
    assert refusal(raised) == ("NotRising", size, 8)
    assert four.see("lastSizeOf", a) == 8
    assert not four.see("hasAttested", size, a)


def test_size_0_is_never_rising(four: AnchorContract) -> None:
    with pytest.raises(Refused) as raised:
        four.attest(four.chain.accounts[0], 0, ROOT, DIGEST)
    assert refusal(raised) == ("NotRising", 0, 0)


def test_member_with_the_largest_size_keeps_nobody_else_from_going_on(four: AnchorContract) -> None:
    a, b, c, d = four.chain.accounts[:4]
    four.attest(a, LARGEST, ROOT, DIGEST)
    assert four.see("lastSizeOf", a) == LARGEST
    for account in (b, c, d):
        four.attest(account, 7, ROOT, DIGEST)
    assert four.see("anchorOf", 7)[2] == four.chain.time()
    with pytest.raises(Refused, match="NotRising"):
        four.attest(a, 8, ROOT, DIGEST)


def test_same_attestation_again_does_nothing_however_old(four: AnchorContract) -> None:
    a, b, c, _ = four.chain.accounts[:4]
    four.attest(a, 7, ROOT, DIGEST)
    four.attest(a, 9, OTHER, OTHER)
    assert four.attest(a, 7, ROOT, DIGEST) == []
    assert four.see("anchorOf", 7) == [ROOT, DIGEST, 0, 1]
    assert four.see("lastSizeOf", a) == 9
    for account in (b, c):
        four.attest(account, 7, ROOT, DIGEST)
    confirmed = four.see("anchorOf", 7)
    for account in (a, b, c):
        assert four.attest(account, 7, ROOT, DIGEST) == []
    assert four.see("anchorOf", 7) == confirmed


@pytest.mark.parametrize(("root", "digest"), [(OTHER, DIGEST), (ROOT, OTHER), (OTHER, OTHER)])
@pytest.mark.parametrize("attested", [1, 3])
def test_anything_else_at_a_known_size_is_a_conflict_that_names_what_is_known(
    four: AnchorContract, root: bytes, digest: bytes, attested: int
) -> None:
    for account in four.chain.accounts[:attested]:
        four.attest(account, 7, ROOT, DIGEST)
    held = four.see("anchorOf", 7)
    for account in (four.chain.accounts[3], four.chain.accounts[0]):
        with pytest.raises(Refused) as raised:
            four.attest(account, 7, root, digest)
        assert refusal(raised) == ("Conflict", 7, ROOT, DIGEST)
    assert four.see("anchorOf", 7) == held
    assert four.see("lastSizeOf", four.chain.accounts[3]) == 0


def test_conflict_is_told_to_members_that_are_past_that_size_too(four: AnchorContract) -> None:
    a, b, *_ = four.chain.accounts
    four.attest(a, 7, ROOT, DIGEST)
    four.attest(b, 8, ROOT, DIGEST)
    with pytest.raises(Refused, match="Conflict"):
        four.attest(b, 7, OTHER, DIGEST)


def test_zero_hashes_are_attestations_like_others(four: AnchorContract) -> None:
    a, b, *_ = four.chain.accounts
    four.attest(a, 7, bytes(32), bytes(32))
    assert four.see("hasAttested", 7, a)
    with pytest.raises(Refused, match="Conflict"):
        four.attest(b, 7, ROOT, DIGEST)


def test_who_attested_is_kept_for_each_size(four: AnchorContract) -> None:
    a, b, *_, stranger = four.chain.accounts
    four.attest(a, 7, ROOT, DIGEST)
    four.attest(b, 8, ROOT, DIGEST)
    seen = {(size, who): four.see("hasAttested", size, who) for size in (7, 8) for who in (a, b)}
    assert seen == {(7, a): True, (7, b): False, (8, a): False, (8, b): True}
    assert not four.see("hasAttested", 7, stranger)


def test_a_lone_member_confirms_at_once(chain: Chain) -> None:
    contract = chain.deploy(chain.accounts[:1], 1)
    [_, anchored] = contract.attest(chain.accounts[0], LARGEST, ROOT, DIGEST)
    assert anchored == ("Anchored", LARGEST, ROOT, DIGEST)


@pytest.mark.parametrize("size", [7, LARGEST])
def test_storage_holds_an_anchor_where_the_interface_says(four: AnchorContract, size: int) -> None:
    for account in four.chain.accounts[:3]:
        four.attest(account, size, ROOT, DIGEST)
    start = slot_of(size, 0)
    assert four.storage(start) == ROOT
    assert four.storage(start + 1) == DIGEST
    assert four.storage(start + 2) == (
        bytes(20) + (3).to_bytes(4, "big") + four.chain.time().to_bytes(8, "big")
    )
    assert four.storage(slot_of(size, 1)) == (0b111).to_bytes(32, "big")


def test_ledger_and_no_money(four: AnchorContract, chain: Chain) -> None:
    genesis = hashlib.sha256(b"genesis").digest()
    assert chain.deploy(chain.accounts[:1], 1, genesis).see("ledger") == genesis
    for data in ("0x", "0x12345678"):
        for value in (0, 1):
            with pytest.raises(Exception, match="reverted"):
                chain.web3.eth.call(
                    {"from": chain.accounts[0], "to": four.address, "data": data, "value": value}
                )
