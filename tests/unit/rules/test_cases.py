"""A signing case: parties, their identities and will, documents that each seal changes."""

from __future__ import annotations

import pytest
from builders.events import DAY, NOW, case_sub, data_of, digest, document, reference
from builders.world import SEAL, World

from node.rules.events import MAX_DOCUMENTS, MAX_PARTIES
from node.rules.judgement import State

CASE = case_sub()
ES_ID = "37010200000001"
SIGNING = ("signing.started", "signing.sealed")
AFTER_OPENING = (
    "signing.identity_verified",
    "signing.intent_confirmed",
    "signing.started",
    "signing.sealed",
    "signing.completed",
    "signing.rejected",
    "signing.voided",
)


def plain(event_type: str, kind: str = "handwritten", **changes: object) -> State:
    """Signing without a seal."""
    return data_of(event_type, signature_kind=kind, es_id=None, **changes)


def start(world: World, **changes: object) -> State:
    return world.record("signing.started", CASE, plain("signing.started", **changes)).dossier


def seal(world: World, **changes: object) -> State:
    return world.record("signing.sealed", CASE, plain("signing.sealed", **changes)).dossier


# -- opening --------------------------------------------------------------------------------------


def test_opening_notes_documents_and_parties(world: World) -> None:
    data = data_of(
        "signing.initiated",
        documents=[document(2), document(1)],
        parties=[
            {"kind": "organisation", "party_ref": reference("b")},
            {"kind": "person", "party_ref": reference("a")},
        ],
    )
    accepted = world.record("signing.initiated", CASE, data)
    assert accepted.facts == {"status": "initiated"}
    dossier = accepted.dossier
    assert dossier["documents"] == [digest(2), digest(1)]
    assert dossier["parties"] == {
        reference("b"): {"kind": "organisation"},
        reference("a"): {"kind": "person"},
    }
    assert (dossier["status"], dossier["status_version"]) == ("initiated", 1)
    assert not {"participants", "deadline"} & set(dossier)


def test_a_case_is_opened_once(world: World) -> None:
    world.record("signing.initiated", CASE)
    assert world.refusal("signing.initiated", CASE) == "dossier_exists"


@pytest.mark.parametrize(
    ("sign_no", "refusal"),
    [
        ("QY812163472634127040-1", "accepted"),
        ("QY812163472634127040-123456", "accepted"),
        ("QY812163472634127040", "sign_no_malformed"),
        ("QY812163472634127040-", "sign_no_malformed"),
        ("QY81216347263412704-1", "sign_no_malformed"),
        ("QY8121634726341270401-1", "sign_no_malformed"),
        ("qy812163472634127040-1", "sign_no_malformed"),
        ("HT-2026-1", "sign_no_malformed"),
        ("QY812163472634127040-1\n", "malformed_data"),
        ("QY81216347263412704０-1", "malformed_data"),
        ("", "malformed_data"),
    ],
)
def test_sign_numbers(world: World, sign_no: str, refusal: str) -> None:
    data = data_of("signing.initiated", sign_no=sign_no)
    assert world.refusal("signing.initiated", CASE, data) == refusal


def test_another_platforms_sign_numbers_are_allowed_by_parameter() -> None:
    patterns = [r"QY\d{18}-\d+", r"HT-\d{4}-\d{1,6}"]
    world = World(parameters={"sign_no_patterns": patterns})
    for sign_no in ("HT-2026-1", "QY812163472634127040-1"):
        data = data_of("signing.initiated", sign_no=sign_no)
        assert world.refusal("signing.initiated", CASE, data) == "accepted"
    data = data_of("signing.initiated", sign_no="HT-2026-1234567")
    assert world.refusal("signing.initiated", CASE, data) == "sign_no_malformed"


def test_no_document_and_no_party_stands_twice(world: World) -> None:
    party = {"kind": "person", "party_ref": reference(0)}
    twice = data_of("signing.initiated", parties=[party, {**party, "kind": "organisation"}])
    assert world.refusal("signing.initiated", CASE, twice) == "party_twice"
    twice = data_of("signing.initiated", documents=[document(1), document(1, size=2)])
    assert world.refusal("signing.initiated", CASE, twice) == "party_twice"


def test_as_many_as_allowed_and_no_more(world: World) -> None:
    def sized(documents: int, parties: int) -> State:
        return data_of(
            "signing.initiated",
            documents=[document(number) for number in range(documents)],
            parties=[
                {"kind": "person", "party_ref": reference(number)} for number in range(parties)
            ],
        )

    for documents, parties in ((MAX_DOCUMENTS + 1, 1), (1, MAX_PARTIES + 1), (0, 1), (1, 0)):
        found = world.refusal("signing.initiated", CASE, sized(documents, parties))
        assert found == "malformed_data"
    world.record("signing.initiated", CASE, sized(MAX_DOCUMENTS, MAX_PARTIES))
    assert len(world.dossier(CASE)["documents"]) == MAX_DOCUMENTS


