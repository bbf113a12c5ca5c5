"""The life of a seal: who makes it, files it, changes its status, and what each step leaves."""

from __future__ import annotations

import pytest
from builders.events import DAY, NOW, data_of, digest, uscc
from builders.world import SEAL, World, personal

from node.rules.events import SEAL_STATUSES
from node.rules.judgement import State
from node.rules.seals import TRANSITIONS, status_at

ES_ID = "37010200000001"
VALID_TO = NOW + 365 * DAY

# The whole table once more, by hand: from each status, where each change leads.
ALLOWED = {
    ("active", "suspended"),
    ("active", "lost"),
    ("active", "revoked"),
    ("suspended", "active"),
    ("suspended", "lost"),
    ("suspended", "revoked"),
    ("lost", "active"),
    ("lost", "cancelled"),
    ("revoked", "cancelled"),
    ("expired", "cancelled"),
}


def change(to: str, **changes: object) -> State:
    return data_of("seal.status_changed", to=to, **changes)


def in_status(world: World, status: str) -> None:
    """A seal in ``status``, reached as it is reached in life."""
    if status == "applied":
        world.record("seal.applied", SEAL)
        return
    if status == "created":
        world.created_seal()
        return
    world.active_seal()
    ways = {
        "active": (),
        "suspended": ("suspended",),
        "lost": ("lost",),
        "revoked": ("revoked",),
        "cancelled": ("revoked", "cancelled"),
        "expired": (),
        "suspended, then expired": ("suspended",),
    }
    for step in ways[status]:
        world.set_status(step)
    if status.endswith("expired"):
        world.next_block(VALID_TO - NOW + 1)


# -- application and creation ---------------------------------------------------------------------


def test_an_application_notes_what_later_steps_ask(world: World) -> None:
    dossier = world.record("seal.applied", SEAL).dossier
    assert dossier["maker"] == "maker-a"
    assert dossier["division"] == "370102"
    assert (dossier["owner_kind"], dossier["owner_uscc"]) == ("organisation", uscc(1))
    assert (dossier["status"], dossier["status_version"]) == ("applied", 1)


def test_a_persons_application_names_nobody(world: World) -> None:
    data = personal(data_of("seal.applied"))
    accepted = world.record("seal.applied", SEAL, data)
    assert accepted.dossier["owner_kind"] == "person"
    assert "owner_uscc" not in accepted.dossier


def test_a_platform_commissions_a_maker(world: World) -> None:
    sub = "seal:platform-a:0001"
    commissioned = data_of("seal.applied", maker="maker-b")
    assert world.refusal("seal.applied", sub, by="platform-a") == "maker_unknown"
    assert world.record("seal.applied", sub, commissioned, by="platform-a").facts == {
        "status": "applied"
    }
    assert world.refusal("seal.created", sub, by="maker-a") == "not_permitted"
    assert world.refusal("seal.created", sub, by="maker-b") == "accepted"


@pytest.mark.parametrize("maker", ["platform-a", "nobody", "police-jinan"])
def test_a_commissioned_maker_must_be_one(world: World, maker: str) -> None:
    data = data_of("seal.applied", maker=maker)
    found = world.refusal("seal.applied", "seal:platform-a:0001", data, by="platform-a")
    assert found == "maker_unknown"


def test_who_is_platform_and_maker_commissions_itself(world: World) -> None:
    sub = "seal:workshop-a:0001"
    assert world.record("seal.applied", sub, by="workshop-a").dossier["maker"] == "workshop-a"


def test_a_dossier_is_opened_once(world: World) -> None:
    world.record("seal.applied", SEAL)
    assert world.refusal("seal.applied", SEAL) == "dossier_exists"
    assert world.refusal("seal.imported", SEAL) == "dossier_exists"


def test_creation_leaves_the_seals_state(world: World) -> None:
    world.record("seal.applied", SEAL)
    accepted = world.record("seal.created", SEAL)
    assert accepted.facts == {"status": "created", "status_version": 2}
    assert accepted.dossier["es_id"] == ES_ID
    assert accepted.changes == [
        (
            f"seal/{ES_ID}",
            {
                "certificates": [],
                "code": accepted.dossier["code"],
                "dossier": SEAL,
                "ordinal": 2,
                "owner_kind": "organisation",
                "owner_uscc": uscc(1),
                "status": "created",
                "status_version": 2,
                "valid_from": NOW - DAY,
                "valid_to": VALID_TO,
            },
        )
    ]


