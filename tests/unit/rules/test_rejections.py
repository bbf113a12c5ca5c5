"""The registry of rejections: what each number means for ever, and that each can be met."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders.consortium import member_key
from builders.events import DAY, case_sub, data_of, digest, identity_number, reference
from builders.world import SEAL, World

from node.rules.judgement import Refused, refuse
from node.rules.rejections import ACCEPTED, REJECTIONS, Rejection, rejection

CASE = case_sub()
RECORD = "record:operator-a:1"

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
