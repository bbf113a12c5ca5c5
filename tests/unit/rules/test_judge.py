"""Who may speak, when, and where: what `judge` asks before it looks at what an event says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders.consortium import MEMBER_OF_ROLE, MEMBERS, member_key
from builders.deciding import propose, rotation
from builders.events import DAY, HOME, case_sub, data_of, digest, identity_number
from builders.signing import seeded
from builders.world import SEAL, World

from node.core.evidence_code import check_digit, code_digits
from node.core.genesis import ROLES
from node.rules.events import EVENTS
from node.rules.judge import check_data, check_public, flaw_of
from node.rules.rejections import rejection
from node.rules.schema import FieldError

CASE = case_sub()
TOLERANCE = 300_000
LATE = DAY


def started(world: World) -> None:
    world.active_seal()
    world.open_case()
    world.record("signing.started", CASE)


PROPOSAL = "consortium:platform-a:0001"
SUSPENSION = {"kind": "member.suspend", "member": "platform-b"}
SHOWN = data_of("validator.misbehaved")["address"]

# Each type where it belongs: what stands before it, and the dossier it goes to.
PLACES: dict[str, tuple[Callable[[World], object], str]] = {
    "seal.applied": (lambda world: None, SEAL),
    "seal.created": (lambda world: world.record("seal.applied", SEAL), SEAL),
    "seal.filed": (lambda world: world.created_seal(), SEAL),
    "seal.status_changed": (lambda world: world.active_seal(), SEAL),
    "seal.imported": (lambda world: None, SEAL),
    "seal.certificate_renewed": (lambda world: world.active_seal(), SEAL),
    "signing.initiated": (lambda world: None, CASE),
    "signing.identity_verified": (lambda world: world.open_case(), CASE),
    "signing.intent_confirmed": (lambda world: world.open_case(), CASE),
    "signing.started": (lambda world: (world.active_seal(), world.open_case()), CASE),
    "signing.sealed": (started, CASE),
    "signing.completed": (
        lambda world: (started(world), world.record("signing.sealed", CASE)),
        CASE,
    ),
    "signing.rejected": (lambda world: world.open_case(), CASE),
    "signing.voided": (lambda world: world.open_case(), CASE),
    "record.imported": (lambda world: None, "record:platform-a:0001"),
    "disclosure.released": (lambda world: world.open_case(), "record:operator-a:0001"),
    "disclosure.erased": (lambda world: world.open_case(), "record:operator-a:0001"),
    "certificate.issued": (lambda world: world.open_case(), "record:operator-a:0001"),
    "anchor.confirmed": (
        lambda world: world.roots.update({7: bytes.fromhex(digest("root"))}),
        "anchor:operator-a:0001",
    ),
    "governance.proposed": (lambda world: None, PROPOSAL),
    "governance.voted": (
        lambda world: propose(world, SUSPENSION, by="workshop-a"),
        "consortium:workshop-a:0000",
    ),
    "governance.withdrawn": (
        lambda world: propose(world, SUSPENSION),
        "consortium:platform-a:0000",
    ),
    "key.rotated": (lambda world: None, PROPOSAL),
    "key.compromised": (lambda world: None, PROPOSAL),
    "validator.misbehaved": (
        lambda world: world.put(f"misbehaviour/{SHOWN}/5", kind="duplicate_vote", shown_at=7),
        PROPOSAL,
    ),
}


def fitting(world: World, event_type: str, sub: str) -> dict[str, object]:
    """The type's data, about a code that exists where it needs one."""
    data = data_of(event_type)
    opener = sub.split(":")[1]
    if event_type == "key.rotated":
        data = rotation(opener, member_key(opener, "new"))
    if event_type == "key.compromised":
        data["kid"] = member_key(opener).kid
    if "code" in data:
        data["code"] = "CZ" + world.dossier(CASE)["code"]
    return data


def test_every_type_has_its_place() -> None:
    assert set(PLACES) == set(EVENTS)


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_each_type_is_accepted_in_its_place(world: World, event_type: str) -> None:
    prepare, sub = PLACES[event_type]
    prepare(world)
    accepted = world.record(event_type, sub, fitting(world, event_type, sub))
    assert accepted.dossier["status"]


