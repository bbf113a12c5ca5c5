"""The offline verifier on whole chains: what it passes, and what it says it did not check."""

from __future__ import annotations

import json
from typing import Any

import pytest
from builders.bundling import bundle_of, consistency_json, trust_of
from builders.cases import PRIVATE, SUB, Bundle, changed_validators, grown
from builders.chain import BLOCK_MS, Chain
from builders.reports import text_of, verify, with_status
from builders.signing import GENESIS_TIME, BlockSigner, digests_of, private_fields

from node.core.entry import decode_entry
from node.core.errors import InvalidInput
from node.core.signatures import Backend
from node.core.verify import FAILED, NOT_CHECKED, PASSED, STEPS, verify_bundle


def test_a_whole_bundle_of_four_operators(chain: Chain, bundle: Bundle, backend: Backend) -> None:
    report = verify(bundle, trust_of(chain, known_at=4), backend)
    assert report.accepted
    assert with_status(report, FAILED) == []
    assert with_status(report, NOT_CHECKED) == ["anchors"]
    assert report.backend == backend.name
    assert text_of(report, "operators").startswith("4 operators: ")
    assert text_of(report, "anchors").startswith("the bundle holds no receipt of an outside chain")


def test_a_whole_bundle_of_one_operator(backend: Backend) -> None:
    chain = grown(Chain(validators=1))
    report = verify(bundle_of(chain, SUB, disclosures=PRIVATE), trust_of(chain), backend)
    assert report.accepted
    assert with_status(report, NOT_CHECKED) == ["log.checkpoint", "anchors", "operators"]
    assert "protected from that operator only from its first anchor on" in text_of(
        report, "operators"
    )


def test_steps_are_numbered_named_and_rest_on_earlier_ones(chain: Chain, bundle: Bundle) -> None:
    report = verify(bundle, trust_of(chain))
    assert [step.number for step in report.steps] == list(range(1, len(STEPS) + 1))
    ids = [step.id for step in report.steps]
    assert ids == [planned.id for planned in STEPS]
    assert len(set(ids)) == len(ids)
    for position, planned in enumerate(STEPS):
        assert set(planned.needs) <= set(ids[:position])
    for step in report.steps:
        assert step.title
        assert step.text
        assert any("\u4e00" <= character <= "\u9fff" for character in step.title_zh)
        assert step.text_zh


def test_the_report_names_what_it_believed(chain: Chain, bundle: Bundle) -> None:
    trust = trust_of(chain)
    fingerprint = verify(bundle, trust).trust_fingerprint
    assert len(fingerprint) == 64
    assert verify(bundle, trust_of(chain, known_at=3)).trust_fingerprint != fingerprint


def test_what_a_court_reads_is_in_the_steps(chain: Chain, bundle: Bundle) -> None:
    report = verify(bundle, trust_of(chain))
    steps = {step.id: step for step in report.steps}
    assert "status open" in steps["dossier.head"].text
    time = "2026-09-21T22:14:30.000+08:00"
    head = steps["dossier.head"]
    assert head.text == f"nothing recorded before {time} is missing; status open"
    assert head.text_zh == f"{time} 之前上链的记录无遗漏；状态 open"
    assert [line.split("  ")[1] for line in steps["entries.form"].details] == [
        "signing.initiated",
        "signing.started",
        "signing.completed",
    ]
    assert "signed 2026-09-21T22:13:20+08:00, on the" in steps["times"].details[0]
    assert "on the chain between 2026-09-21T22:13:40" in steps["times"].details[0]
    assert steps["state.proofs"].details == ("seal/none: does not exist",)
    assert [line.split(": ")[1] for line in steps["disclosures"].details] == [
        "document_names",
        "initiator",
        "ip",
    ]
    assert steps["disclosures"].text == "3 of at most 3 private fields are disclosed and genuine"


def test_nothing_disclosed_is_not_checked(chain: Chain) -> None:
    report = verify(bundle_of(chain, SUB), trust_of(chain))
    assert "disclosures" in with_status(report, NOT_CHECKED)
    assert text_of(report, "disclosures") == "none is disclosed; 3 digest(s) stand on the chain"


