"""The form of every event type: which fields it has, which of them never stand in clear."""

from __future__ import annotations

from typing import Any

import pytest
from builders.consortium import member_key
from builders.events import (
    CHANGES_OF,
    OPTIONAL,
    data_of,
    digest,
    full_data_of,
    identity_number,
    reference,
)
from builders.world import personal

from node.rules.consortium_events import CHANGES
from node.rules.events import EVENTS, JUDGED
from node.rules.judge import check_data
from node.rules.quick import accepts_data
from node.rules.schema import FieldError, Object, Variants

PERSON = ("owner_name", "owner_id_no", "seal_name")

# By hand, from the description of the domain: what may only be disclosed.
PRIVATE = {
    "seal.applied": {"agent_name", "agent_id_no", "legal_representative", *PERSON},
    "seal.created": {"seal_name"},
    "seal.filed": {"handler_name"},
    "seal.status_changed": {"applicant"},
    "seal.imported": {
        "agent_name",
        "agent_id_no",
        "legal_representative",
        "handler_name",
        *PERSON,
    },
    "seal.certificate_renewed": set(),
    "signing.initiated": {"document_names", "party_names", "initiator"},
    "signing.identity_verified": {"name", "id_no", "serial_no", "score", "phone"},
    "signing.intent_confirmed": {"ip", "device"},
    "signing.started": {"ip", "device", "address", "latitude", "longitude"},
    "signing.sealed": {"page_rectangles"},
    "signing.completed": {"storage_location"},
    "signing.rejected": {"reason"},
    "signing.voided": {"reason"},
    "record.imported": {"summary"},
    "disclosure.released": set(),
    "disclosure.erased": set(),
    "certificate.issued": {"applicant"},
    "anchor.confirmed": set(),
    "governance.proposed": set(),
    "governance.voted": set(),
    "governance.withdrawn": set(),
    "key.compromised": set(),
    "key.rotated": set(),
    "validator.misbehaved": set(),
}
# Of an organisation these are public, and of a person the first step that can tell judges.
CLEAR_BY_OWNER = {
    "seal.applied": {"owner_name", "seal_name"},
    "seal.imported": {"owner_name", "seal_name"},
    "seal.created": {"seal_name"},
}
TYPES = sorted(EVENTS)


def rejection_of(event_type: str, data: Any) -> str:
    """What the forms say; the quick functions made of them must agree."""
    try:
        check_data(event_type, data)
    except FieldError as error:
        assert not accepts_data(event_type, data)
        return error.rejection
    assert accepts_data(event_type, data)
    return "accepted"


def place_of(event_type: str, data: Any) -> str:
    with pytest.raises(FieldError) as caught:
        check_data(event_type, data)
    return caught.value.place


def test_the_types_are_those_of_the_domain() -> None:
    assert set(EVENTS) == set(PRIVATE)
    assert {name: set(event.private) for name, event in EVENTS.items()} == PRIVATE
    assert all(event.name == name for name, event in EVENTS.items())
    kinds = {
        "anchor": "anchor",
        "governance": "consortium",
        "key": "consortium",
        "seal": "seal",
        "signing": "case",
        "validator": "consortium",
    }
    for name, event in EVENTS.items():
        assert event.kind == kinds.get(name.partition(".")[0], "record")


@pytest.mark.parametrize("event_type", TYPES)
def test_least_and_most(event_type: str) -> None:
    assert rejection_of(event_type, data_of(event_type)) == "accepted"
    assert rejection_of(event_type, full_data_of(event_type)) == "accepted"


def required_fields() -> list[tuple[str, str]]:
    return [(event_type, name) for event_type in TYPES for name in data_of(event_type)]


@pytest.mark.parametrize(("event_type", "name"), required_fields())
def test_each_required_field_must_be_there(event_type: str, name: str) -> None:
    data = data_of(event_type, **{name: None})
    if (event_type, name) == ("seal.created", "seal_name"):  # only its dossier can tell
        assert rejection_of(event_type, data) == "accepted"
        return
    assert rejection_of(event_type, data) == "malformed_data"
    assert place_of(event_type, data) == f"payload.data.{name}"