# -- who may append -------------------------------------------------------------------------------


def test_participants_must_be_members(world: World) -> None:
    data = data_of("signing.initiated", participants=["platform-b", "nobody"])
    assert world.refusal("signing.initiated", CASE, data) == "participant_unknown"


@pytest.mark.parametrize("event_type", AFTER_OPENING)
def test_participants_append_by_their_role_and_nobody_else_does(
    world: World, event_type: str
) -> None:
    data = data_of("signing.initiated", participants=["platform-b", "identity-a", "court-a"])
    world.record("signing.initiated", CASE, data)
    world.record("signing.identity_verified", CASE, by="identity-a")
    world.active_seal()
    if event_type in ("signing.sealed", "signing.completed"):
        world.record("signing.started", CASE, by="platform-b")
    if event_type == "signing.completed":
        world.record("signing.sealed", CASE)
    assert world.refusal(event_type, CASE, by="platform-b") == "accepted"
    assert world.refusal(event_type, CASE, by="platform-a") == "accepted"
    assert world.refusal(event_type, CASE, by="court-a") == "role_missing"
    identity = "accepted" if event_type == "signing.identity_verified" else "role_missing"
    assert world.refusal(event_type, CASE, by="identity-a") == identity
    assert world.refusal(event_type, CASE, by="workshop-a") == "not_permitted"


def test_a_participant_cannot_make_a_case_larger_than_a_bundle(world: World) -> None:
    data = data_of("signing.initiated", participants=["identity-a"])
    world.record("signing.initiated", CASE, data)
    for _ in range(999):
        world.record("signing.identity_verified", CASE, by="identity-a")
    for _ in range(2):
        found = world.refusal("signing.identity_verified", CASE, by="identity-a")
        assert found == "dossier_full"
        assert world.refusal("signing.identity_verified", CASE, by="workshop-a") == "not_permitted"
        world.record("signing.identity_verified", CASE, by="platform-a")


def test_an_identity_provider_that_is_not_named_verifies_nobody(world: World) -> None:
    world.record("signing.initiated", CASE)
    found = world.refusal("signing.identity_verified", CASE, by="identity-a")
    assert found == "not_permitted"


# -- identity and intent --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event_type",
    ["signing.identity_verified", "signing.intent_confirmed", *SIGNING, "signing.rejected"],
)
def test_a_party_must_be_one_of_the_case(world: World, event_type: str) -> None:
    world.open_case()
    data = data_of(event_type, party_ref=reference("stranger"))
    assert world.refusal(event_type, CASE, data) == "party_unknown"


def test_an_identity_is_verified_and_can_be_lost_again(world: World) -> None:
    world.record("signing.initiated", CASE)
    party = reference(0)
    accepted = world.record("signing.identity_verified", CASE)
    assert accepted.facts == {"status": "initiated"}
    assert accepted.dossier["parties"][party] == {"kind": "organisation", "verified": 1}
    failed = data_of("signing.identity_verified", result="failed")
    world.record("signing.identity_verified", CASE, failed)
    assert world.dossier(CASE)["parties"][party]["verified"] == 0
    assert world.refusal("signing.started", CASE, plain("signing.started")) == "party_not_verified"
    world.record("signing.identity_verified", CASE)
    assert world.refusal("signing.started", CASE, plain("signing.started")) == "accepted"


@pytest.mark.parametrize("event_type", ["signing.intent_confirmed", *SIGNING])
def test_only_a_verified_party_goes_on(world: World, event_type: str) -> None:
    world.active_seal()
    world.record("signing.initiated", CASE)
    assert world.refusal(event_type, CASE) == "party_not_verified"


def test_another_partys_verification_does_not_count(world: World) -> None:
    parties = [{"kind": "person", "party_ref": reference(number)} for number in (0, 1)]
    world.record("signing.initiated", CASE, data_of("signing.initiated", parties=parties))
    world.record("signing.identity_verified", CASE)
    other = plain("signing.started", party_ref=reference(1))
    assert world.refusal("signing.started", CASE, other) == "party_not_verified"


@pytest.mark.parametrize("event_type", ["signing.intent_confirmed", *SIGNING])
def test_the_document_must_be_a_current_one(world: World, event_type: str) -> None:
    world.active_seal()
    world.open_case()
    field = "before_hash" if event_type == "signing.sealed" else "document_hash"
    data = data_of(event_type, **{field: digest("another document")})
    assert world.refusal(event_type, CASE, data) == "document_unknown"


