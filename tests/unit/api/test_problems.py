"""node.api.problems"""

from __future__ import annotations

import pytest

from node.api.problems import KINDS, Problem, malformed, problem_of
from node.core.errors import InvalidEncoding, InvalidSignature, LedgerFault
from node.storage.errors import StoreCorrupt, StoreUnavailable
from node.submission.errors import SubmissionFull, SubmissionStopped
from node.vault.errors import VaultDamaged

REQUIRED = {"type", "title", "title_zh", "status", "detail", "detail_zh", "instance"}


@pytest.mark.parametrize(
    ("error", "name", "status"),
    [
        (InvalidEncoding("query.at", "must be a time"), "malformed", 400),
        (InvalidSignature("signature", "does not hold"), "invalid-signature", 400),
        (SubmissionFull(7), "busy", 503),
        (SubmissionStopped("the disk is full", 9), "stopped", 503),
        (LedgerFault("entry 3 does not hash to its leaf"), "ledger-fault", 500),
        (StoreCorrupt("ledger", "a checksum"), "ledger-fault", 500),
        (StoreUnavailable("ledger", "cannot be read"), "not-ready", 503),
        (VaultDamaged("v/d/x", "was altered"), "internal", 500),
        (ZeroDivisionError("南霁云 120105199001010610"), "internal", 500),
    ],
)
def test_every_error_has_its_problem(error: Exception, name: str, status: int) -> None:
    document = problem_of(error).to_json()
    assert document["type"] == f"urn:evidence-ledger:problem:{name}"
    assert document["status"] == status == KINDS[name].status
    assert set(document) >= REQUIRED
    assert document["detail"] != document["detail_zh"]


def test_place_and_rule_of_an_input_are_told() -> None:
    document = problem_of(InvalidEncoding("payload.iat", "must be a time")).to_json()
    assert (document["place"], document["rule"]) == ("payload.iat", "must be a time")


def test_the_text_of_a_foreign_error_is_not_told() -> None:
    document = problem_of(ZeroDivisionError("南霁云")).to_json()
    assert "南霁云" not in str(document)


def test_retry_after_stands_in_document_and_header() -> None:
    problem = problem_of(SubmissionFull(7))
    assert problem.to_json()["retry_after"] == 7
    assert problem.headers == {"Retry-After": "7"}


def test_a_problem_stays_itself_and_each_occurrence_has_its_own_name() -> None:
    one, other = malformed("a", "b"), malformed("a", "b")
    assert problem_of(one) is one
    assert one.instance != other.instance
    assert one.instance.startswith("urn:uuid:")


def test_an_unknown_kind_is_refused_at_once() -> None:
    with pytest.raises(KeyError):
        Problem("nonsense", "", "")