def test_some_fields_can_be_shown_without_the_others(chain: Chain) -> None:
    report = verify(bundle_of(chain, SUB, disclosures=PRIVATE[1:]), trust_of(chain))
    assert text_of(report, "disclosures").startswith("1 of at most 3")


SEEN = GENESIS_TIME + 7 * BLOCK_MS
"""Time of the header that carries the app_hash of `as_of`."""


@pytest.mark.parametrize(
    ("status", "valid_to", "shown"),
    [
        ("active", SEEN, "active (version 3), valid to 2026-09-21T22:14:30.000+08:00"),
        ("active", SEEN - 1, "expired (version 3), valid to 2026-09-21T22:14:29.999+08:00"),
        ("suspended", SEEN + 1, "suspended (version 3), valid to 2026-09-21T22:14:30.001+08:00"),
        ("suspended", 1, "expired (version 3), valid to 1970-01-01T08:00:00.001+08:00"),
        ("revoked", 1, "revoked (version 3), valid to 1970-01-01T08:00:00.001+08:00"),
        ("active", None, "active (version 3)"),
        ("active", "1", "active (version 3)"),
    ],
)
def test_a_seals_status_is_shown_with_its_expiry(status: str, valid_to: Any, shown: str) -> None:
    chain = Chain(validators=4)
    value = {"status": status, "status_version": 3, "valid_to": valid_to}
    chain.put("seal/s1", {name: part for name, part in value.items() if part is not None})
    bundle = bundle_of(grown(chain), SUB, extra_keys=["seal/s1"])
    report = verify(bundle, trust_of(chain))
    details = next(step.details for step in report.steps if step.id == "state.proofs")
    assert details == (f"seal/s1: {shown}",)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"valid_from": SEEN}, "active (version 3), valid to 2026-09-21T22:14:31.000+08:00"),
        (
            {"valid_from": SEEN + 1},
            "not yet valid (version 3), valid from 2026-09-21T22:14:30.001+08:00 to "
            "2026-09-21T22:14:31.000+08:00",
        ),
        (
            {"valid_from": SEEN + 1, "valid_to": "1"},
            "not yet valid (version 3), valid from 2026-09-21T22:14:30.001+08:00",
        ),
        (
            {"valid_from": SEEN + 1, "status": "suspended"},
            "suspended (version 3), valid to 2026-09-21T22:14:31.000+08:00",
        ),
        (
            {"valid_from": SEEN + 1, "valid_to": SEEN - 1},
            "expired (version 3), valid to 2026-09-21T22:14:29.999+08:00",
        ),
        ({"valid_from": "x"}, "active (version 3), valid to 2026-09-21T22:14:31.000+08:00"),
    ],
)
def test_a_seal_whose_validity_has_not_begun(changes: dict[str, Any], shown: str) -> None:
    chain = Chain(validators=4)
    value = {"status": "active", "status_version": 3, "valid_to": SEEN + 1000}
    chain.put("seal/s1", {**value, **changes})
    report = verify(bundle_of(grown(chain), SUB, extra_keys=["seal/s1"]), trust_of(chain))
    details = next(step.details for step in report.steps if step.id == "state.proofs")
    assert details == (f"seal/s1: {shown}",)


@pytest.mark.parametrize("shown", [["seal/s1"], []])
def test_the_head_of_a_seals_dossier_is_told_without_its_status(shown: list[str]) -> None:
    """In an honest chain it stays "active" for ever, and whoever shows it may omit the seal."""
    chain, sub = Chain(validators=4), "seal:platform-a:0001"
    chain.commit_block(chain.jwt(sub=sub, type="seal.applied"))
    head = json.loads(chain.state[f"dossier/{sub}"])
    chain.put(f"dossier/{sub}", {**head, "status": "active", "es_id": "s1"})
    chain.put("seal/s1", {"status": "active", "status_version": 3, "valid_to": 1})
    for _ in range(3):
        chain.commit_block()
    report = verify(bundle_of(chain, sub, extra_keys=shown), trust_of(chain))
    assert report.accepted
    time = "2026-09-21T22:14:00.000+08:00"
    head_step = next(step for step in report.steps if step.id == "dossier.head")
    assert head_step.text == f"nothing recorded before {time} is missing"
    assert head_step.text_zh == f"{time} 之前上链的记录无遗漏"
    said = [(step.text, step.text_zh, *step.details) for step in report.steps]
    assert not [line for lines in said for line in lines if "active" in line]