@pytest.mark.parametrize(
    ("event_type", "name"), [(kind, name) for kind in OPTIONAL for name in OPTIONAL[kind]]
)
def test_each_optional_field_may_be_there_alone(event_type: str, name: str) -> None:
    data = data_of(event_type, **{name: OPTIONAL[event_type][name]})
    assert rejection_of(event_type, data) == "accepted"


ODD: tuple[Any, ...] = (None, True, 1.5, -1, "", [], {}, [None], {"": ""}, "\x00", "x" * 600, 2**60)


@pytest.mark.parametrize("event_type", TYPES)
def test_no_field_takes_what_is_of_another_kind(event_type: str) -> None:
    for name in full_data_of(event_type):
        for odd in ODD:
            data = {**full_data_of(event_type), name: odd}
            if (name, odd) in (("aliases", []), ("document_hashes", [])):
                continue
            assert rejection_of(event_type, data) == "malformed_data", (name, odd)
            assert place_of(event_type, data).startswith(f"payload.data.{name}")


@pytest.mark.parametrize("event_type", TYPES)
def test_no_type_has_other_fields(event_type: str) -> None:
    data = {**data_of(event_type), "remark": "x"}
    assert rejection_of(event_type, data) == "malformed_data"
    assert place_of(event_type, data) == "payload.data.remark"
    long = {**data_of(event_type), "x" * 100: 1}
    assert place_of(event_type, long) == "payload.data." + "x" * 64


@pytest.mark.parametrize("event_type", TYPES)
@pytest.mark.parametrize("data", [None, [], "", 1])
def test_data_is_an_object(event_type: str, data: Any) -> None:
    assert rejection_of(event_type, data) == "malformed_data"


@pytest.mark.parametrize(
    ("event_type", "name"), [(kind, name) for kind in TYPES for name in sorted(PRIVATE[kind])]
)
def test_no_private_field_stands_in_clear(event_type: str, name: str) -> None:
    data = {**data_of(event_type), name: "南某"}
    clear = name in CLEAR_BY_OWNER.get(event_type, ())
    assert rejection_of(event_type, data) == ("accepted" if clear else "private_in_clear")
    if event_type in ("seal.applied", "seal.imported"):
        of_person = {**personal(data_of(event_type)), name: "南某"}
        assert rejection_of(event_type, of_person) == "private_in_clear"
        assert place_of(event_type, of_person) == f"payload.data.{name}"


@pytest.mark.parametrize("event_type", ["seal.applied", "seal.imported"])
def test_a_person_has_no_credit_code(event_type: str) -> None:
    data = {**personal(data_of(event_type)), "owner_uscc": data_of(event_type)["owner_uscc"]}
    assert rejection_of(event_type, data) == "malformed_data"
    assert rejection_of(event_type, personal(data_of(event_type))) == "accepted"


@pytest.mark.parametrize("event_type", ["signing.started", "signing.sealed"])
def test_seals_are_named_and_other_signatures_have_none(event_type: str) -> None:
    for kind, sealed in (
        ("organisation_seal", True),
        ("personal_seal", True),
        ("handwritten", False),
        ("certificate", False),
    ):
        named = data_of(event_type, signature_kind=kind)
        nameless = data_of(event_type, signature_kind=kind, es_id=None)
        assert rejection_of(event_type, named) == ("accepted" if sealed else "malformed_data")
        assert rejection_of(event_type, nameless) == ("malformed_data" if sealed else "accepted")
    unknown = data_of(event_type, signature_kind="stamp")
    assert place_of(event_type, unknown) == "payload.data.signature_kind"


# -- forms ----------------------------------------------------------------------------------------

