"""The registry of rejections: what each number means for ever, and that each can be met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from builders.consortium import MEMBERS, member_key
from builders.deciding import (
    admission,
    decide,
    propose,
    rotation,
    validator_change,
    validator_genesis,
)
from builders.events import DAY, case_sub, data_of, digest, identity_number, reference
from builders.world import SEAL, World

from node.rules.governance import proposal_hash
from node.rules.judgement import Refused, refuse
from node.rules.rejections import ACCEPTED, REJECTIONS, Rejection, rejection

CASE = case_sub()
RECORD = "record:operator-a:1"
PROPOSAL = "consortium:platform-a:0001"
SUSPENSION = {"kind": "member.suspend", "member": "platform-b"}

# Once more and by hand: no number may change its meaning, nor be given again.
NUMBERS = {
    1: "duplicate",
    2: "conflict",
    3: "already_refused",
    4: "wrong_chain",
    5: "expired",
    6: "issued_in_future",
    7: "unknown_key",
    8: "foreign_key",
    9: "key_not_in_force",
    10: "member_not_active",
    11: "unknown_type",
    12: "malformed_data",
    13: "private_in_clear",
    14: "personal_number_in_clear",
    15: "role_missing",
    16: "wrong_kind",
    17: "dossier_unknown",
    18: "dossier_exists",
    19: "not_opener",
    20: "not_permitted",
    21: "other_division",
    22: "occurred_in_future",
    23: "wrong_status",
    24: "seal_unknown",
    25: "seal_not_active",
    26: "seal_not_valid",
    27: "seal_kind",
    28: "seal_exists",
    29: "supersedes_invalid",
    30: "filing_exists",
    31: "party_unknown",
    32: "party_not_verified",
    33: "not_started",
    34: "document_unknown",
    35: "documents_differ",
    36: "deadline_passed",
    37: "certificate_unknown",
    38: "code_unknown",
    39: "anchor_unknown",
    40: "sign_no_malformed",
    41: "maker_unknown",
    42: "validity_reversed",
    43: "party_twice",
    44: "participant_unknown",
    45: "dossier_full",
    46: "member_exists",
    47: "member_unknown",
    48: "key_taken",
    49: "key_foreign",
    50: "recovery_key_needed",
    51: "recovery_key_only",
    52: "proposal_closed",
    53: "already_voted",
    54: "too_many_open",
    55: "closing_time",
    56: "change_pending",
    57: "no_change",
    58: "parameter_malformed",
    59: "rules_not_next",
    60: "sole_validator",
    61: "validator_foreign",
    62: "validators_bounds",
    63: "member_needed",
    64: "misbehaviour_unknown",
    65: "misbehaviour_recorded",
    66: "too_many_members",
    67: "too_many_keys",
    68: "height_too_far",
    69: "key_unproven",
    70: "other_proposal",
}
BY_THE_LEDGER = {"duplicate", "conflict", "already_refused"}
"""What the ledger finds before it asks the rules; met in the tests of the ledger."""

# Not remembered: what is on the chain already, what can never be valid, and what anybody could send
# without a key, who would otherwise fill the state.
NOT_REMEMBERED = {
    "duplicate",
    "conflict",
    "already_refused",
    "wrong_chain",
    "expired",
    "unknown_key",
    "foreign_key",
}


def proposing(change: dict[str, Any]) -> Callable[[World], str]:
    """Propose what cannot be."""
    data = data_of("governance.proposed", change=change)
    return lambda world: world.refusal("governance.proposed", PROPOSAL, data)


def closed_proposal(world: World) -> str:
    sub = propose(world, SUSPENSION, closes_at=world.time + 1000)
    world.next_block(1000)
    return world.refusal("governance.voted", sub, by="court-a")


def other_proposal(world: World) -> str:
    """Shown to a member by a node that lies: the same name, another closing time."""
    sub = propose(world, {"kind": "member.suspend", "member": "platform-b"})
    shown = {**world.dossier(sub), "closes_at": world.dossier(sub)["closes_at"] + 1}
    vote = {"proposal_hash": proposal_hash(shown), "vote": "approve"}
    return world.refusal("governance.voted", sub, vote, by="court-a")


def voted_twice(world: World) -> str:
    sub = propose(world, SUSPENSION)
    return world.refusal("governance.voted", sub)


def many_proposals(world: World) -> str:
    for _ in range(10):
        propose(world, SUSPENSION)
    return world.refusal("governance.proposed", "consortium:platform-a:last")


def later_than_decided(world: World) -> str:
    decide(world, SUSPENSION)
    world.next_block()
    return proposing({"kind": "member.readmit", "member": "platform-b"})(world)


def last_member(world: World) -> str:
    for member in MEMBERS:
        if member != "platform-a":
            world.put(f"member/{member}", status="suspended")
    return proposing({"kind": "member.suspend", "member": "platform-a"})(world)


def misbehaviour_twice(world: World) -> str:
    data = data_of("validator.misbehaved")
    world.put(f"misbehaviour/{data['address']}/5", kind="duplicate_vote", shown_at=7)
    world.record("validator.misbehaved", "consortium:court-a:1", by="court-a")
    return world.refusal("validator.misbehaved", PROPOSAL)


def many_members(world: World) -> str:
    names = [f"member-{number}" for number in range(150 - len(MEMBERS))]
    for name in names:
        world.put(f"member/{name}", keys=2, since=1, status="suspended")
    world.put("consortium/members", ids=sorted([*MEMBERS, *names]))
    return proposing(admission("newcomer"))(world)


def many_keys(world: World) -> str:
    world.put("member/platform-a", keys=1000)
    data = rotation("platform-a", member_key("platform-a", "new"))
    return world.refusal("key.rotated", PROPOSAL, data)


def expired_seal(world: World) -> str:
    world.active_seal()
    world.open_case()
    world.next_block(400 * DAY)
    return world.refusal("signing.started", CASE)


def suspended_seal(world: World) -> str:
    world.active_seal()
    world.open_case()
    world.set_status("suspended")
    return world.refusal("signing.started", CASE)


def suspended_member(world: World) -> str:
    world.put("member/platform-a", status="suspended")
    return world.refusal("signing.initiated", CASE)


def key_ended(world: World) -> str:
    world.put(f"key/{member_key('platform-a').kid}", to=world.height)
    return world.refusal("signing.initiated", CASE)


def rival(world: World) -> str:
    world.open_case()
    return world.refusal("signing.voided", CASE, by="platform-b")


def personal_seal_for_an_organisation(world: World) -> str:
    es_id = world.personal_seal()
    world.open_case()
    return world.refusal("signing.started", CASE, data_of("signing.started", es_id=es_id))


def taken_es_id(world: World) -> str:
    world.created_seal()
    world.record("seal.applied", "seal:maker-a:0002")
    return world.refusal("seal.created", "seal:maker-a:0002")


def taken_filing_number(world: World) -> str:
    world.created_seal()
    world.record("seal.filed", SEAL)
    world.created_seal("seal:maker-a:0002", 2)
    return world.refusal("seal.filed", "seal:maker-a:0002")


def unknown_superseded(world: World) -> str:
    world.record("seal.applied", SEAL)
    return world.refusal("seal.created", SEAL, data_of("seal.created", supersedes="nothing"))


def reversed_validity(world: World) -> str:
    world.record("seal.applied", SEAL)
    return world.refusal("seal.created", SEAL, data_of("seal.created", valid_to=0))


def other_documents(world: World) -> str:
    world.active_seal()
    world.open_case()
    world.record("signing.started", CASE)
    return world.refusal("signing.completed", CASE)


def past_the_deadline(world: World) -> str:
    data = data_of("signing.initiated", deadline=world.time)
    world.record("signing.initiated", CASE, data)
    world.next_block()
    return world.refusal("signing.started", CASE)


def another_certificate(world: World) -> str:
    world.active_seal()
    world.record("seal.certificate_renewed", SEAL)
    return world.refusal("seal.certificate_renewed", SEAL)


def in_case(event_type: str, **changes: object) -> Callable[[World], str]:
    def run(world: World) -> str:
        world.active_seal()
        world.open_case()
        return world.refusal(event_type, CASE, data_of(event_type, **changes))

    return run


def opening(**changes: object) -> Callable[[World], str]:
    return lambda world: world.refusal(
        "signing.initiated", CASE, {**data_of("signing.initiated"), **changes}
    )


def with_event(**changes: object) -> Callable[[World], str]:
    return lambda world: world.refusal("signing.initiated", CASE, **changes)


def unverified(world: World) -> str:
    world.active_seal()
    world.record("signing.initiated", CASE)
    return world.refusal("signing.started", CASE)


def elsewhere(world: World) -> str:
    world.created_seal()
    return world.refusal("seal.filed", SEAL, by="police-tianjin")


def twice_opened(world: World) -> str:
    world.open_case()
    return world.refusal("signing.initiated", CASE)


def full_case(world: World) -> str:
    world.record(
        "signing.initiated", CASE, data_of("signing.initiated", participants=["identity-a"])
    )
    for _ in range(999):
        world.record("signing.identity_verified", CASE, by="identity-a")
    return world.refusal("signing.identity_verified", CASE, by="identity-a")


SCENARIOS: dict[str, Callable[[World], str]] = {
    "wrong_chain": with_event(cid="another-chain"),
    "expired": with_event(exp=0),
    "issued_in_future": with_event(iat=2**33),
    "unknown_key": with_event(kid="A" * 43),
    "foreign_key": with_event(kid=member_key("platform-b").kid),
    "key_not_in_force": key_ended,
    "member_not_active": suspended_member,
    "unknown_type": lambda world: world.refusal("signing.forgotten", CASE, {}),
    "malformed_data": opening(origin=1),
    "private_in_clear": opening(initiator="南某"),
    "personal_number_in_clear": opening(origin=identity_number()),
    "role_missing": lambda world: world.refusal("signing.initiated", CASE, by="court-a"),
    "wrong_kind": lambda world: world.refusal("signing.initiated", "record:platform-a:1"),
    "dossier_unknown": lambda world: world.refusal("signing.voided", CASE),
    "dossier_exists": twice_opened,
    "not_opener": lambda world: world.refusal("signing.initiated", CASE, by="platform-b"),
    "not_permitted": rival,
    "other_division": elsewhere,
    "occurred_in_future": with_event(occurred_at=2**42),
    "wrong_status": in_case("signing.completed"),
    "seal_unknown": in_case("signing.started", es_id="nothing"),
    "seal_not_active": suspended_seal,
    "seal_not_valid": expired_seal,
    "seal_kind": personal_seal_for_an_organisation,
    "seal_exists": taken_es_id,
    "supersedes_invalid": unknown_superseded,
    "filing_exists": taken_filing_number,
    "party_unknown": in_case("signing.started", party_ref=reference("stranger")),
    "party_not_verified": unverified,
    "not_started": in_case("signing.sealed"),
    "document_unknown": in_case("signing.started", document_hash=digest("stranger")),
    "documents_differ": other_documents,
    "deadline_passed": past_the_deadline,
    "certificate_unknown": another_certificate,
    "code_unknown": lambda world: world.refusal("certificate.issued", RECORD),
    "anchor_unknown": lambda world: world.refusal("anchor.confirmed", "anchor:operator-a:1"),
    "sign_no_malformed": opening(sign_no="HT-1"),
    "maker_unknown": lambda world: world.refusal(
        "seal.applied", "seal:platform-a:1", by="platform-a"
    ),
    "validity_reversed": reversed_validity,
    "party_twice": opening(parties=data_of("signing.initiated")["parties"] * 2),
    "participant_unknown": opening(participants=["nobody"]),
    "dossier_full": full_case,
    "member_exists": proposing(admission("platform-b")),
    "member_unknown": proposing({"kind": "member.suspend", "member": "nobody"}),
    "key_taken": proposing(
        {"jwk": member_key("court-a").jwk.to_json(), "kind": "key.replace", "member": "platform-b"}
    ),
    "key_foreign": proposing(
        {"kid": member_key("court-a").kid, "kind": "key.revoke", "member": "platform-b"}
    ),
    "recovery_key_needed": lambda world: world.refusal(
        "key.rotated", PROPOSAL, kid=member_key("platform-a").kid
    ),
    "recovery_key_only": lambda world: world.refusal(
        "signing.initiated", CASE, kid=member_key("platform-a", "recovery").kid
    ),
    "proposal_closed": closed_proposal,
    "already_voted": voted_twice,
    "too_many_open": many_proposals,
    "closing_time": lambda world: world.refusal(
        "governance.proposed", PROPOSAL, data_of("governance.proposed", closes_at=world.time)
    ),
    "change_pending": later_than_decided,
    "no_change": proposing({"kind": "member.readmit", "member": "platform-b"}),
    "parameter_malformed": proposing(
        {"kind": "parameter.set", "name": "max_block_bytes", "value": 1}
    ),
    "rules_not_next": proposing({"kind": "rules.set", "version": 3}),
    "sole_validator": proposing(validator_change("b", 10)),
    "validator_foreign": lambda world: proposing(validator_change("a", 20, "platform-a"))(
        World(validators=validator_genesis("a", "b"))
    ),
    "validators_bounds": lambda world: proposing(validator_change("a", 0))(
        World(validators=validator_genesis("a", "b"))
    ),
    "member_needed": last_member,
    "misbehaviour_unknown": lambda world: world.refusal("validator.misbehaved", PROPOSAL),
    "misbehaviour_recorded": misbehaviour_twice,
    "too_many_members": many_members,
    "too_many_keys": many_keys,
    "height_too_far": lambda world: world.refusal(
        "governance.proposed",
        PROPOSAL,
        data_of("governance.proposed", **{"from": world.height + 10_000_001}),
    ),
    "key_unproven": lambda world: world.refusal(
        "key.rotated",
        PROPOSAL,
        {**rotation("platform-b", member_key("platform-a", "new"))},
    ),
    "other_proposal": other_proposal,
}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_each_rejection_can_be_met(world: World, name: str) -> None:
    assert SCENARIOS[name](world) == name


def test_no_rejection_is_never_met() -> None:
    assert set(SCENARIOS) | BY_THE_LEDGER == set(NUMBERS.values())


def test_numbers_keep_their_meaning() -> None:
    assert {code: item.name for code, item in REJECTIONS.items()} == NUMBERS
    assert ACCEPTED not in REJECTIONS
    assert all(code == item.code for code, item in REJECTIONS.items())
    assert all(0 < code < 256 for code in REJECTIONS)


def test_what_is_remembered() -> None:
    forgotten = {item.name for item in REJECTIONS.values() if not item.remembered}
    assert forgotten == NOT_REMEMBERED


def test_every_rejection_has_its_texts() -> None:
    assert len({item.name for item in REJECTIONS.values()}) == len(REJECTIONS)
    for item in REJECTIONS.values():
        assert isinstance(item, Rejection)
        assert item.text.isascii()
        assert item.text
        assert any("\u4e00" <= character <= "\u9fff" for character in item.text_zh)


def test_a_refusal_is_raised_by_its_name() -> None:
    for code, name in NUMBERS.items():
        assert rejection(name) == code
        assert isinstance(refuse(name), Refused)
        assert refuse(name).code == code
    with pytest.raises(KeyError):
        rejection("no such rejection")