def test_intent_is_not_asked_for_but_told(world: World) -> None:
    world.open_case()
    started = world.record("signing.started", CASE, plain("signing.started"))
    assert started.facts == {"intent": "none", "status": "started"}
    confirmed = world.record("signing.intent_confirmed", CASE)
    assert confirmed.facts == {"status": "started"}
    sealed = world.record("signing.sealed", CASE, plain("signing.sealed"))
    assert sealed.facts == {"intent": "confirmed", "status": "started"}


def test_intent_is_for_one_document_as_it_was(world: World) -> None:
    world.open_case(parties=2, documents=2)
    world.record("signing.intent_confirmed", CASE)
    other = plain("signing.started", document_hash=digest("document", 1))
    assert world.record("signing.started", CASE, other).facts["intent"] == "none"
    second = plain("signing.started", party_ref=reference(1))
    assert world.record("signing.started", CASE, second).facts["intent"] == "none"
    start(world)
    after = digest("document", 0, "sealed")
    seal(world, after_hash=after)
    again = plain("signing.started", document_hash=after)
    assert world.record("signing.started", CASE, again).facts["intent"] == "none"


def test_the_last_confirmations_are_held(world: World) -> None:
    world.open_case(documents=MAX_DOCUMENTS)
    for number in (*range(MAX_DOCUMENTS), 0):
        data = data_of("signing.intent_confirmed", document_hash=digest("document", number))
        world.record("signing.intent_confirmed", CASE, data)
    held = world.dossier(CASE)["parties"][reference(0)]["confirmed"]
    assert held == [digest("document", number) for number in (*range(1, MAX_DOCUMENTS), 0)]
    start(world, document_hash=digest("document", 0))
    seal(world, before_hash=digest("document", 0), after_hash=digest("new"))
    data = data_of("signing.intent_confirmed", document_hash=digest("new"))
    world.record("signing.intent_confirmed", CASE, data)
    held = world.dossier(CASE)["parties"][reference(0)]["confirmed"]
    assert len(held) == MAX_DOCUMENTS
    assert held[-1] == digest("new")
    assert digest("document", 1) not in held


# -- signing --------------------------------------------------------------------------------------


def test_starting_and_sealing_with_a_seal(world: World) -> None:
    world.active_seal()
    world.open_case()
    started = world.record("signing.started", CASE)
    told = {
        "intent": "none",
        "seal_record": f"CZ{world.dossier(SEAL)['code']}-3",
        "seal_status": "active",
        "seal_status_version": 3,
        "status": "started",
    }
    assert started.facts == told
    assert (started.dossier["status"], started.dossier["status_version"]) == ("started", 2)
    party = started.dossier["parties"][reference(0)]
    assert party["started"] == {"0": f"organisation_seal/{ES_ID}"}
    sealed = world.record("signing.sealed", CASE)
    assert sealed.facts == told
    assert sealed.dossier["documents"] == [digest("document", 0, "sealed")]
    assert sealed.dossier["parties"][reference(0)]["started"] == {}
    assert sealed.dossier["status_version"] == 2


def test_the_facts_name_the_record_that_gave_the_seal_its_status(world: World) -> None:
    world.active_seal()
    for status in ("suspended", "active"):
        world.set_status(status)
    world.record("seal.certificate_renewed", SEAL)
    world.open_case()
    facts = world.record("signing.started", CASE).facts
    assert facts["seal_record"] == f"CZ{world.dossier(SEAL)['code']}-5"
    assert facts["seal_status_version"] == 5


@pytest.mark.parametrize("kind", ["handwritten", "certificate"])
def test_signing_without_a_seal(world: World, kind: str) -> None:
    world.open_case()
    start(world, kind=kind)
    assert seal(world, kind=kind)["documents"] == [digest("document", 0, "sealed")]


@pytest.mark.parametrize("event_type", SIGNING)
@pytest.mark.parametrize("kind", ["handwritten", "certificate"])
def test_a_signature_that_is_no_seal_names_none(world: World, event_type: str, kind: str) -> None:
    world.open_case()
    named = data_of(event_type, signature_kind=kind)
    assert world.refusal(event_type, CASE, named) == "malformed_data"
    for seal_kind in ("organisation_seal", "personal_seal"):
        nameless = data_of(event_type, signature_kind=seal_kind, es_id=None)
        assert world.refusal(event_type, CASE, nameless) == "malformed_data"