def test_a_seal_is_created_once(world: World) -> None:
    world.created_seal()
    other = data_of("seal.created", es_id="37010200000002")
    assert world.refusal("seal.created", SEAL, other) == "wrong_status"


def test_an_es_id_is_taken_once_on_the_whole_chain(world: World) -> None:
    world.created_seal()
    world.record("seal.applied", "seal:maker-b:0001", data_of("seal.applied"), by="maker-b")
    assert world.refusal("seal.created", "seal:maker-b:0001", by="maker-b") == "seal_exists"
    imported = data_of("seal.imported", filing_no="BA-9")
    assert world.refusal("seal.imported", "seal:maker-b:0002", imported, by="maker-b") == (
        "seal_exists"
    )


def test_an_organisations_seal_is_named_in_clear_and_a_persons_never(world: World) -> None:
    world.record("seal.applied", SEAL)
    nameless = data_of("seal.created", seal_name=None)
    assert world.refusal("seal.created", SEAL, nameless) == "malformed_data"
    other = "seal:maker-a:0002"
    world.record("seal.applied", other, personal(data_of("seal.applied")))
    assert world.refusal("seal.created", other) == "private_in_clear"
    accepted = world.record("seal.created", other, nameless)
    (_, seal), *_ = accepted.changes
    assert seal is not None
    assert seal["owner_kind"] == "person"
    assert "owner_uscc" not in seal


@pytest.mark.parametrize(("length", "refusal"), [(1, "accepted"), (0, None), (-1, None)])
def test_validity_must_run_forward(world: World, length: int, refusal: str | None) -> None:
    world.record("seal.applied", SEAL)
    times = {"valid_from": NOW, "valid_to": NOW + length}
    found = world.refusal("seal.created", SEAL, data_of("seal.created", **times))
    assert found == (refusal or "validity_reversed")
    imported = data_of("seal.imported", es_id="x", **times)
    assert world.refusal("seal.imported", "seal:maker-a:2", imported) == found


# -- a remade seal --------------------------------------------------------------------------------


def remake(world: World, sub: str, es_id: str, supersedes: str, **applied: object) -> str:
    data = data_of("seal.applied", **applied)
    if data["owner_kind"] == "person":
        data = personal(data)
    world.record("seal.applied", sub, data)
    name = None if data["owner_kind"] == "person" else data["seal_name"]
    created = data_of("seal.created", es_id=es_id, supersedes=supersedes, seal_name=name)
    return world.refusal("seal.created", sub, created)


@pytest.mark.parametrize("status", ["created", "active", "lost", "revoked", "cancelled", "expired"])
def test_a_remade_seal_has_a_new_es_id_and_names_the_old(world: World, status: str) -> None:
    in_status(world, status)
    sub = "seal:maker-b:0002"
    world.record("seal.applied", sub, by="maker-b")
    created = data_of("seal.created", es_id="37010200000002", supersedes=ES_ID)
    accepted = world.record("seal.created", sub, created, by="maker-b")
    ((key, seal),) = accepted.changes
    assert key == "seal/37010200000002"
    assert seal is not None
    assert seal["supersedes"] == ES_ID


def test_only_the_same_owners_seal_is_superseded(world: World) -> None:
    world.active_seal()
    found = remake(world, "seal:maker-a:2", "new", ES_ID, owner_uscc=uscc(2))
    assert found == "supersedes_invalid"
    assert remake(world, "seal:maker-a:3", "new", ES_ID, owner_kind="person") == found
    assert remake(world, "seal:maker-a:4", "new", "unknown") == found
    assert remake(world, "seal:maker-a:5", "new", "new") == found
    assert remake(world, "seal:maker-a:6", "new", ES_ID) == "accepted"


def test_a_persons_seal_supersedes_a_persons(world: World) -> None:
    es_id = world.personal_seal()
    assert remake(world, "seal:maker-a:3", "new", es_id, owner_kind="person") == "accepted"
    assert remake(world, "seal:maker-a:4", "new", es_id) == "supersedes_invalid"