@pytest.mark.parametrize("event_type", sorted(EVENTS))
@pytest.mark.parametrize("role", ROLES)
def test_only_the_roles_of_a_type_may_record_it(world: World, event_type: str, role: str) -> None:
    prepare, sub = PLACES[event_type]
    prepare(world)
    member = MEMBER_OF_ROLE[role]
    if EVENTS[event_type].opens:
        kind, _, number = sub.split(":")
        sub = f"{kind}:{member}:{number}"
    elif sub == CASE and "participants" not in world.dossier(CASE):
        world.put(f"dossier/{CASE}", participants=[member])
    elif event_type == "seal.created":
        world.put(f"dossier/{SEAL}", maker=member)
    elif event_type == "governance.withdrawn":
        world.put(f"dossier/{sub}", opener=member)
    data = fitting(world, event_type, sub)
    if event_type == "seal.applied":
        data["maker"] = "maker-a"
    found = world.refusal(event_type, sub, data, by=member)
    assert found == ("accepted" if role in EVENTS[event_type].roles else "role_missing")


def test_roles_are_those_of_the_domain() -> None:
    assert {name: set(event.roles) for name, event in EVENTS.items()} == {
        "seal.applied": {"seal_maker", "platform"},
        "seal.created": {"seal_maker"},
        "seal.filed": {"police"},
        "seal.status_changed": {"police", "status_authority"},
        "seal.imported": {"seal_maker", "police"},
        "seal.certificate_renewed": {"certificate_authority"},
        "signing.initiated": {"platform"},
        "signing.identity_verified": {"identity_provider", "platform"},
        "signing.intent_confirmed": {"platform"},
        "signing.started": {"platform"},
        "signing.sealed": {"platform"},
        "signing.completed": {"platform"},
        "signing.rejected": {"platform"},
        "signing.voided": {"platform"},
        "record.imported": {"platform", "operator"},
        "disclosure.released": {"operator"},
        "disclosure.erased": {"operator"},
        "anchor.confirmed": {"operator"},
        "certificate.issued": {"operator"},
        "governance.proposed": set(ROLES),
        "governance.voted": set(ROLES),
        "governance.withdrawn": set(ROLES),
        "key.rotated": set(ROLES),
        "key.compromised": set(ROLES),
        "validator.misbehaved": set(ROLES),
    }
    assert set(HOME) <= set(EVENTS)
    assert set(MEMBER_OF_ROLE.values()) <= set(MEMBERS)


# -- the issuer -----------------------------------------------------------------------------------


def test_another_chain_is_refused_before_anything_is_looked_up(world: World) -> None:
    refusal = world.refusal("signing.initiated", CASE, cid="another-chain", kid="x", exp=1)
    assert refusal == "wrong_chain"


def test_a_key_that_nobody_registered(world: World) -> None:
    kid = member_key("stranger").kid
    assert world.refusal("signing.initiated", CASE, kid=kid) == "unknown_key"


def test_a_key_of_another_member(world: World) -> None:
    kid = member_key("platform-b").kid
    assert world.refusal("signing.initiated", CASE, kid=kid) == "foreign_key"


@pytest.mark.parametrize(
    ("start", "end", "refusal"),
    [
        (10, None, "accepted"),
        (11, None, "key_not_in_force"),
        (1, 10, "key_not_in_force"),
        (1, 11, "accepted"),
        (10, 11, "accepted"),
        (1, 9, "key_not_in_force"),
    ],
)
def test_a_key_holds_from_its_first_height_to_before_its_last(
    world: World, start: int, end: int | None, refusal: str
) -> None:
    assert world.height == 10
    key = f"key/{member_key('platform-a').kid}"
    world.put(key, **{"from": start}, **({} if end is None else {"to": end}))
    assert world.refusal("signing.initiated", CASE) == refusal


def test_a_key_that_is_found_in_force_once_is_looked_up_again_in_the_next_block(
    world: World,
) -> None:
    key = f"key/{member_key('platform-a').kid}"
    world.record("signing.initiated", CASE)
    assert world.issuers
    world.put(key, to=11)
    world.record("signing.identity_verified", CASE)
    world.next_block()
    assert world.refusal("signing.identity_verified", CASE) == "key_not_in_force"


def test_one_member_found_in_force_does_not_vouch_for_another_with_its_key(world: World) -> None:
    world.record("signing.initiated", CASE)
    kid = member_key("platform-a").kid
    sub = case_sub(2, "platform-b")
    assert world.refusal("signing.initiated", sub, by="platform-b", kid=kid) == "foreign_key"


