from __future__ import annotations

from typing import Any

import pytest
from builders.anchor_contract import NOBODY, AnchorContract, Chain, Refused
from web3 import Web3

ROOT, DIGEST = b"\x0a" * 32, b"\x0d" * 32
OTHER = b"\x0f" * 32
FOREVER = 2**64 - 1


def refusal(raised: pytest.ExceptionInfo[Refused]) -> tuple:
    return (raised.value.name, *raised.value.values)


def decide(contract: AnchorContract, voters: list[str], **change: Any) -> list[tuple]:
    """The events of the last vote, without those of voting."""
    events: list[tuple] = []
    for voter in voters:
        assert events == []
        events = [event for event in contract.vote(voter, **change) if event[0] != "Voted"]
    return events


def account(number: int) -> str:
    return Web3.to_checksum_address(f"0x{number:040x}")


@pytest.mark.parametrize(
    ("members", "threshold", "said"),
    [
        ([], 0, ("ThresholdOutOfRange", 0, 0)),
        ([], 1, ("ThresholdOutOfRange", 1, 0)),
        ([1, 2], 0, ("ThresholdOutOfRange", 0, 2)),
        ([1, 2], 3, ("ThresholdOutOfRange", 3, 2)),
        ([1, 2, 1], 2, ("AlreadyMember", account(1))),
        ([1, 1], 2, ("AlreadyMember", account(1))),
        ([1, 0], 1, ("Zero",)),
        (list(range(1, 258)), 1, ("NoSeatLeft",)),
    ],
)
def test_constructor_refuses(chain: Chain, members: list[int], threshold: int, said: tuple) -> None:
    with pytest.raises(Refused) as raised:
        chain.deploy([account(number) for number in members], threshold)
    said = tuple(
        word.lower() if isinstance(word, str) and word[:2] == "0x" else word for word in said
    )
    assert refusal(raised) == said


def test_constructor_refuses_no_ledger(chain: Chain) -> None:
    with pytest.raises(Refused, match="Zero"):
        chain.deploy(chain.accounts[:1], 1, bytes(32))


def test_256_members_attest_and_the_257th_needs_another_contract(chain: Chain) -> None:
    members = [chain.accounts[0], *(account(number) for number in range(1, 255)), chain.accounts[1]]
    contract = chain.deploy(members, 1)
    assert contract.see("members") == members
    assert contract.see("memberCount") == 256
    for member in (members[0], members[-1]):
        contract.attest(member, 7, ROOT, DIGEST)
    assert contract.see("anchorOf", 7)[3] == 2
    for removed in (NOBODY, members[5]):
        with pytest.raises(Refused, match="NoSeatLeft"):
            contract.vote(members[0], admitted=account(300), removed=removed)


def test_members_are_told_in_events_and_views(chain: Chain) -> None:
    contract = chain.deploy(chain.accounts[:3], 2)
    logs = contract.contract.events.MembersChanged().get_logs(from_block=0)
    assert [tuple(log["args"].values()) for log in logs] == [
        (0, member, NOBODY, 2) for member in chain.accounts[:3]
    ]
    assert contract.see("members") == chain.accounts[:3]
    assert (contract.see("threshold"), contract.see("term")) == (2, 0)
    assert [contract.see("isMember", who) for who in chain.accounts[:4]] == [True] * 3 + [False]


@pytest.mark.parametrize(
    ("members", "threshold", "needed"),
    [(1, 1, 1), (2, 1, 2), (2, 2, 2), (3, 1, 2), (4, 1, 3), (4, 2, 3), (4, 4, 4), (5, 2, 3)],
)
def test_change_takes_the_threshold_and_never_less_than_a_majority(
    chain: Chain, members: int, threshold: int, needed: int
) -> None:
    contract = chain.deploy(chain.accounts[:members], threshold)
    newcomer = chain.accounts[9]
    assert contract.see("votesNeeded") == needed
    events = decide(contract, chain.accounts[:needed], admitted=newcomer)
    assert events == [("MembersChanged", 1, newcomer, NOBODY, threshold)]
    assert contract.see("isMember", newcomer)


def test_vote_is_told_and_counted_once(four: AnchorContract) -> None:
    a, b, *_ = four.chain.accounts
    proposal = four.see("proposalId", 0, NOBODY, b, 2, FOREVER)
    assert four.vote(a, removed=b, threshold=2) == [
        ("Voted", proposal, a, 0, NOBODY, b, 2, FOREVER)
    ]
    for _ in range(3):
        assert four.vote(a, removed=b, threshold=2) == []
    assert four.see("votesFor", proposal) == 1
    assert four.see("isMember", b)


