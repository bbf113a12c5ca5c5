"""How members decide together: who has a vote, when it is enough, what follows and what is void."""

from __future__ import annotations

from typing import Any

import pytest
from builders.consortium import MEMBERS, consortium_genesis, member_key
from builders.deciding import ENOUGH, admission, decide, propose, rotation, validator_genesis, vote
from builders.events import DAY, data_of
from builders.world import World

from node.rules.governance import LEAST_DELAY, proposal_status

NO_KEY = {"crv": "Ed25519", "kty": "OKP", "x": "A" * 43}  # of small order
SUSPENSION = {"kind": "member.suspend", "member": "platform-b"}
VOTERS = [member for member in sorted(MEMBERS) if member != "platform-a"]


def status(world: World, sub: str) -> Any:
    return world.dossier(sub)["status"]


def small_world(count: int) -> World:
    """A consortium in which only so many members are active, platform-a among them."""
    world = World()
    active = ["platform-a", *VOTERS[: count - 1]]
    for member in MEMBERS:
        if member not in active:
            world.put(f"member/{member}", status="suspended")
    return world


# -- counting -------------------------------------------------------------------------------------


def test_a_proposal_is_its_openers_approval(world: World) -> None:
    sub = propose(world, SUSPENSION, reason="x", **{"from": 500})
    dossier = world.dossier(sub)
    assert dossier["change"] == SUSPENSION
    assert (dossier["status"], dossier["status_version"]) == ("open", 1)
    assert dossier["votes"] == {"platform-a": "approve"}
    assert dossier["from"] == 500
    assert world.state["consortium/open"] == {"subs": [sub]}


def test_the_sixteenth_of_23_decides(world: World) -> None:
    sub = propose(world, SUSPENSION)
    for member in VOTERS[: ENOUGH - 2]:
        facts = vote(world, sub, member)
        assert (status(world, sub), facts["voters"]) == ("open", 23)
    assert "next" not in world.state["member/platform-b"]
    facts = vote(world, sub, VOTERS[ENOUGH - 2])
    assert facts == {
        "approvals": 16,
        "in_force_from": world.height + LEAST_DELAY,
        "status": "approved",
        "voters": 23,
    }
    assert world.dossier(sub)["in_force_from"] == world.height + 2
    assert world.dossier(sub)["status_version"] == 2


@pytest.mark.parametrize(
    ("active", "needed"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (9, 7)]
)
def test_more_than_two_thirds_are_needed(active: int, needed: int) -> None:
    world = small_world(active)
    sub = propose(world, {"kind": "member.change", "member": "platform-b", "name": "新"})
    approvals = 1
    for member in VOTERS[: needed - 1]:
        assert status(world, sub) == "open", approvals
        vote(world, sub, member)
        approvals += 1
    assert status(world, sub) == "approved"