def test_the_seal_must_be_of_the_kind_that_is_said(world: World) -> None:
    organisation, person = world.active_seal(), world.personal_seal()
    world.open_case()

    def started(kind: str, es_id: str) -> str:
        data = data_of("signing.started", signature_kind=kind, es_id=es_id)
        return world.refusal("signing.started", CASE, data)

    assert started("organisation_seal", organisation) == "accepted"
    assert started("personal_seal", person) == "accepted"
    assert started("organisation_seal", person) == "seal_kind"
    assert started("personal_seal", organisation) == "seal_kind"
    assert started("personal_seal", "unknown") == "seal_unknown"


@pytest.mark.parametrize("event_type", SIGNING)
@pytest.mark.parametrize(
    ("steps", "refusal"),
    [
        ((), "accepted"),
        (("suspended",), "seal_not_active"),
        (("suspended", "active"), "accepted"),
        (("lost",), "seal_not_active"),
        (("lost", "active"), "accepted"),
        (("revoked",), "seal_not_active"),
        (("revoked", "cancelled"), "seal_not_active"),
    ],
)
def test_the_seal_must_be_active_at_the_time_of_the_block(
    world: World, event_type: str, steps: tuple[str, ...], refusal: str
) -> None:
    world.active_seal()
    world.open_case()
    world.record("signing.started", CASE)
    for step in steps:
        world.set_status(step)
    assert world.refusal(event_type, CASE) == refusal


def test_a_seal_that_is_not_filed_yet_signs_nothing(world: World) -> None:
    world.created_seal()
    world.open_case()
    assert world.refusal("signing.started", CASE) == "seal_not_active"


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "refusal"),
    [
        (NOW, NOW + 1, "accepted"),
        (NOW + 1, NOW + 2, "seal_not_valid"),
        (NOW - 2, NOW, "accepted"),
        (NOW - 2, NOW - 1, "seal_not_valid"),
    ],
)
def test_the_seal_must_be_inside_its_validity(
    world: World, valid_from: int, valid_to: int, refusal: str
) -> None:
    world.active_seal(valid_from=valid_from, valid_to=valid_to)
    world.open_case()
    assert world.time == NOW
    assert world.refusal("signing.started", CASE) == refusal


def test_a_suspended_seal_past_its_validity_is_not_valid(world: World) -> None:
    world.active_seal()
    world.open_case()
    world.set_status("suspended")
    world.next_block(400 * DAY)
    assert world.refusal("signing.started", CASE) == "seal_not_valid"


def test_a_seal_signs_in_any_case_whoever_made_it(world: World) -> None:
    world.active_seal()
    sub = case_sub(1, "platform-b")
    world.record("signing.initiated", sub, by="platform-b")
    world.record("signing.identity_verified", sub, by="platform-b")
    assert world.refusal("signing.started", sub, by="platform-b") == "accepted"


# -- before and after -----------------------------------------------------------------------------


def test_hashes_form_a_chain_over_parties_and_documents(world: World) -> None:
    world.open_case(parties=2, documents=2)
    first, second = digest("document", 0), digest("document", 1)
    for number in range(2):
        for document_hash in (first, second):
            start(world, party_ref=reference(number), document_hash=document_hash)
    one, two = digest("one"), digest("two")
    seal(world, before_hash=first, after_hash=one)
    stale = plain("signing.sealed", party_ref=reference(1), before_hash=first, after_hash=two)
    assert world.refusal("signing.sealed", CASE, stale) == "document_unknown"
    dossier = seal(world, party_ref=reference(1), before_hash=one, after_hash=two)
    assert dossier["documents"] == [two, second]
    dossier = seal(world, party_ref=reference(1), before_hash=second, after_hash=digest("three"))
    assert dossier["documents"] == [two, digest("three")]
    dossier = seal(world, before_hash=digest("three"), after_hash=digest("four"))
    assert dossier["documents"] == [two, digest("four")]


def test_sealing_must_change_the_document_into_a_new_one(world: World) -> None:
    world.open_case(documents=2)
    start(world)
    for number in (0, 1):
        data = plain("signing.sealed", after_hash=digest("document", number))
        assert world.refusal("signing.sealed", CASE, data) == "party_twice"


def test_sealing_follows_starting(world: World) -> None:
    world.open_case(parties=2, documents=2)
    assert world.refusal("signing.sealed", CASE, plain("signing.sealed")) == "not_started"
    start(world)
    other_document = plain("signing.sealed", before_hash=digest("document", 1))
    assert world.refusal("signing.sealed", CASE, other_document) == "not_started"
    other_party = plain("signing.sealed", party_ref=reference(1))
    assert world.refusal("signing.sealed", CASE, other_party) == "not_started"
    other_means = plain("signing.sealed", kind="certificate")
    assert world.refusal("signing.sealed", CASE, other_means) == "not_started"
    seal(world)
    again = plain("signing.sealed", before_hash=digest("document", 0, "sealed"))
    again["after_hash"] = digest("again")
    assert world.refusal("signing.sealed", CASE, again) == "not_started"