def test_only_members_vote(four: AnchorContract) -> None:
    stranger = four.chain.accounts[4]
    with pytest.raises(Refused) as raised:
        four.vote(stranger, admitted=stranger)
    assert refusal(raised) == ("NotMember", stranger.lower())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "NoChange"),
        ({"threshold": 0}, "ThresholdOutOfRange"),
        ({"threshold": 5}, "ThresholdOutOfRange"),
        ({"removed": 0, "threshold": 4}, "ThresholdOutOfRange"),
        ({"admitted": 5, "threshold": 6}, "ThresholdOutOfRange"),
        ({"admitted": 1}, "AlreadyMember"),
        ({"removed": 5}, "NotMember"),
        ({"admitted": 5, "removed": 5}, "NotMember"),
        ({"admitted": 1, "removed": 1}, "AlreadyMember"),
        ({"term": 1, "threshold": 2}, "Outdated"),
    ],
)
def test_votes_for_what_cannot_be_are_refused(
    four: AnchorContract, change: dict[str, Any], said: str
) -> None:
    named = {
        name: four.chain.accounts[value] if name in ("admitted", "removed") else value
        for name, value in change.items()
    }
    with pytest.raises(Refused, match=said):
        four.vote(four.chain.accounts[0], **named)


def test_last_member_cannot_go(chain: Chain) -> None:
    contract = chain.deploy(chain.accounts[:1], 1)
    for threshold in (0, 1):
        with pytest.raises(Refused, match="ThresholdOutOfRange"):
            contract.vote(chain.accounts[0], removed=chain.accounts[0], threshold=threshold)


def test_one_vote_replaces_an_account_by_another(four: AnchorContract) -> None:
    a, b, c, lost, new = four.chain.accounts[:5]
    decide(four, [a, b, c], admitted=new, removed=lost)
    assert four.see("members") == [a, b, c, new]
    assert (four.see("memberCount"), four.see("threshold")) == (4, 3)
    with pytest.raises(Refused, match="NotMember"):
        four.attest(lost, 7, ROOT, DIGEST)
    with pytest.raises(Refused, match="NotMember"):
        four.vote(lost, threshold=2)
    assert four.attest(new, 7, ROOT, DIGEST)


def test_change_ends_every_other_proposal(four: AnchorContract) -> None:
    """So no vote counts among members that its voter did not have before him."""
    a, b, c, d, e = four.chain.accounts[:5]
    until = four.chain.time() + 10_000
    four.vote(a, removed=d, until=until)
    four.vote(b, removed=d, until=until)
    decide(four, [a, b, c], threshold=2)
    with pytest.raises(Refused) as raised:
        four.vote(c, removed=d, threshold=3, term=0, until=until)
    assert refusal(raised) == ("Outdated", 0, 1)
    four.vote(c, removed=d, until=until)
    assert four.see("isMember", d)
    proposal = four.see("proposalId", 1, NOBODY, d, 2, until)
    assert four.see("votesFor", proposal) == 1
    assert e not in four.see("members")


def test_vote_of_who_was_removed_counts_no_more(four: AnchorContract) -> None:
    a, b, c, d, e = four.chain.accounts[:5]
    four.vote(d, admitted=e)
    decide(four, [a, b, c], removed=d)
    four.vote(a, admitted=e)
    four.vote(b, admitted=e)
    assert not four.see("isMember", e)
    four.vote(c, admitted=e)
    assert four.see("isMember", e)


def test_proposal_ends_with_its_time(four: AnchorContract) -> None:
    a, b, c, d = four.chain.accounts[:4]
    until = four.chain.time() + 100
    four.vote(a, removed=d, until=until)
    four.chain.wait_until(until)
    four.vote(b, removed=d, until=until)
    assert four.chain.time() == until
    four.chain.wait_until(until + 1)
    with pytest.raises(Refused) as raised:
        four.vote(c, removed=d, until=until)
    assert refusal(raised) == ("Expired", until, until + 1)
    assert four.see("isMember", d)