@pytest.mark.parametrize(("active", "rejections"), [(2, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_a_proposal_that_can_no_longer_win_is_rejected(active: int, rejections: int) -> None:
    world = small_world(active)
    sub = propose(world, SUSPENSION if active > 20 else admission("newcomer"))
    for member in VOTERS[: rejections - 1]:
        vote(world, sub, member, "reject")
        assert status(world, sub) == "open"
    facts = vote(world, sub, VOTERS[rejections - 1], "reject")
    assert (status(world, sub), facts["status"]) == ("rejected", "rejected")
    assert world.get("member/newcomer") is None


def test_only_votes_of_those_who_have_one_now_are_counted(world: World) -> None:
    """Members that voted and were suspended since do not decide; nor do they stand in the way."""
    sub = propose(world, SUSPENSION)
    for member in VOTERS[:14]:
        vote(world, sub, member)
    for member in VOTERS[:3]:
        world.put(f"member/{member}", status="suspended")
    facts = vote(world, sub, VOTERS[14])
    assert (facts["approvals"], facts["voters"], facts["status"]) == (13, 20, "open")
    facts = vote(world, sub, VOTERS[15])
    assert (facts["approvals"], facts["voters"], facts["status"]) == (14, 20, "approved")


def test_a_member_whose_suspension_is_under_way_has_its_vote_until_then(world: World) -> None:
    decide(world, SUSPENSION)
    start = world.height + LEAST_DELAY
    sub = propose(world, admission("newcomer"))
    while world.height < start - 1:
        world.next_block()
    assert vote(world, sub, "platform-b")["voters"] == 23
    other = propose(world, admission("latecomer"))
    world.next_block()
    assert world.refusal("governance.voted", other, by="platform-b") == "member_not_active"
    assert vote(world, sub, "court-a")["voters"] == 22
    assert vote(world, sub, "notary-a")["approvals"] == 3  # platform-b's is no longer counted


def test_a_member_admitted_has_a_vote_from_its_height(world: World) -> None:
    facts = decide(world, admission("newcomer"), **{"from": world.height + 10})
    start = int(facts["in_force_from"])
    sub = propose(world, SUSPENSION)
    while world.height < start:
        assert world.refusal("governance.voted", sub, by="newcomer") == "key_not_in_force"
        world.next_block()
    assert vote(world, sub, "newcomer")["voters"] == 24


def test_a_key_that_holds_before_its_member_does_signs_nothing(world: World) -> None:
    decide(world, admission("newcomer"), **{"from": world.height + 100})
    early = member_key("newcomer", "early")
    decide(world, {"jwk": early.jwk.to_json(), "kind": "key.replace", "member": "newcomer"})
    world.next_block()
    world.next_block()
    assert world.state[f"key/{early.kid}"]["from"] == world.height
    found = world.refusal("governance.proposed", "consortium:newcomer:1", by="newcomer",
                          kid=early.kid)  # fmt: skip
    assert found == "member_not_active"


# -- the life of a proposal -----------------------------------------------------------------------


def test_a_proposal_closes_by_the_clock(world: World) -> None:
    closes = world.time + 20_000
    sub = propose(world, SUSPENSION, closes_at=closes)
    world.next_block(19_999)
    vote(world, sub, "court-a")
    assert proposal_status(world.dossier(sub), world.time) == "open"
    world.next_block(1)
    assert proposal_status(world.dossier(sub), world.time) == "closed"
    assert world.refusal("governance.voted", sub, by="notary-a") == "proposal_closed"
    assert world.refusal("governance.withdrawn", sub) == "proposal_closed"


@pytest.mark.parametrize(
    ("after", "end"), [(0, "closing_time"), (1, "accepted"), (90 * DAY, "accepted"),
                       (90 * DAY + 1, "closing_time")]
)  # fmt: skip
def test_the_bounds_of_the_closing_time(world: World, after: int, end: str) -> None:
    data = data_of("governance.proposed", closes_at=world.time + after)
    assert world.refusal("governance.proposed", "consortium:platform-a:1", data) == end


def test_only_the_opener_withdraws(world: World) -> None:
    sub = propose(world, SUSPENSION)
    assert world.refusal("governance.withdrawn", sub, by="court-a") == "not_permitted"
    assert world.record("governance.withdrawn", sub).facts == {"status": "withdrawn"}
    assert status(world, sub) == "withdrawn"
    for event_type in ("governance.voted", "governance.withdrawn"):
        assert world.refusal(event_type, sub) == "proposal_closed"


def test_a_suspended_opener_cannot_withdraw(world: World) -> None:
    sub = propose(world, SUSPENSION)
    world.put("member/platform-a", status="suspended")
    assert world.refusal("governance.withdrawn", sub) == "member_not_active"


def test_what_is_decided_is_voted_on_no_more(world: World) -> None:
    sub = propose(world, SUSPENSION)
    for member in VOTERS[: ENOUGH - 1]:
        vote(world, sub, member)
    assert world.refusal("governance.voted", sub, by=VOTERS[-1]) == "proposal_closed"


def test_a_dossier_holds_one_proposal_and_only_proposals_are_voted_on(world: World) -> None:
    sub = propose(world, SUSPENSION)
    assert world.refusal("governance.proposed", sub) == "dossier_exists"
    assert world.refusal("key.rotated", sub, rotation("platform-a", member_key("x"))) == (
        "dossier_exists"
    )
    world.record("key.rotated", "consortium:platform-a:77")
    for event_type in ("governance.voted", "governance.withdrawn"):
        assert world.refusal(event_type, "consortium:platform-a:77") == "wrong_status"
        assert world.refusal(event_type, "consortium:platform-a:78") == "dossier_unknown"


def test_an_approval_that_what_happened_since_leaves_no_way_to_is_void(world: World) -> None:
    first, second = propose(world, admission("newcomer")), propose(world, admission("newcomer"))
    for member in VOTERS[: ENOUGH - 1]:
        vote(world, first, member)
        facts = vote(world, second, member)
    assert facts["void"] == "member_exists"
    assert facts["status"] == "void"
    assert (status(world, first), status(world, second)) == ("approved", "void")
    assert "in_force_from" not in world.dossier(second)


def test_a_change_approved_after_another_took_its_key_is_void(world: World) -> None:
    taken = member_key("newcomer").jwk.to_json()
    sub = propose(world, admission("newcomer"))
    decide(world, {"jwk": taken, "kind": "key.replace", "member": "court-a"})
    for member in VOTERS[: ENOUGH - 1]:
        facts = vote(world, sub, member)
    assert facts["void"] == "key_taken"
    assert world.get("member/newcomer") is None
    assert "newcomer" not in world.state["consortium/members"]["ids"]


@pytest.mark.parametrize(
    "change",
    [
        admission("newcomer", checkpoint_key=NO_KEY),
        {"checkpoint_key": NO_KEY, "kind": "member.change", "member": "court-a"},
        {"kind": "validator.set", "member": "court-a", "power": 1, "public_key": NO_KEY},
    ],
)
def test_an_ed25519_key_that_is_none_makes_the_approval_void(change: dict[str, Any]) -> None:
    """It takes so long to find out that nobody may have it asked without the members' votes."""
    world = World(validators=validator_genesis("a", "b"))
    sub = propose(world, change)
    for member in VOTERS[: ENOUGH - 1]:
        facts = vote(world, sub, member)
    assert facts["void"] == "malformed_data"
    assert world.get("member/newcomer") is None
    assert "next" not in world.state["member/court-a"]
    assert len(world.state["consortium/validators"]["addresses"]) == 2


def test_one_member_alone_decides_where_it_is_alone() -> None:
    world = small_world(1)
    sub = propose(world, admission("newcomer"))
    assert status(world, sub) == "approved"


# -- how many may be open -------------------------------------------------------------------------


def test_ten_of_a_member_are_open_at_most_and_those_that_end_make_room(world: World) -> None:
    subs = [propose(world, SUSPENSION) for _ in range(10)]
    data = data_of("governance.proposed")
    assert world.refusal("governance.proposed", "consortium:platform-a:x", data) == "too_many_open"
    assert world.refusal("governance.proposed", "consortium:court-a:x", data, by="court-a") == (
        "accepted"
    )
    world.record("governance.withdrawn", subs[3])
    again = propose(world, SUSPENSION)
    assert world.state["consortium/open"]["subs"] == [*subs[:3], *subs[4:], again]


def test_what_is_past_its_time_is_listed_no_more(world: World) -> None:
    for _ in range(10):
        propose(world, SUSPENSION, closes_at=world.time + 1)
    world.next_block(1)
    sub = propose(world, SUSPENSION)
    assert world.state["consortium/open"] == {"subs": [sub]}


def test_ten_members_cannot_keep_others_from_proposing(world: World) -> None:
    for member in VOTERS[:10]:
        for _ in range(10):
            propose(world, SUSPENSION, by=member)
    assert len(world.state["consortium/open"]["subs"]) == 100
    propose(world, SUSPENSION, by=VOTERS[11])
    data = data_of("governance.proposed")
    sub = f"consortium:{VOTERS[11]}:x"
    assert world.refusal("governance.proposed", sub, data, by=VOTERS[11]) == "too_many_open"


# -- from when on ---------------------------------------------------------------------------------


def test_a_change_holds_from_the_height_it_names_or_as_soon_as_can_be(world: World) -> None:
    late = {"from": world.height + 10_000_000}
    assert decide(world, SUSPENSION, **late)["in_force_from"] == late["from"]
    assert decide(world, {"kind": "member.suspend", "member": "court-a"}, **{"from": 1})[
        "in_force_from"
    ] == (world.height + 2)


def test_a_height_that_has_passed_when_it_is_decided_gives_way(world: World) -> None:
    sub = propose(world, SUSPENSION, **{"from": world.height + 3})
    for _ in range(5):
        world.next_block()
    for member in VOTERS[: ENOUGH - 1]:
        facts = vote(world, sub, member)
    assert facts["in_force_from"] == world.height + 2


# -- keys -----------------------------------------------------------------------------------------


def rotate(world: World, which: str = "new", **changes: Any) -> str:
    key = member_key("platform-a", which)
    data = rotation("platform-a", key, **changes)
    sub = f"consortium:platform-a:{which.replace(' ', '-')}"
    assert world.record("key.rotated", sub, data).facts == {"in_force_from": world.height + 1}
    return key.kid


def opens_a_case(world: World, kid: str) -> str:
    return world.refusal("signing.initiated", "case:platform-a:1", kid=kid)


def test_a_key_is_replaced_with_an_overlap(world: World) -> None:
    old = member_key("platform-a").kid
    new = rotate(world, replaces=old, overlap_blocks=3)
    height = world.height
    assert world.state[f"key/{new}"]["from"] == height + 1
    assert world.state[f"key/{old}"]["to"] == height + 4
    assert opens_a_case(world, new) == "key_not_in_force"
    for after in range(1, 6):
        world.next_block()
        assert opens_a_case(world, new) == "accepted"
        assert opens_a_case(world, old) == ("accepted" if after < 4 else "key_not_in_force")
    assert world.state["member/platform-a"]["keys"] == 3


def test_a_key_without_overlap_and_one_beside_the_others(world: World) -> None:
    old = member_key("platform-a").kid
    beside = rotate(world, "beside")
    new = rotate(world, replaces=old)
    world.next_block()
    assert opens_a_case(world, old) == "key_not_in_force"
    assert {opens_a_case(world, kid) for kid in (beside, new)} == {"accepted"}


def test_only_the_recovery_key_rotates_and_it_does_nothing_else(world: World) -> None:
    recovery = member_key("platform-a", "recovery").kid
    signing = member_key("platform-a").kid
    sub = "consortium:platform-a:1"
    assert world.refusal("key.rotated", sub, kid=signing) == "recovery_key_needed"
    for event_type in ("governance.proposed", "validator.misbehaved"):
        assert world.refusal(event_type, sub, kid=recovery) == "recovery_key_only"
    other = propose(world, SUSPENSION, by="court-a")
    assert world.refusal("governance.voted", other, kid=recovery) == "recovery_key_only"
    foreign = member_key("platform-b", "recovery").kid
    assert world.refusal("key.rotated", sub, kid=foreign) == "foreign_key"


def test_a_new_key_is_proven_to_its_member_and_chain(world: World) -> None:
    """Else a member could take the key that another is about to register, once it has been seen."""
    key, sub = member_key("platform-a", "new"), "consortium:platform-a:1"
    good = rotation("platform-a", key)
    for proof in (
        rotation("platform-b", key)["proof"],
        rotation("platform-a", member_key("platform-a", "other"))["proof"],
        "A" * 86,
    ):
        assert world.refusal("key.rotated", sub, {**good, "proof": proof}) == "key_unproven"
    assert world.refusal("key.rotated", sub, good) == "accepted"
    foreign = rotation("platform-b", key)
    stolen = world.refusal("key.rotated", "consortium:platform-b:1", good, by="platform-b")
    assert stolen == "key_unproven"
    world.record("key.rotated", "consortium:platform-b:1", foreign, by="platform-b")
    assert world.refusal("key.rotated", sub, good) == "key_taken"


def test_what_a_key_may_replace(world: World) -> None:
    for kid in (
        member_key("platform-b").kid,
        member_key("platform-a", "recovery").kid,
        member_key("nobody").kid,
        member_key("platform-a", "new").kid[:-1] + "A",
    ):
        data = rotation("platform-a", member_key("platform-a", "new"), replaces=kid)
        assert world.refusal("key.rotated", "consortium:platform-a:1", data) == "key_foreign"


def test_of_so_many_keys_more_come_by_vote_only(world: World) -> None:
    """A thief of the recovery key must not use up what its owner will need."""
    world.put("member/platform-a", keys=999)
    rotate(world)
    data = rotation("platform-a", member_key("platform-a", "more"))
    assert world.refusal("key.rotated", "consortium:platform-a:z", data) == "too_many_keys"
    recovery = member_key("platform-a", "new recovery").jwk.to_json()
    decide(
        world,
        {"jwk": recovery, "kind": "recovery_key.replace", "member": "platform-a"},
        by="court-a",
    )
    assert world.state["member/platform-a"]["keys"] == 1001


def report(world: World, kid: str, signed_with: str, **changes: Any) -> str:
    data = data_of("key.compromised", kid=kid, **changes)
    number = sum(key.startswith("dossier/") for key in world.state)
    sub = f"consortium:platform-a:{number}"
    by = member_key("platform-a", signed_with).kid
    refusal = world.refusal("key.compromised", sub, data, kid=by)
    if refusal == "accepted":
        world.record("key.compromised", sub, data, kid=by)
    return refusal


def test_a_reported_key_ends_and_is_doubted(world: World) -> None:
    own = member_key("platform-a").kid
    assert report(world, own, "signing", suspect_from=1000) == "accepted"
    assert world.state[f"key/{own}"]["to"] == world.height + 1
    assert world.state[f"key/{own}"]["suspect_from"] == 1000
    assert opens_a_case(world, own) == "accepted"  # in this block still
    world.next_block()
    assert opens_a_case(world, own) == "key_not_in_force"
    assert report(world, own, "recovery", suspect_from=2000) == "no_change"
    assert report(world, own, "recovery", suspect_from=999) == "accepted"
    assert world.state[f"key/{own}"]["suspect_from"] == 999
    assert world.state[f"key/{own}"]["to"] == world.height


def test_a_signing_key_reports_itself_alone(world: World) -> None:
    """Else a thief of one could end and cast doubt on all the others."""
    second = rotate(world, "second")
    world.next_block()
    assert report(world, second, "signing") == "recovery_key_needed"
    assert report(world, second, "recovery") == "accepted"


def test_what_cannot_be_reported(world: World) -> None:
    recovery = member_key("platform-a", "recovery").kid
    assert report(world, recovery, "recovery") == "key_foreign"
    assert report(world, member_key("platform-b").kid, "recovery") == "key_foreign"
    own = member_key("platform-a").kid
    assert report(world, own, "signing", suspect_from=world.latest + 1) == "occurred_in_future"
    assert report(world, own, "signing", suspect_from=world.latest) == "accepted"


# -- misbehaviour ---------------------------------------------------------------------------------


def test_misbehaviour_is_recorded_once_and_as_it_was_shown() -> None:
    genesis = consortium_genesis()
    address = genesis.validators[0].validator.address.hex()
    world = World()
    key = f"misbehaviour/{address}/5"
    world.put(key, kind="duplicate_vote", power=10, shown_at=7, time=1, total_power=10)
    sub = "consortium:court-a:1"
    for changes in ({"height": 6}, {"misbehaviour": "light_client_attack"}, {"address": "0" * 40}):
        data = data_of("validator.misbehaved", **changes)
        assert world.refusal("validator.misbehaved", sub, data, by="court-a") == (
            "misbehaviour_unknown"
        )
    accepted = world.record("validator.misbehaved", sub, by="court-a")
    assert accepted.facts == {"member": "operator-a", "shown_at": 7, "status": "recorded"}
    assert world.state[key]["dossier"] == sub
    assert world.refusal("validator.misbehaved", "consortium:court-a:2", by="court-a") == (
        "misbehaviour_recorded"
    )