def test_sealing_is_with_the_seal_that_was_started_with(world: World) -> None:
    world.active_seal()
    other = world.active_seal("seal:maker-a:0002", 2)
    world.open_case()
    world.record("signing.started", CASE)
    data = data_of("signing.sealed", es_id=other)
    assert world.refusal("signing.sealed", CASE, data) == "not_started"
    world.record("signing.started", CASE, data_of("signing.started", es_id=other))
    assert world.refusal("signing.sealed", CASE, data) == "accepted"
    assert world.refusal("signing.sealed", CASE) == "not_started"


# -- the end --------------------------------------------------------------------------------------


def completed(*hashes: str) -> State:
    documents = [{"media_type": "application/pdf", "sha256": item, "size": 1} for item in hashes]
    return data_of("signing.completed", documents=documents)


def test_a_case_is_completed_with_its_current_documents(world: World) -> None:
    world.open_case(documents=2)
    first, second, after = digest("document", 0), digest("document", 1), digest("after")
    start(world)
    seal(world, after_hash=after)
    for wrong in (
        (first, second),
        (after,),
        (after, second, first),
        (after, after),
        (second, first),
    ):
        found = world.refusal("signing.completed", CASE, completed(*wrong))
        assert found == "documents_differ"
    accepted = world.record("signing.completed", CASE, completed(second, after))
    assert accepted.facts == {"status": "completed"}
    dossier = accepted.dossier
    assert (dossier["status"], dossier["status_version"]) == ("completed", 3)
    assert dossier["documents"] == [after, second]
    assert "parties" not in dossier


def test_completion_needs_a_start(world: World) -> None:
    world.open_case()
    data = completed(digest("document", 0))
    assert world.refusal("signing.completed", CASE, data) == "wrong_status"
    start(world)
    assert world.refusal("signing.completed", CASE, data) == "accepted"


@pytest.mark.parametrize("status", ["rejected", "voided"])
@pytest.mark.parametrize("begun", ["initiated", "verified", "started"])
def test_a_case_ends_from_any_state_before_completion(
    world: World, status: str, begun: str
) -> None:
    world.record("signing.initiated", CASE, data_of("signing.initiated", deadline=NOW + DAY))
    if begun != "initiated":
        world.record("signing.identity_verified", CASE)
    if begun == "started":
        start(world)
    version = world.dossier(CASE)["status_version"]
    by_party = data_of(f"signing.{status}", party_ref=reference(0))
    assert world.refusal(f"signing.{status}", CASE) == "accepted"
    accepted = world.record(f"signing.{status}", CASE, by_party)
    assert accepted.facts == {"status": status}
    assert accepted.dossier["status"] == status
    assert accepted.dossier["status_version"] == version + 1
    assert not {"parties", "deadline"} & set(accepted.dossier)


@pytest.mark.parametrize("end", ["completed", "rejected", "voided"])
@pytest.mark.parametrize("event_type", AFTER_OPENING)
def test_nothing_follows_the_end(world: World, end: str, event_type: str) -> None:
    world.active_seal()
    world.open_case()
    start(world)
    if end == "completed":
        world.record("signing.completed", CASE, completed(digest("document", 0)))
    else:
        world.record(f"signing.{end}", CASE)
    assert world.refusal(event_type, CASE) == "wrong_status"
    assert world.refusal("signing.initiated", CASE) == "dossier_exists"


@pytest.mark.parametrize(("late", "refusal"), [(0, "accepted"), (1, "deadline_passed")])
def test_nothing_is_signed_after_the_deadline(world: World, late: int, refusal: str) -> None:
    world.record("signing.initiated", CASE, data_of("signing.initiated", deadline=NOW + DAY))
    world.record("signing.identity_verified", CASE)
    start(world)
    world.next_block(DAY + late)
    assert world.refusal("signing.started", CASE, plain("signing.started")) == refusal
    assert world.refusal("signing.sealed", CASE, plain("signing.sealed")) == refusal
    for event_type in ("signing.identity_verified", "signing.intent_confirmed", "signing.voided"):
        assert world.refusal(event_type, CASE) == "accepted"
    done = completed(digest("document", 0))
    assert world.refusal("signing.completed", CASE, done) == "accepted"