def test_an_imported_seal_may_supersede_too(world: World) -> None:
    world.active_seal()
    imported = data_of("seal.imported", es_id="new", filing_no="BA-2", supersedes=ES_ID)
    accepted = world.record("seal.imported", "seal:maker-a:2", imported)
    assert dict(accepted.changes)["seal/new"]["supersedes"] == ES_ID  # type: ignore[index]
    other = data_of("seal.imported", es_id="n2", filing_no="BA-3", owner_uscc=uscc(2))
    other["supersedes"] = ES_ID
    assert world.refusal("seal.imported", "seal:maker-a:3", other) == "supersedes_invalid"


# -- divisions ------------------------------------------------------------------------------------

COVERING = {
    "police-all": True,
    "police-shandong": True,
    "police-jinan": True,
    "police-lixia": True,
    "police-shizhong": False,
    "police-tianjin": False,
    "police-nowhere": False,
}


@pytest.mark.parametrize("member", sorted(COVERING))
def test_police_act_in_their_own_division_only(world: World, member: str) -> None:
    expected = "accepted" if COVERING[member] else "other_division"
    imported = data_of("seal.imported", es_id="x", filing_no="BA-9")
    sub = f"seal:{member}:1"
    assert world.refusal("seal.imported", sub, imported, by=member) == expected
    world.created_seal()
    assert world.refusal("seal.filed", SEAL, by=member) == expected
    world.record("seal.filed", SEAL)
    assert world.refusal("seal.status_changed", SEAL, by=member) == expected


@pytest.mark.parametrize(
    ("event_type", "near", "far"),
    [
        ("seal.status_changed", "authority-jinan", "authority-tianjin"),
        ("seal.certificate_renewed", "ca-shandong", "ca-tianjin"),
    ],
)
def test_authorities_act_in_their_own_division_only(
    world: World, event_type: str, near: str, far: str
) -> None:
    world.active_seal()
    assert world.refusal(event_type, SEAL, by=near) == "accepted"
    assert world.refusal(event_type, SEAL, by=far) == "other_division"


def test_the_division_is_asked_before_the_status(world: World) -> None:
    world.record("seal.applied", SEAL)
    assert world.refusal("seal.filed", SEAL, by="police-tianjin") == "other_division"
    assert world.refusal("seal.status_changed", SEAL, by="police-tianjin") == "other_division"
    assert world.refusal("seal.certificate_renewed", SEAL, by="ca-tianjin") == "other_division"


def test_a_maker_imports_seals_of_any_division(world: World) -> None:
    data = data_of("seal.imported", division="120105")
    assert world.refusal("seal.imported", SEAL, data) == "accepted"
    assert world.refusal("seal.imported", "seal:bureau-a:1", by="bureau-a") == "accepted"


# -- filing ---------------------------------------------------------------------------------------


def test_filing_makes_the_seal_active(world: World) -> None:
    world.created_seal()
    accepted = world.record("seal.filed", SEAL)
    assert accepted.facts == {"status": "active", "status_version": 3}
    changes = dict(accepted.changes)
    assert changes["filing/370102000000|BA2026-000001"] == {"dossier": SEAL}
    seal = changes[f"seal/{ES_ID}"]
    assert seal is not None
    assert (seal["status"], seal["status_version"], seal["ordinal"]) == ("active", 3, 3)
    assert (accepted.dossier["status"], accepted.dossier["status_version"]) == ("active", 3)


@pytest.mark.parametrize("status", ["applied", "active", "suspended", "lost", "cancelled"])
def test_only_a_created_seal_is_filed(world: World, status: str) -> None:
    in_status(world, status)
    data = data_of("seal.filed", filing_no="BA-other")
    assert world.refusal("seal.filed", SEAL, data) == "wrong_status"


def test_a_filing_number_is_taken_once_a_unit(world: World) -> None:
    world.created_seal()
    world.record("seal.filed", SEAL)
    other = "seal:maker-a:0002"
    world.created_seal(other, 2)
    assert world.refusal("seal.filed", other) == "filing_exists"
    assert world.refusal("seal.filed", other, data_of("seal.filed", filing_no="BA-2")) == "accepted"
    elsewhere = data_of("seal.filed", filing_unit_code="370103000000")
    assert world.refusal("seal.filed", other, elsewhere) == "accepted"
    imported = data_of("seal.imported", es_id="x")
    assert world.refusal("seal.imported", "seal:maker-a:3", imported) == "filing_exists"