HASH = digest("x")
KEY = member_key("court-a").jwk.to_json()
OKP = {"crv": "Ed25519", "kty": "OKP"}
GOOD_AND_BAD: list[tuple[str, str, tuple[Any, ...], tuple[Any, ...]]] = [
    (
        "seal.applied",
        "division",
        ("110000", "370102", "659001", "710000", "810000", "820000"),
        ("370", "3701020", "000000", "830000", "900000", "37010a", "３７０１０２", 370102),
    ),
    (
        "seal.created",
        "seal_code",
        ("3701020000001", "37010200000001"),
        ("370102000001", "370102000000001", "0001020000001", "37010200000OO1"),
    ),
    (
        "seal.applied",
        "owner_uscc",
        ("91350100M000100Y43",),
        ("91350100M000100Y44", "91350100m000100y43", "9135010OM000100Y43", "91350100M000100Y4"),
    ),
    ("seal.created", "ses_version", (4, 5), (3, 6, "4", 4.0, True)),
    ("seal.created", "signer_cert_hashes", ([HASH], [HASH] * 20), ([], [HASH] * 21, HASH, ["x"])),
    ("seal.created", "picture_hash", (HASH,), (HASH.upper(), HASH[1:], HASH + "0", HASH + "\n")),
    ("seal.created", "es_id", ("a", "A.b_c-9", "x" * 64), ("x" * 65, "a b", "a/b", "印", "a\n")),
    ("seal.created", "maker_cert_sn", ("0", "f" * 64), ("F", "f" * 65, "0x1")),
    ("seal.created", "sign_alg", ("SM2-SM3", "1.2.156.10197.1.501"), ("SM2 SM3", "x" * 129)),
    ("seal.created", "valid_to", (0, 253_402_300_799_999), (253_402_300_800_000, "0", 0.0)),
    ("seal.status_changed", "reason_code", ("a", "lost_by_owner"), ("", "A", "1a", "a" * 41)),
    ("seal.status_changed", "to", ("active", "lost"), ("expired", "created", "Active", 1)),
    ("seal.status_changed", "legal_basis", ("x" * 500,), ("x" * 501, "")),
    (
        "signing.initiated",
        "participants",
        (["a"], ["a-1"] * 20),
        ([], ["a"] * 21, ["A"], ["-a"], ["a-"], ["a" * 41], ["a_b"]),
    ),
    (
        "signing.identity_verified",
        "method",
        ("face", "sms", "bank_card", "ca_cert", "enterprise"),
        ("FACE", "voice"),
    ),
    ("signing.identity_verified", "result", ("passed", "failed"), ("通过", "pass")),
    (
        "signing.identity_verified",
        "party_ref",
        ("a" * 22, "A_-9" * 10 + "abc"),
        ("a" * 21, "a" * 44, "a" * 21 + "=", "a" * 21 + "+", "a" * 22 + "\n"),
    ),
    (
        "disclosure.released",
        "digests",
        ([reference(1) + "A" * 21], ["A" * 43] * 64),
        ([], ["A" * 43] * 65, ["A" * 42], ["A" * 42 + "B"], ["A" * 44]),
    ),
    ("disclosure.released", "code", ("CZ0034133234711", "CZ0034133234711-1"), ("CZ1", "CZ٣" * 9)),
    ("anchor.confirmed", "size", (1, 2**53 - 1), (0, -1, 2**53, "1")),
    ("anchor.confirmed", "external_height", (0, 2**53 - 1), (-1, 2**53)),
    ("governance.proposed", "closes_at", (0, 253_402_300_799_999), (-1, 253_402_300_800_000)),
    ("governance.proposed", "from", (1, 2**53 - 1), (0, 2**53, "1")),
    ("governance.proposed", "reason", ("x" * 500,), ("", "x" * 501)),
    ("governance.voted", "vote", ("approve", "reject"), ("abstain", "Approve", 1)),
    ("key.rotated", "jwk", (KEY,), ({**KEY, "d": "x"}, {**KEY, "y": KEY["x"]})),
    ("key.rotated", "jwk", (), ({**KEY, "kty": "RSA"}, {"kty": "EC"}, KEY["x"])),
    ("key.rotated", "overlap_blocks", (0, 1_000_000), (-1, 1_000_001, "1")),
    ("key.rotated", "replaces", ("A" * 43,), ("A" * 42, "A" * 42 + "B", "A" * 44)),
    ("key.rotated", "proof", ("A" * 86, "_-9" * 28 + "zQ"), ("A" * 85, "A" * 85 + "B", "A" * 87)),
    ("key.compromised", "suspect_from", (0,), (-1, "0")),
    ("validator.misbehaved", "address", ("0" * 40,), ("0" * 39, "0" * 41, "F" * 40)),
    ("validator.misbehaved", "height", (1,), (0, -1, "1")),
    ("validator.misbehaved", "misbehaviour", ("light_client_attack",), ("unknown", "")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("event_type", "name", "good", "bad"), GOOD_AND_BAD, ids=lambda item: str(item)[:24]
)
def test_forms(event_type: str, name: str, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    for value in good:
        assert rejection_of(event_type, data_of(event_type, **{name: value})) == "accepted", value
    for value in bad:
        data = {**data_of(event_type), name: value}
        assert rejection_of(event_type, data) == "malformed_data", value


def nested(event_type: str, name: str, **changes: Any) -> Any:
    data = full_data_of(event_type)
    value = data[name]
    inner = value[0] if isinstance(value, list) else value
    inner = {key: item for key, item in {**inner, **changes}.items() if item is not None}
    return {**data, name: [inner] if isinstance(value, list) else inner}


@pytest.mark.parametrize(
    ("event_type", "name", "member", "bad"),
    [
        ("seal.applied", "imprint_filing", "authority_code", ("", "a b")),
        ("seal.applied", "imprint_filing", "authority_name", ("", "x" * 101)),
        ("seal.applied", "imprint_filing", "filed_at", (-1, "now")),
        ("seal.applied", "imprint_filing", "imprint_hash", ("x",)),
        ("signing.initiated", "documents", "sha256", ("x", HASH.upper())),
        ("signing.initiated", "documents", "media_type", ("pdf", "a/", "Application/pdf")),
        ("signing.initiated", "documents", "size", (-1, 2**53, "1")),
        ("signing.initiated", "parties", "party_ref", ("x",)),
        ("signing.initiated", "parties", "kind", ("company",)),
    ],
)  # fmt: skip
def test_nested_objects(event_type: str, name: str, member: str, bad: tuple[Any, ...]) -> None:
    assert rejection_of(event_type, nested(event_type, name)) == "accepted"
    place = f"payload.data.{name}" + ("[0]" if name in ("documents", "parties") else "")
    for value in (None, *bad):
        data = nested(event_type, name, **{member: value})
        assert rejection_of(event_type, data) == "malformed_data", value
        assert place_of(event_type, data) == f"{place}.{member}"
    data = nested(event_type, name, remark="x")
    assert place_of(event_type, data) == f"{place}.remark"


def test_a_document_may_have_its_sm3_too() -> None:
    assert rejection_of(
        "signing.initiated", nested("signing.initiated", "documents", sm3=HASH)
    ) == ("accepted")
    data = nested("signing.initiated", "documents", sm3="x")
    assert place_of("signing.initiated", data) == "payload.data.documents[0].sm3"


# -- no identity numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event_type", "name", "value"),
    [
        ("seal.applied", "owner_name", "张某 {}"),
        ("seal.applied", "seal_type", "私章{}"),
        ("seal.status_changed", "legal_basis", "依{}申请"),
        ("signing.initiated", "origin", "{}"),
        ("signing.initiated", "aliases", ["ok", "{}"]),
        ("signing.identity_verified", "provider", "（{}）"),
        ("signing.started", "api", "https://sign.example/?id={}"),
        ("signing.started", "party_ref", "party-{}"),
        ("disclosure.released", "to", "{}"),
        ("disclosure.released", "case_no", "{}号"),
        ("certificate.issued", "purpose", "{}"),
    ],
)
def test_identity_numbers_in_clear(event_type: str, name: str, value: Any) -> None:
    def filled(number: str) -> Any:
        text = (
            [item.format(number) for item in value]
            if isinstance(value, list)
            else value.format(number)
        )
        return data_of(event_type, **{name: text})

    number = identity_number(2)
    assert number.isdigit()
    assert rejection_of(event_type, filled(number)) == "personal_number_in_clear"
    wrong = number[:17] + ("0" if number[17] != "0" else "1")
    assert rejection_of(event_type, filled(wrong)) == "accepted"


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("seal.filed", "filing_no"),
        ("seal.created", "es_id"),
        ("signing.initiated", "sign_no"),
        ("signing.completed", "storage_ref"),
        ("certificate.issued", "certificate_no"),
        ("anchor.confirmed", "external_tx"),
    ],
)
def test_numbers_that_others_give_may_look_like_one_by_chance(event_type: str, name: str) -> None:
    """Division, date and running number make a filing number that passes for an identity number
    once in eleven times: such a filing must not fail."""
    assert rejection_of(event_type, data_of(event_type, **{name: identity_number()})) == "accepted"