def test_what_was_confirmed_stays_when_members_and_threshold_change(four: AnchorContract) -> None:
    a, b, c, d = four.chain.accounts[:4]
    for member in (a, b, c):
        four.attest(member, 7, ROOT, DIGEST)
    confirmed = four.see("anchorOf", 7)
    decide(four, [a, b, d], removed=c, threshold=3)
    decide(four, [a, b, d], removed=b, threshold=2)
    assert four.see("anchorOf", 7) == confirmed
    assert four.see("hasAttested", 7, b)
    assert four.see("hasAttested", 7, c)
    with pytest.raises(Refused, match="Conflict"):
        four.attest(d, 7, OTHER, DIGEST)
    assert four.attest(d, 7, ROOT, DIGEST) == [("Attested", 7, d, ROOT, DIGEST)]
    assert four.see("anchorOf", 7) == [*confirmed[:3], 4]


def test_attestations_of_who_was_removed_confirm_nothing(four: AnchorContract) -> None:
    a, b, c, d = four.chain.accounts[:4]
    four.attest(d, 7, ROOT, DIGEST)
    decide(four, [a, b, c], removed=d, threshold=3)
    for count, member in enumerate((a, b), start=1):
        four.attest(member, 7, ROOT, DIGEST)
        assert four.see("anchorOf", 7) == [ROOT, DIGEST, 0, count]
    assert ("Anchored", 7, ROOT, DIGEST) in four.attest(c, 7, ROOT, DIGEST)


def test_lower_threshold_confirms_nothing_by_itself(four: AnchorContract) -> None:
    a, b, c, d = four.chain.accounts[:4]
    four.attest(a, 7, ROOT, DIGEST)
    four.attest(b, 7, ROOT, DIGEST)
    decide(four, [a, b, c], threshold=2)
    assert four.see("anchorOf", 7) == [ROOT, DIGEST, 0, 2]
    assert four.attest(a, 7, ROOT, DIGEST) == []
    assert ("Anchored", 7, ROOT, DIGEST) in four.attest(d, 7, ROOT, DIGEST)


def test_sizes_that_a_removed_member_closed_are_open_again(four: AnchorContract) -> None:
    """A thief of one account, who attests rubbish at every size to come, is voted out."""
    a, b, c, thief = four.chain.accounts[:4]
    for size in (7, 8, 9):
        four.attest(thief, size, OTHER, OTHER)
    with pytest.raises(Refused, match="Conflict"):
        four.attest(a, 8, ROOT, DIGEST)
    decide(four, [a, b, c], removed=thief, threshold=2)
    assert four.attest(a, 8, ROOT, DIGEST) == [("Attested", 8, a, ROOT, DIGEST)]
    assert not four.see("hasAttested", 8, thief)
    assert four.see("hasAttested", 7, thief)
    assert four.see("anchorOf", 8) == [ROOT, DIGEST, 0, 1]
    assert ("Anchored", 8, ROOT, DIGEST) in four.attest(b, 8, ROOT, DIGEST)


def test_sizes_stay_closed_while_one_member_stands_behind_what_is_known(
    four: AnchorContract,
) -> None:
    a, b, c, d = four.chain.accounts[:4]
    four.attest(d, 7, ROOT, DIGEST)
    four.attest(a, 7, ROOT, DIGEST)
    decide(four, [a, b, c], removed=d)
    with pytest.raises(Refused, match="Conflict"):
        four.attest(b, 7, OTHER, OTHER)


def test_who_comes_back_has_the_seat_and_the_sizes_of_before(four: AnchorContract) -> None:
    a, b, c, d = four.chain.accounts[:4]
    four.attest(d, 7, OTHER, OTHER)
    four.attest(d, 8, ROOT, DIGEST)
    decide(four, [a, b, c], removed=d, threshold=3)
    four.attest(a, 7, ROOT, DIGEST)
    decide(four, [a, b, c], admitted=d, threshold=3)
    assert four.see("members") == [a, b, c, d]
    assert four.see("lastSizeOf", d) == 8
    with pytest.raises(Refused, match="NotRising"):
        four.attest(d, 7, ROOT, DIGEST)
    with pytest.raises(Refused, match="Conflict"):
        four.attest(d, 7, OTHER, OTHER)
    assert four.attest(d, 8, ROOT, DIGEST) == []
    four.attest(b, 8, ROOT, DIGEST)
    assert ("Anchored", 8, ROOT, DIGEST) in four.attest(c, 8, ROOT, DIGEST)


def test_members_can_go_on_for_as_long_as_there_are_seats(chain: Chain) -> None:
    """Accounts that come back take no further seat."""
    a, b = chain.accounts[:2]
    contract = chain.deploy([a], 1)
    for _ in range(3):
        contract.vote(a, admitted=b)
        decide(contract, [a, b], removed=b)
    assert contract.see("members") == [a]
    assert contract.see("term") == 6