def test_unit_and_number_are_not_run_together(world: World) -> None:
    world.created_seal()
    world.record("seal.filed", SEAL, data_of("seal.filed", filing_unit_code="37", filing_no="01"))
    world.created_seal("seal:maker-a:0002", 2)
    data = data_of("seal.filed", filing_unit_code="370", filing_no="1")
    assert world.refusal("seal.filed", "seal:maker-a:0002", data) == "accepted"


# -- status changes -------------------------------------------------------------------------------

STATUSES = (
    "active",
    "cancelled",
    "created",
    "applied",
    "expired",
    "lost",
    "revoked",
    "suspended",
    "suspended, then expired",
)


@pytest.mark.parametrize("to", SEAL_STATUSES)
@pytest.mark.parametrize("status", STATUSES)
def test_every_transition(world: World, status: str, to: str) -> None:
    in_status(world, status)
    before = "expired" if status.endswith("expired") else status
    version = world.dossier(SEAL)["status_version"]
    if (before, to) not in ALLOWED:
        assert world.refusal("seal.status_changed", SEAL, change(to)) == "wrong_status"
        return
    accepted = world.set_status(to)
    assert accepted.facts == {"from": before, "status": to, "status_version": version + 1}
    assert (accepted.dossier["status"], accepted.dossier["status_version"]) == (to, version + 1)
    seal = world.seal()
    assert (seal["status"], seal["status_version"]) == (to, version + 1)
    assert seal["ordinal"] == accepted.dossier["count"]


def test_the_table_of_transitions_is_the_one_above() -> None:
    assert {(before, to) for before, after in TRANSITIONS.items() for to in after} == ALLOWED


def test_cancelled_is_the_end(world: World) -> None:
    in_status(world, "cancelled")
    world.next_block(VALID_TO - NOW + 1)
    for to in SEAL_STATUSES:
        assert world.refusal("seal.status_changed", SEAL, change(to)) == "wrong_status"


@pytest.mark.parametrize(
    ("status", "late", "expected"),
    [
        ("active", 0, "active"),
        ("active", 1, "expired"),
        ("suspended", 0, "suspended"),
        ("suspended", 1, "expired"),
        ("created", 1, "created"),
        ("lost", 1, "lost"),
        ("revoked", 1, "revoked"),
        ("cancelled", 1, "cancelled"),
    ],
)
def test_expiry_follows_from_the_clock(status: str, late: int, expected: str) -> None:
    assert status_at({"status": status, "valid_to": VALID_TO}, VALID_TO + late) == expected


def test_expiry_is_judged_by_the_blocks_time_not_by_the_events(world: World) -> None:
    world.active_seal()
    world.next_block(VALID_TO - world.time)
    assert world.refusal("seal.status_changed", SEAL, change("suspended")) == "accepted"
    world.next_block(1)
    early = {"occurred_at": NOW}
    found = world.refusal("seal.status_changed", SEAL, change("suspended"), **early)
    assert found == "wrong_status"


def test_effective_at_neither_delays_nor_antedates(world: World) -> None:
    world.active_seal()
    later = change("suspended", effective_at=NOW + 30 * DAY)
    world.record("seal.status_changed", SEAL, later)
    assert world.seal()["status"] == "suspended"


# -- imports --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", SEAL_STATUSES)
def test_an_imported_seal_starts_where_it_says(world: World, status: str) -> None:
    accepted = world.record("seal.imported", SEAL, data_of("seal.imported", status=status))
    assert accepted.facts == {"imported": 1, "status": status, "status_version": 1}
    changes = dict(accepted.changes)
    seal = changes[f"seal/{ES_ID}"]
    assert seal is not None
    assert (seal["status"], seal["status_version"], seal["ordinal"]) == (status, 1, 1)
    assert changes["filing/370102000000|BA2026-000001"] == {"dossier": SEAL}
    dossier = accepted.dossier
    assert (dossier["status"], dossier["status_version"]) == (status, 1)
    assert (dossier["owner_kind"], dossier["owner_uscc"]) == ("organisation", uscc(1))
    assert (dossier["es_id"], dossier["maker"], dossier["division"]) == (ES_ID, "maker-a", "370102")
    for to in SEAL_STATUSES:
        found = world.refusal("seal.status_changed", SEAL, change(to))
        assert found == ("accepted" if (status, to) in ALLOWED else "wrong_status")