def test_a_suspended_member_is_refused(world: World) -> None:
    world.record("signing.initiated", CASE)
    world.put("member/platform-a", status="suspended")
    assert world.refusal("signing.identity_verified", CASE) == "member_not_active"


def test_a_key_whose_member_is_gone(world: World) -> None:
    del world.state["member/platform-a"]
    assert world.refusal("signing.initiated", CASE) == "member_not_active"


# -- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("exp", "refusal"), [(0, "expired"), (1, "accepted"), (-1, "expired")])
def test_exp_must_be_after_the_blocks_time(world: World, exp: int, refusal: str) -> None:
    assert world.time % 1000 == 0
    found = world.refusal("signing.initiated", CASE, exp=world.time // 1000 + exp)
    assert found == refusal


def test_exp_is_compared_in_milliseconds(world: World) -> None:
    second = world.time // 1000 + 1
    world.time += 999
    assert world.refusal("signing.initiated", CASE, exp=second) == "accepted"
    world.time += 1
    assert world.refusal("signing.initiated", CASE, exp=second) == "expired"


@pytest.mark.parametrize(
    ("seconds", "refusal"),
    [(TOLERANCE // 1000, "accepted"), (TOLERANCE // 1000 + 1, "issued_in_future")],
)
def test_iat_may_be_ahead_by_the_tolerance(world: World, seconds: int, refusal: str) -> None:
    iat = world.time // 1000 + seconds
    assert world.refusal("signing.initiated", CASE, iat=iat) == refusal


@pytest.mark.parametrize(
    ("milliseconds", "refusal"), [(TOLERANCE, "accepted"), (TOLERANCE + 1, "occurred_in_future")]
)
def test_occurred_at_may_be_ahead_by_the_tolerance(
    world: World, milliseconds: int, refusal: str
) -> None:
    occurred = world.time + milliseconds
    assert world.refusal("signing.initiated", CASE, occurred_at=occurred) == refusal


def test_the_tolerance_is_the_chains_parameter(world: World) -> None:
    world.put("parameter/clock_tolerance_ms", value=0)
    assert world.refusal("signing.initiated", CASE, occurred_at=world.time) == "accepted"
    found = world.refusal("signing.initiated", CASE, occurred_at=world.time + 1)
    assert found == "occurred_in_future"


@pytest.mark.parametrize(("lag", "fact"), [(LATE, None), (LATE + 1, LATE + 1), (400 * DAY, None)])
def test_what_comes_late_is_recorded_and_said_to_be_late(
    world: World, lag: int, fact: int | None
) -> None:
    if lag == 400 * DAY:
        world.put("parameter/late_after_ms", value=lag)
    accepted = world.record("signing.initiated", CASE, occurred_at=world.time - lag)
    assert accepted.facts.get("late") == fact


# -- the order of the checks ----------------------------------------------------------------------


def test_a_flaw_of_form_is_told_only_to_who_may_speak(world: World) -> None:
    flawed = data_of("signing.initiated", sign_no=7)
    assert world.refusal("signing.initiated", CASE, flawed) == "malformed_data"
    assert world.refusal("signing.initiated", CASE, flawed, by="court-a") == "malformed_data"
    world.put("member/platform-a", status="suspended")
    assert world.refusal("signing.initiated", CASE, flawed) == "member_not_active"
    assert world.refusal("signing.initiated", CASE, flawed, cid="x") == "wrong_chain"
    assert world.refusal("signing.initiated", CASE, flawed, exp=0) == "member_not_active"


def test_an_unknown_type_is_refused(world: World) -> None:
    assert world.refusal("member.admitted", "consortium:court-a:1", {}) == "unknown_type"


# -- dossiers -------------------------------------------------------------------------------------

OPENING = sorted(name for name, event in EVENTS.items() if event.opens)
FOLLOWING = sorted(name for name, event in EVENTS.items() if not event.opens)


@pytest.mark.parametrize("event_type", FOLLOWING)
def test_what_opens_nothing_needs_its_dossier(world: World, event_type: str) -> None:
    sub = f"{EVENTS[event_type].kind}:platform-a:0001"
    assert world.refusal(event_type, sub) == "dossier_unknown"


@pytest.mark.parametrize("event_type", OPENING)
def test_a_dossier_is_opened_by_the_member_that_it_names(world: World, event_type: str) -> None:
    sub = f"{EVENTS[event_type].kind}:court-a:0001"
    assert world.refusal(event_type, sub) == "not_opener"


@pytest.mark.parametrize("event_type", OPENING)
@pytest.mark.parametrize("kind", ["anchor", "case", "consortium", "record", "seal"])
def test_a_dossier_of_another_kind_is_not_opened(world: World, event_type: str, kind: str) -> None:
    if kind != EVENTS[event_type].kind:
        sub = f"{kind}:{HOME.get(event_type, 'platform-a')}:0001"
        assert world.refusal(event_type, sub) == "wrong_kind"


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_an_event_goes_into_no_dossier_of_another_kind(world: World, event_type: str) -> None:
    sub = SEAL if EVENTS[event_type].kind != "seal" else CASE
    world.active_seal()
    world.open_case()
    assert world.refusal(event_type, sub) == "wrong_kind"


def test_the_first_record_takes_a_code_that_follows_from_it(world: World) -> None:
    identifier = seeded("first")
    accepted = world.record("signing.initiated", CASE, id=identifier)
    digits = code_digits(world.chain_id, identifier, 0)
    assert accepted.dossier["code"] == digits
    assert (accepted.dossier["count"], accepted.dossier["counter"]) == (1, 0)
    assert check_digit(digits[:12]) == digits[12]
    assert accepted.changes == [(f"code/{digits}", {"dossier": CASE})]
    second = world.record("signing.identity_verified", CASE)
    assert (second.dossier["code"], second.dossier["count"]) == (digits, 2)
    assert second.changes == []


def test_a_code_that_is_taken_is_passed_over(world: World) -> None:
    identifier = seeded("first")
    for counter in range(3):
        world.put(f"code/{code_digits(world.chain_id, identifier, counter)}", dossier="case:x:1")
    accepted = world.record("signing.initiated", CASE, id=identifier)
    assert accepted.dossier["counter"] == 3
    assert accepted.dossier["code"] == code_digits(world.chain_id, identifier, 3)


def test_a_refused_opening_takes_no_code(world: World) -> None:
    world.put("parameter/sign_no_patterns", value=["X+"])
    before = set(world.state)
    assert world.refusal("signing.initiated", CASE) == "sign_no_malformed"
    assert set(world.state) == before


def test_a_rival_appends_to_no_dossier_of_ours(world: World) -> None:
    world.active_seal()
    world.open_case()
    for event_type in EVENTS:
        if EVENTS[event_type].kind == "case":
            found = world.refusal(event_type, CASE, by="platform-b")
            assert found == ("dossier_exists" if EVENTS[event_type].opens else "not_permitted")
    assert world.refusal("seal.created", SEAL, by="maker-b") == "not_permitted"
    assert world.refusal("seal.applied", SEAL, by="maker-b") == "dossier_exists"
    assert world.refusal("seal.imported", SEAL, by="maker-b") == "dossier_exists"


# -- the form, without any state ------------------------------------------------------------------


def test_check_data_names_the_place_the_rule_and_the_rejection() -> None:
    with pytest.raises(FieldError) as caught:
        check_data("signing.initiated", data_of("signing.initiated", origin=""))
    assert str(caught.value) == "payload.data.origin: must be text of 1 to 200 characters"
    assert caught.value.rejection == "malformed_data"
    with pytest.raises(FieldError, match="is no event type") as caught:
        check_data("signing.cancelled", {})
    assert (caught.value.place, caught.value.rejection) == ("payload.type", "unknown_type")


@pytest.mark.parametrize("place", ["sub", "jti", "source.system"])
def test_identity_numbers_stand_nowhere_in_the_payload(place: str) -> None:
    payload = {
        "data": data_of("signing.initiated"),
        "jti": "event-1",
        "source": {"method": "api", "system": "平台"},
        "sub": CASE,
        "type": "signing.initiated",
    }
    check_public(payload)
    assert flaw_of(payload) == 0
    number = identity_number()
    if place == "sub":
        payload["sub"] = f"case:platform-a:{number}"
    elif place == "jti":
        payload["jti"] = number
    else:
        payload["source"] = {"method": "api", "system": f"平台 {number}"}
    with pytest.raises(FieldError) as caught:
        check_public(payload)
    assert caught.value.place == f"payload.{place}"
    assert flaw_of(payload) == rejection("personal_number_in_clear")
