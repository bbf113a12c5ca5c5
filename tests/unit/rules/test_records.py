"""Records without a life cycle: imports, disclosures, certificates, anchors."""

from __future__ import annotations

import pytest
from builders.events import case_sub, data_of, digest, reference
from builders.world import World

from node.core.evidence_code import check_digit

CASE = case_sub()
RECORD, ANCHOR = "record:operator-a:0001", "anchor:operator-a:0001"
ABOUT = ("disclosure.released", "disclosure.erased", "certificate.issued")


@pytest.mark.parametrize("member", ["platform-a", "operator-a"])
def test_an_import_claims_no_life_cycle(world: World, member: str) -> None:
    sub = f"record:{member}:0001"
    accepted = world.record("record.imported", sub, by=member)
    assert accepted.facts == {"imported": 1}
    assert (accepted.dossier["status"], accepted.dossier["status_version"]) == ("imported", 1)
    assert world.refusal("record.imported", sub, by=member) == "dossier_exists"


def test_an_import_may_name_nothing_but_itself(world: World) -> None:
    data = data_of("record.imported", aliases=[], document_hashes=[])
    assert world.refusal("record.imported", RECORD, data, by="operator-a") == "accepted"


def test_an_import_is_not_put_behind_other_records(world: World) -> None:
    world.open_case()
    code = "CZ" + world.dossier(CASE)["code"]
    world.record("certificate.issued", RECORD, data_of("certificate.issued", code=code))
    assert world.refusal("record.imported", RECORD, by="operator-a") == "dossier_exists"


@pytest.mark.parametrize("event_type", ABOUT)
def test_what_is_about_a_code_names_the_dossier(world: World, event_type: str) -> None:
    world.open_case()
    digits, count = world.dossier(CASE)["code"], world.dossier(CASE)["count"]
    for suffix in ("", "-1", f"-{count}"):
        data = data_of(event_type, code=f"CZ{digits}{suffix}")
        accepted = world.record(event_type, RECORD, data)
        assert accepted.facts["about"] == CASE
        assert (accepted.dossier["status"], accepted.dossier["status_version"]) == ("recorded", 0)
    assert world.dossier(RECORD)["count"] == 3


@pytest.mark.parametrize("event_type", ABOUT)
def test_an_unknown_code_is_refused(world: World, event_type: str) -> None:
    world.open_case()
    digits, count = world.dossier(CASE)["code"], world.dossier(CASE)["count"]
    unknown = f"{(int(digits[:12]) + 1) % 10**12:012d}"
    mistyped = str((int(digits[12]) + 1) % 10)
    for code in (
        f"CZ{digits}-{count + 1}",
        f"CZ{unknown}{check_digit(unknown)}",
        f"CZ{digits[:12]}{mistyped}",
    ):
        data = data_of(event_type, code=code)
        assert world.refusal(event_type, RECORD, data) == "code_unknown"


@pytest.mark.parametrize("event_type", ABOUT)
@pytest.mark.parametrize(
    "code", ["CZ123", "cz0034133234711-2", "CZ0034133234711-0", "CZ0034133234711-"]
)
def test_a_code_of_another_form_is_malformed(world: World, event_type: str, code: str) -> None:
    assert world.refusal(event_type, RECORD, data_of(event_type, code=code)) == "malformed_data"


@pytest.mark.parametrize("event_type", ABOUT)
def test_an_operator_leaves_anothers_records_alone(world: World, event_type: str) -> None:
    world.open_case()
    data = data_of(event_type, code="CZ" + world.dossier(CASE)["code"])
    world.record(event_type, RECORD, data)
    assert world.refusal(event_type, RECORD, data, by="operator-b") == "not_permitted"
    assert world.refusal(event_type, "record:operator-b:1", data, by="operator-b") == "accepted"


@pytest.mark.parametrize(
    ("receiver", "refusal"),
    [
        ("court-a", "accepted"),
        (reference(0), "accepted"),
        ("南某", "malformed_data"),
        ("a.b", "malformed_data"),
        ("Court-A", "malformed_data"),
        ("", "malformed_data"),
    ],
)
def test_a_disclosure_goes_to_a_member_or_a_party(
    world: World, receiver: str, refusal: str
) -> None:
    world.open_case()
    code = "CZ" + world.dossier(CASE)["code"]
    for event_type in ("disclosure.released", "disclosure.erased"):
        data = data_of(event_type, code=code, to=receiver)
        assert world.refusal(event_type, RECORD, data) == refusal


def test_an_erasure_need_not_say_who_asked(world: World) -> None:
    world.open_case()
    code = "CZ" + world.dossier(CASE)["code"]
    assert world.refusal("disclosure.erased", RECORD, data_of("disclosure.erased", code=code)) == (
        "accepted"
    )
    silent = data_of("disclosure.released", code=code, to=None)
    assert world.refusal("disclosure.released", RECORD, silent) == "malformed_data"


@pytest.mark.parametrize(
    ("size", "root", "refusal"),
    [
        (7, "root", "accepted"),
        (8, "later root", "accepted"),
        (7, "later root", "anchor_unknown"),
        (8, "root", "anchor_unknown"),
        (9, "root", "anchor_unknown"),
        (0, "root", "malformed_data"),
    ],
)
def test_an_anchor_must_be_of_this_log(world: World, size: int, root: str, refusal: str) -> None:
    world.roots = {
        7: bytes.fromhex(digest("root")),
        8: bytes.fromhex(digest("later root")),
    }
    data = data_of("anchor.confirmed", size=size, root=digest(root))
    assert world.refusal("anchor.confirmed", ANCHOR, data) == refusal


def test_an_anchor_dossier_is_its_operators(world: World) -> None:
    world.roots = {7: bytes.fromhex(digest("root"))}
    assert world.record("anchor.confirmed", ANCHOR).dossier["status"] == "recorded"
    assert world.record("anchor.confirmed", ANCHOR).dossier["count"] == 2
    assert world.refusal("anchor.confirmed", ANCHOR, by="operator-b") == "not_permitted"