def test_one_record_alone(chain: Chain) -> None:
    for ordinal in (1, 2, 3):
        report = verify(bundle_of(chain, SUB, scope="record", ordinals=[ordinal]), trust_of(chain))
        assert report.accepted
        assert with_status(report, NOT_CHECKED)[:2] == ["dossier.chain", "dossier.head"]


def test_an_older_bundle_still_holds_as_of_its_time(chain: Chain) -> None:
    older = bundle_of(chain, SUB, as_of=4)
    assert len(older["entries"]) == 2
    report = verify(older, trust_of(chain))
    assert report.accepted
    assert "before 2026-09-21T22:14:10" in text_of(report, "dossier.head")
    assert text_of(report, "log.checkpoint") == "the trust file names no checkpoint"


def test_an_older_bundle_leads_on_to_a_newer_checkpoint_by_a_proof_that_anybody_may_add(
    chain: Chain,
) -> None:
    older, trust = bundle_of(chain, SUB, as_of=4), trust_of(chain, known_at=6)
    assert text_of(verify(older, trust), "log.checkpoint") == (
        "checkpoint: the bundle does not lead to the known size 5: fetch the bundle with "
        "from_size=5"
    )
    older["consistency"] = [consistency_json(chain, 4, 6)]
    report = verify(older, trust)
    assert report.accepted
    assert text_of(report, "log.checkpoint") == (
        "the log known at size 5 continues this one of size 4"
    )


@pytest.mark.parametrize("known_at", [0, 2, 4, 6])
def test_a_bundle_leads_on_from_each_size_that_it_has_a_proof_of(
    chain: Chain, known_at: int
) -> None:
    """Roots of an older block that stand in the bundle are no proof: nothing connects them."""
    bundle = bundle_of(chain, SUB, consistency_from=[0, 2])
    report = verify(bundle, trust_of(chain, known_at))
    assert report.accepted == (known_at != 4)
    assert chain.points[4].size in [roots["size"] for roots in bundle["chain"]["roots"]]


def test_proofs_that_lead_somewhere_else_are_looked_at_without_a_checkpoint_too(
    chain: Chain,
) -> None:
    bundle = bundle_of(chain, SUB, consistency_from=[2])
    assert verify(bundle, trust_of(chain)).accepted
    bundle["consistency"][0]["proof"].reverse()
    assert with_status(verify(bundle, trust_of(chain)), FAILED) == ["log.checkpoint"]


def test_a_disclosure_may_stand_beside_two_records_that_both_name_it() -> None:
    chain = Chain(validators=4)
    own = private_fields({"ip": "192.0.2.1"})
    chain.commit_block(chain.jwt(**digests_of(own)))
    chain.commit_block(chain.jwt(jti="2", type="signing.started", **digests_of(own)))
    chain.commit_block()
    chain.commit_block()
    bundle = bundle_of(chain, SUB, disclosures=own)
    bundle["entries"][1]["disclosures"] = [own[0].encoded]
    report = verify(bundle, trust_of(chain))
    assert report.accepted
    assert text_of(report, "disclosures").startswith("2 of at most 2 private fields")


def test_layout_of_the_files_does_not_matter(chain: Chain, bundle: Bundle) -> None:
    trust = json.dumps(json.loads(trust_of(chain)), indent=2).encode()
    laid_out = json.dumps(bundle, indent=2, ensure_ascii=True).encode()
    report = verify_bundle(laid_out, trust)
    assert report.accepted
    assert report.trust_fingerprint == verify(bundle, trust_of(chain)).trust_fingerprint


def test_absent_votes_below_a_third_are_allowed(chain: Chain, bundle: Bundle) -> None:
    bundle["chain"]["commits"][0]["signatures"][2] = {"flag": 1}
    assert verify(bundle, trust_of(chain)).accepted