@pytest.mark.parametrize(
    "mark",
    ["\x00", "\t", "\n", "\x1f", "\x7f", "\x85", "\x9f", "\u2028", "\u202a", "\u202e", "\u2066",
     "\u2069"],
)  # fmt: skip
def test_texts_hold_nothing_that_shows_them_otherwise(mark: str) -> None:
    data = data_of("seal.applied", owner_name=f"甲{mark}乙")
    assert rejection_of("seal.applied", data) == "malformed_data"


@pytest.mark.parametrize(
    "text", [" ", "𠮷田", "é", "e\u0301", "\u200b", "😀", "\xa0", "ئۇيغۇر", "\ue000"]
)
def test_texts_hold_any_other_character(text: str) -> None:
    assert rejection_of("seal.applied", data_of("seal.applied", owner_name=text)) == "accepted"


# -- changes --------------------------------------------------------------------------------------


def changed(kind: str, **changes: Any) -> str:
    """What the forms say of a proposal of the change's full form with these ``changes``."""
    required, optional = CHANGES_OF[kind]
    whole = {"kind": kind, **required, **optional, **changes}
    change = {name: value for name, value in whole.items() if value is not None}
    return rejection_of("governance.proposed", data_of("governance.proposed", change=change))


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_each_change_has_its_fields(kind: str) -> None:
    required, optional = CHANGES_OF[kind]
    assert changed(kind) == "accepted"
    assert changed(kind, **dict.fromkeys(optional)) == "accepted"
    for name in optional:
        others = dict.fromkeys(other for other in optional if other != name)
        assert changed(kind, **others) == "accepted"
    for name in required:
        expected = "accepted" if (kind, name) == ("member.change", "name") else "malformed_data"
        assert changed(kind, **{name: None}) == expected
    for name in (*required, *optional):
        for odd in (True, 1.5, -1, "", {}, [None], "\x00", 2**60):
            if (kind, name) == ("parameter.set", "value") and odd in (-1, 2**60, [None]):
                continue  # the rules know which member a value must be of
            assert changed(kind, **{name: odd}) == "malformed_data", (name, odd)
    assert changed(kind, remark="x") == "malformed_data"
    unknown = data_of("governance.proposed", change={"kind": kind + "x", **required})
    assert place_of("governance.proposed", unknown) == "payload.data.change.kind"


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad"),
    [
        ("member.admit", "roles", (["police"],), ([], ["police", "auditor"], ["police"] * 2)),
        ("member.admit", "roles", (["auditor", "police"],), (["king"], "police")),
        ("member.admit", "divisions", ([], [""], ["37", "3701"]), (["3"], ["370"], ["37010200"])),
        ("member.admit", "keys", ([KEY],), ([], [KEY] * 11, [{}])),
        ("member.admit", "checkpoint_key", ({**OKP, "x": "A" * 43},), (KEY, {**OKP, "x": "A"})),
        ("validator.set", "power", (0, 2**40), (2**40 + 1,)),
        ("validator.set", "public_key", (), (KEY, {"crv": "Ed25519", "kty": "OKP", "x": "AAAA"})),
        ("rules.set", "version", (1, 2**31 - 1), (0, 2**31)),
        ("parameter.set", "name", ("custodians",), ("rules_version", "unknown")),
    ],
)  # fmt: skip
def test_forms_of_changes(
    kind: str, name: str, good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    for value in good:
        assert changed(kind, **{name: value}) == "accepted", value
    for value in bad:
        assert changed(kind, **{name: value}) == "malformed_data", value


def test_length_is_counted_in_code_points() -> None:
    assert rejection_of("seal.applied", data_of("seal.applied", seal_type="𠮷" * 40)) == "accepted"
    long = data_of("seal.applied", seal_type="𠮷" * 41)
    assert rejection_of("seal.applied", long) == "malformed_data"


def test_the_fields_handed_on_are_fields_of_some_type() -> None:
    fields: set[str] = set()
    for event in EVENTS.values():
        assert isinstance(event.data, (Object, Variants))
        objects = event.data.variants.values() if isinstance(event.data, Variants) else [event.data]
        for item in objects:
            fields |= set(item.members)
    assert fields >= JUDGED