@pytest.mark.parametrize("status", ["created", "applied", "expired", ""])
def test_no_other_status_is_imported(world: World, status: str) -> None:
    data = data_of("seal.imported", status=status)
    assert world.refusal("seal.imported", SEAL, data) == "malformed_data"


def test_an_imported_seal_past_its_validity_has_expired(world: World) -> None:
    old = data_of("seal.imported", valid_from=NOW - 2 * DAY, valid_to=NOW - DAY)
    world.record("seal.imported", SEAL, old)
    assert world.refusal("seal.status_changed", SEAL, change("suspended")) == "wrong_status"
    assert world.set_status("cancelled").facts["from"] == "expired"


def test_a_persons_imported_seal_names_nobody(world: World) -> None:
    data = personal(data_of("seal.imported"))
    accepted = world.record("seal.imported", SEAL, data)
    assert accepted.dossier["owner_kind"] == "person"
    assert "owner_uscc" not in accepted.dossier
    named = {**data, "seal_name": "南某之印"}
    assert world.refusal("seal.imported", "seal:maker-a:2", named) == "private_in_clear"


def test_nothing_is_created_or_filed_after_an_import(world: World) -> None:
    world.record("seal.imported", SEAL)
    created = data_of("seal.created", es_id="x")
    assert world.refusal("seal.created", SEAL, created) == "wrong_status"
    assert world.refusal("seal.filed", SEAL, data_of("seal.filed", filing_no="x")) == "wrong_status"


def test_only_who_imported_a_seal_is_its_maker(world: World) -> None:
    world.record("seal.imported", "seal:police-jinan:1", by="police-jinan")
    created = data_of("seal.created", es_id="x")
    assert world.refusal("seal.created", "seal:police-jinan:1", created) == "not_permitted"


# -- certificates ---------------------------------------------------------------------------------


def renewal(old: str, new: str, **changes: object) -> State:
    fields = {"old_cert_sn": old, "new_cert_sn": new, "new_cert_hash": digest("cert", new)}
    return data_of("seal.certificate_renewed", **{**fields, **changes})


def test_renewals_form_a_chain(world: World) -> None:
    world.active_seal()
    world.record("seal.certificate_renewed", SEAL, renewal("a0", "b0"))
    assert world.seal()["certificates"] == ["b0"]
    skipped = renewal("a0", "c0")
    assert world.refusal("seal.certificate_renewed", SEAL, skipped) == "certificate_unknown"
    accepted = world.record("seal.certificate_renewed", SEAL, renewal("b0", "c0"))
    assert accepted.facts == {"status": "active"}
    assert world.seal()["certificates"] == ["b0", "c0"]


def test_the_last_ten_certificates_are_held(world: World) -> None:
    world.active_seal()
    for number in range(13):
        world.record("seal.certificate_renewed", SEAL, renewal(f"{number:x}", f"{number + 1:x}"))
    assert world.seal()["certificates"] == [f"{number:x}" for number in range(4, 14)]
    assert world.refusal("seal.certificate_renewed", SEAL, renewal("c", "f")) == (
        "certificate_unknown"
    )


def test_a_renewal_changes_neither_status_nor_validity(world: World) -> None:
    world.active_seal()
    before = world.seal()
    dossier = world.dossier(SEAL)
    accepted = world.record("seal.certificate_renewed", SEAL, renewal("a0", "b0"))
    assert world.seal() == {**before, "certificates": ["b0"]}
    assert accepted.dossier["status_version"] == dossier["status_version"]
    assert accepted.dossier["status"] == dossier["status"]


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        ("applied", "wrong_status"),
        ("created", "accepted"),
        ("active", "accepted"),
        ("suspended", "accepted"),
        ("lost", "accepted"),
        ("revoked", "wrong_status"),
        ("expired", "wrong_status"),
        ("suspended, then expired", "wrong_status"),
        ("cancelled", "wrong_status"),
    ],
)
def test_when_a_certificate_is_renewed(world: World, status: str, refusal: str) -> None:
    in_status(world, status)
    assert world.refusal("seal.certificate_renewed", SEAL, renewal("a0", "b0")) == refusal


def test_a_certificates_validity_must_run_forward(world: World) -> None:
    world.active_seal()
    data = renewal("a0", "b0", valid_from=NOW, valid_to=NOW)
    assert world.refusal("seal.certificate_renewed", SEAL, data) == "validity_reversed"