def test_changes_of_validators_are_followed(backend: Backend) -> None:
    chain = changed_validators()
    bundle = bundle_of(chain, SUB)
    assert len(bundle["chain"]["validator_sets"]) == 3
    assert verify(bundle, trust_of(chain), backend).accepted


def validators_known_to_all(chain: Chain, *signers: BlockSigner) -> None:
    for number, signer in enumerate(signers):
        key = signer.validator
        value = {"member": f"operator-{number}", "power": 1, "public_key": key.public_key.hex()}
        chain.put(f"validator/{key.address.hex()}", value)


@pytest.mark.parametrize(("power", "status"), [(60, PASSED), (61, NOT_CHECKED)])
def test_an_operator_that_signs_without_the_others_is_one_alone(power: int, status: str) -> None:
    chain = Chain(validators=4)
    heavy = [BlockSigner("heavy", power=power), *chain.signers[1:]]
    validators_known_to_all(chain, heavy[0])
    chain.commit_block(chain.jwt(), next_signers=heavy)
    for _ in range(4):
        chain.commit_block()
    address = heavy[0].validator.address.hex()
    bundle = bundle_of(chain, SUB, extra_keys=[f"validator/{address}"])
    report = verify(bundle, trust_of(chain))
    assert report.accepted
    step = next(step for step in report.steps if step.id == "operators")
    assert step.status == status
    if status == NOT_CHECKED:
        assert "one operator (operator-0) with 61 of 91 of the power" in step.text


def test_the_operators_told_are_those_that_signed_last() -> None:
    """A set that left and came back is the last one."""
    chain = Chain(validators=4)
    first, other = chain.signers, [BlockSigner(f"other-{number}") for number in range(2)]
    validators_known_to_all(chain, *other)
    chain.commit_block(chain.jwt(), next_signers=other)
    chain.commit_block()
    chain.commit_block(next_signers=first)
    for _ in range(3):
        chain.commit_block()
    addresses = [f"validator/{signer.validator.address.hex()}" for signer in other]
    report = verify(bundle_of(chain, SUB, extra_keys=addresses), trust_of(chain))
    assert text_of(report, "operators").startswith(
        "4 operators: operator-0, operator-1, operator-2, operator-3; after 1 other set(s)"
    )


GARBAGE = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "not UTF-8": b"\xff\xfe",
    "deep": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "gzip": b"\x1f\x8b\x08\x00",
    "PDF": b"%PDF-1.7\n",
    "NaN": b'{"as_of":NaN}',
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_fails_at_the_first_step_and_nothing_else_is_checked(
    chain: Chain, data: bytes
) -> None:
    report = verify_bundle(data, trust_of(chain))
    assert with_status(report, FAILED) == ["bundle.form"]
    assert with_status(report, PASSED) == []
    assert text_of(report, "chain.identity") == "rests on bundle.form, which did not pass"


def test_a_receipt_of_an_unknown_kind_is_not_checked_and_named(
    chain: Chain, bundle: Bundle
) -> None:
    roots = next(item for item in bundle["chain"]["roots"] if item["height"] == bundle["as_of"])
    point = {
        **roots,
        "chain_id": chain.genesis.chain_id,
        "format": "evidence-anchor/1",
        "header": chain.headers[bundle["as_of"] + 1].hash().hex(),
    }
    bundle["anchors"] = [{"kind": "moon", "point": point, "receipt": {}}]
    report = verify(bundle, trust_of(chain))
    assert report.accepted
    assert text_of(report, "anchors.1").endswith("of the kind moon")


@pytest.mark.parametrize("trust", [b"", b"{}", b"[]", b"\xff"])
def test_a_bad_trust_file_is_an_error_of_the_caller(bundle: Bundle, trust: bytes) -> None:
    with pytest.raises(InvalidInput):
        verify(bundle, trust)


def test_entries_of_the_bundle_are_those_of_the_log(chain: Chain, bundle: Bundle) -> None:
    """The builder itself: what it bundles decodes to what was committed."""
    entries = [decode_entry(item["entry"].encode()) for item in bundle["entries"]]
    assert [entry.height for entry in entries] == [2, 3, 5]
    assert entries[1].prev == entries[0].leaf_hash()
